"""Chance: ``os.urandom``, ``random``, ``secrets``, ``uuid``.

Everything random in the standard library's Python code comes from a few primitives: ``os.urandom``,
the numbers of the generator behind ``random.choice`` and its like, and the time-based UUIDs. Those are
intercepted, so that functions taken early (``from uuid import uuid4``) and functions that
give the app's own objects (``random.choice(orders)``) are covered. A value is named after the outermost
function that asked: ``uuid.uuid4``, ``secrets.token_hex``, ``random.shuffle``.

A generator of the app's own is its own: ``random.Random(42)`` repeats by itself. One without a seed gets a
seed that is recorded.
"""

from __future__ import annotations

import functools
import operator
import os
import random
import sys
import threading
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, TypeVar

from timetracer_otel import ports
from timetracer_otel.nondeterminism import callers, references, source
from timetracer_otel.nondeterminism.draws import (
    RandomBits,
    RandomBytes,
    RandomFloat,
    SpareGauss,
    TimeUuid,
    Uuid4Bytes,
)
from timetracer_otel.nondeterminism.source import ValueSource

T = TypeVar("T")

_real_urandom: Final = os.urandom
_real_getrandom: Final = getattr(os, "getrandom", None) or (lambda size, flags=0: _real_urandom(size))
_real_random: Final = random.Random.random
_real_getrandbits: Final = random.Random.getrandbits
_real_seed: Final = random.Random.seed
_shared: Final[random.Random] = random._inst  # behind random.choice and its like

_ASKING: Final = frozenset({"random", "secrets", "uuid"})
_SEED_BYTES: Final = 32

_lock = threading.Lock()
_replaced: list[references.Replaced] | None = None


def shared_bits(count: int) -> int:
    """``random.getrandbits`` for what nobody notes, without asking whose call it is."""
    return _real_getrandbits(_shared, count)


def _drawer(frame: FrameType | None, primitive: str) -> tuple[ValueSource, str, str] | None:
    """Who draws, the outermost function that asked, and the package that called it."""
    function, caller = primitive, frame
    while caller is not None:
        module = caller.f_globals.get("__name__")
        if module not in _ASKING:
            break
        function = f"{module}.{caller.f_code.co_name}"
        caller = caller.f_back
    package = callers.package_of(caller)
    if package is None:
        return None
    found = source.current_source()
    return None if found is None else (found, function, package)


def _asked(draw: Callable[..., Callable[[], T] | None], *args: Any) -> Callable[[], T] | None:
    """How to draw the value, by ``draw``; ``None``: nobody draws values here."""
    try:
        return None if source.idle() else draw(sys._getframe(2), *args)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("drawing a random value", error)
        return None


@functools.wraps(_real_urandom)
def _urandom(size: int, /) -> bytes:
    draw = _asked(_urandom_draw, size)
    return _real_urandom(size) if draw is None else draw()


def _urandom_draw(frame: FrameType, size: int, primitive: str = "os.urandom") -> Callable[[], bytes] | None:
    drawer = _drawer(frame, primitive)
    count = _index(size)
    if drawer is None or count is None:
        return None
    found, function, package = drawer
    if function == "uuid.uuid4":
        return functools.partial(found.draw, Uuid4Bytes(package, _real_urandom))
    # random.choice of the operating system's numbers is not random.choice of the generator's
    function = (
        function.replace("random.", "random.SystemRandom.", 1) if function[:7] == "random." else function
    )
    return functools.partial(found.draw, RandomBytes(function, package, count, _real_urandom))


def _getrandom(size: int, flags: int = 0) -> bytes:
    """``os.getrandom``, where there is one: the bytes of ``os.urandom`` by another name."""
    draw = _asked(_urandom_draw, size, "os.getrandom")
    return _real_getrandom(size, flags) if draw is None else draw()


class _SharedRandom(random.Random):
    """What ``random``'s own generator is made an instance of: draws its numbers from the context."""

    def random(self) -> float:
        draw = _asked(_random_draw, self)
        return _real_random(self) if draw is None else draw()

    def getrandbits(self, k: int, /) -> int:
        try:  # not by _asked: OpenTelemetry draws its identifiers here
            frame = sys._getframe(1)
            draw = None if callers.machinery(frame) or source.idle() else _bits_draw(frame, self, k)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("drawing a random value", error)
            draw = None
        return _real_getrandbits(self, k) if draw is None else draw()

    @property
    def gauss_next(self) -> float | None:
        """The second number of a pair; a session must not get the one that another session left."""
        draw = _asked(_spare_draw, self)
        return self.__dict__.get("gauss_next") if draw is None else draw()

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        self.__dict__["gauss_next"] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return random.Random, (), self.getstate()


