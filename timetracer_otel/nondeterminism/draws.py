"""The random values that can be drawn: how each is noted, restored and made up."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final
from uuid import UUID, SafeUUID

from timetracer_otel.nondeterminism.source import Draw, Fallback

_UUID_EPOCH: Final = 0x01B21DD213814000
"""100 ns intervals from 15 October 1582, where a UUID's time begins, to 1970."""


class RandomBytes(Draw[bytes]):
    """``os.urandom(size)``, also beneath ``secrets`` and ``SystemRandom``."""

    __slots__ = ("_real", "_size")

    def __init__(self, caller: str, package: str, size: int, real: Callable[[int], bytes]) -> None:
        super().__init__(f"{caller}({size})@{package}")
        self._size = size
        self._real = real

    @property
    def size(self) -> int:
        """How many bytes."""
        return self._size

    def live(self) -> bytes:
        """Bytes of the operating system."""
        return self._real(self._size)

    def invent(self, fallback: Fallback) -> bytes:
        """Bytes of the seeded generator."""
        return fallback.random.randbytes(self._size)

    def restore(self, noted: object) -> bytes:
        """The bytes that were noted."""
        if type(noted) is not bytes or len(noted) != self._size:
            raise ValueError(f"not {self._size} bytes: {noted!r}")
        return noted


class Uuid4Bytes(Draw[bytes]):
    """The 16 random bytes within ``uuid.uuid4()``, noted as the UUID that they make."""

    __slots__ = ("_real",)

    def __init__(self, package: str, real: Callable[[int], bytes]) -> None:
        super().__init__(f"uuid.uuid4@{package}")
        self._real = real

    def live(self) -> bytes:
        """Bytes of the operating system."""
        return self._real(16)

    def invent(self, fallback: Fallback) -> bytes:
        """Bytes of the seeded generator."""
        return fallback.random.randbytes(16)

    def note(self, value: bytes) -> object:
        """The UUID made of the bytes."""
        return UUID(bytes=value, version=4)

    def restore(self, noted: object) -> bytes:
        """Bytes that make that UUID."""
        if type(noted) is not UUID:
            raise ValueError(f"not a UUID: {noted!r}")
        return noted.bytes


class RandomBits(Draw[int]):
    """``getrandbits(bits)``, also beneath ``randint``, ``choice``, ``shuffle``, ..."""

    __slots__ = ("_bits", "_real")

    def __init__(self, caller: str, package: str, bits: int, real: Callable[[int], int]) -> None:
        super().__init__(f"{caller}({bits})@{package}")
        self._bits = bits
        self._real = real

    def live(self) -> int:
        """Bits of the process's generator."""
        return self._real(self._bits)

    def invent(self, fallback: Fallback) -> int:
        """Bits of the seeded generator."""
        return fallback.random.getrandbits(self._bits)

    def restore(self, noted: object) -> int:
        """The bits that were noted."""
        if type(noted) is not int or noted < 0 or noted.bit_length() > self._bits:
            raise ValueError(f"not {self._bits} bits: {noted!r}")
        return noted


class RandomFloat(Draw[float]):
    """``random.random()``, also beneath ``uniform``, ``choices``, ``gauss``, ..."""

    __slots__ = ("_real",)

    def __init__(self, caller: str, package: str, real: Callable[[], float]) -> None:
        super().__init__(f"{caller}@{package}")
        self._real = real

    def live(self) -> float:
        """A number of the process's generator."""
        return self._real()

    def invent(self, fallback: Fallback) -> float:
        """A number of the seeded generator."""
        return fallback.random.random()

    def restore(self, noted: object) -> float:
        """The number that was noted."""
        if type(noted) is not float or not 0.0 <= noted < 1.0:
            raise ValueError(f"not in [0, 1): {noted!r}")
        return noted


class SpareGauss(Draw[float | None]):
    """The second number of the pair that ``random.gauss`` makes, when one is left over."""

    __slots__ = ("_real",)

    def __init__(self, package: str, real: Callable[[], float | None]) -> None:
        super().__init__(f"random.gauss.spare@{package}")
        self._real = real

    def live(self) -> float | None:
        """What the process's generator has left over."""
        return self._real()

    def invent(self, fallback: Fallback) -> float | None:
        """None: make a pair of the seeded generator's numbers."""
        return None

    def restore(self, noted: object) -> float | None:
        """What was left over."""
        if noted is not None and type(noted) is not float:
            raise ValueError(f"not a number: {noted!r}")
        return noted


class TimeUuid(Draw[UUID]):
    """``uuid1``, ``uuid6`` or ``uuid7``: of the time, a counter in the process, and chance."""

    __slots__ = ("_real", "_version")

    def __init__(self, package: str, version: int, real: Callable[[], UUID]) -> None:
        super().__init__(f"uuid.uuid{version}@{package}")
        self._version = version
        self._real = real

    def live(self) -> UUID:
        """A new one."""
        return self._real()

    def invent(self, fallback: Fallback) -> UUID:
        """One of the session's time, the rest of the seeded generator."""
        return time_uuid(self._version, fallback.time_ns(), fallback.random)

    def note(self, value: UUID) -> object:
        """The UUID, and whether its making was safe among processes."""
        return value, value.is_safe.value

    def restore(self, noted: object) -> UUID:
        """The UUID that was noted."""
        if not isinstance(noted, tuple) or len(noted) != 2:  # as noted
            raise ValueError(f"not a UUID: {noted!r}")
        value, safe = noted
        if type(value) is not UUID or value.version != self._version:
            raise ValueError(f"not a UUID of version {self._version}: {value!r}")
        return UUID(int=value.int, is_safe=SafeUUID(safe))


def time_uuid(version: int, time_ns: int, random: Random) -> UUID:
    """A UUID of version 1, 6 or 7 (RFC 9562).

    Args:
        version: 1, 6 or 7.
        time_ns: its time, in nanoseconds since 1970.
        random: gives all other bits.
    """
    intervals = time_ns // 100 + _UUID_EPOCH
    if version == 1:
        high = (intervals & 0xFFFFFFFF) << 32 | (intervals >> 32 & 0xFFFF) << 16 | intervals >> 48 & 0x0FFF
    elif version == 6:  # the version of RFC 9562
        high = (intervals >> 12 & 0xFFFFFFFFFFFF) << 16 | intervals & 0x0FFF
    else:
        high = time_ns // 10**6 << 16 | random.getrandbits(12)
    low = 0b10 << 62 | random.getrandbits(62)
    return UUID(int=((high & ~0xF000 | version << 12) << 64 | low) & (1 << 128) - 1)