def _random_draw(frame: FrameType, generator: random.Random) -> Callable[[], float] | None:
    drawer = _drawer(frame, "random.random")
    if drawer is None:
        return None
    found, function, package = drawer
    return functools.partial(
        found.draw, RandomFloat(function, package, functools.partial(_real_random, generator))
    )


def _bits_draw(frame: FrameType, generator: random.Random, k: int) -> Callable[[], int] | None:
    drawer = _drawer(frame, "random.getrandbits")
    bits = _index(k)
    if drawer is None or bits is None:
        return None
    found, function, package = drawer
    real = functools.partial(_real_getrandbits, generator)
    return functools.partial(found.draw, RandomBits(function, package, bits, real))


def _spare_draw(frame: FrameType, generator: random.Random) -> Callable[[], float | None] | None:
    # not for getstate()
    drawer = _drawer(frame, "random.gauss") if frame.f_code.co_name == "gauss" else None
    if drawer is None:
        return None
    spare: Callable[[], float | None] = functools.partial(generator.__dict__.get, "gauss_next")
    return functools.partial(drawer[0].draw, SpareGauss(drawer[2], spare))


@functools.wraps(_real_seed)
def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    if a is None:
        draw = _asked(_seed_draw)
        if draw is not None:
            a = int.from_bytes(draw(), "big")
    _real_seed(self, a, version)


def _seed_draw(frame: FrameType) -> Callable[[], bytes] | None:
    drawer = _drawer(frame, "random.Random.seed")
    if drawer is None:
        return None
    found, _, package = drawer
    return functools.partial(
        found.draw, RandomBytes("random.Random.seed", package, _SEED_BYTES, _real_urandom)
    )


def _time_uuid(version: int, real: Callable[..., uuid.UUID]) -> Callable[..., uuid.UUID]:
    @functools.wraps(real)
    def wrapper(*args: Any, **kwargs: Any) -> uuid.UUID:
        call = functools.partial(real, *args, **kwargs)
        draw = _asked(_uuid_draw, real.__name__, version, call)
        return call() if draw is None else draw()

    return wrapper


def _uuid_draw(
    frame: FrameType, name: str, version: int, call: Callable[[], uuid.UUID]
) -> Callable[[], uuid.UUID] | None:
    drawer = _drawer(frame, name)
    return None if drawer is None else functools.partial(drawer[0].draw, TimeUuid(drawer[2], version, call))


def _index(size: object) -> int | None:
    """The argument as a number, ``None`` when it is one for the real function to refuse."""
    try:
        count = operator.index(size)  # type: ignore[arg-type]  # the real function says what is wrong
    except TypeError:
        return None
    return count if count >= 0 else None


def install() -> None:
    """Intercept the random sources of this process; once is enough."""
    global _replaced  # one process, one set of functions
    with _lock:
        if _replaced is not None:
            return
        pairs: list[tuple[references.Function, references.Function]] = [
            (_real_urandom, _urandom),
            (random.random, _bound(_SharedRandom.random)),
            (random.getrandbits, _bound(_SharedRandom.getrandbits)),
        ]
        if hasattr(os, "getrandom"):  # Linux
            pairs.append((os.getrandom, functools.wraps(os.getrandom)(_getrandom)))
        for version in (1, 6, 7):
            real = getattr(uuid, f"uuid{version}", None)  # 6 and 7: since Python 3.14
            if real is not None:
                pairs.append((real, _time_uuid(version, real)))
        _shared.__class__ = _SharedRandom
        random.Random.seed = _seed  # type: ignore[method-assign]  # given back by uninstall()
        _replaced = references.replace(pairs)


def uninstall() -> None:
    """Give the random sources back."""
    global _replaced  # as above
    with _lock:
        if _replaced is None:
            return
        references.restore(_replaced)
        if random.Random.seed is _seed:
            random.Random.seed = _real_seed  # type: ignore[method-assign]  # as it was
        _shared.__class__ = random.Random
        _replaced = None


def installed() -> bool:
    """True between :func:`install` and :func:`uninstall`."""
    return _replaced is not None


def _bound(method: Callable[..., T]) -> Callable[..., T]:
    return method.__get__(_shared)  # type: ignore[no-any-return]  # a bound method of the generator
