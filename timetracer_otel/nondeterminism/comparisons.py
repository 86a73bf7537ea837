"""What ``compare_digest`` came to, as far as one of both was a secret that is masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

COMPARES: Final = "credential.compare_digest"
"""The source of these values."""

_MOST: Final = 10_000


class Comparison:
    """One comparison of two secrets, perhaps.

    What was compared is held until it is known what of it was masked, and never written: no codec knows this.

    Args:
        good: both were the same.
        operands: what was compared.
    """

    __slots__ = ("good", "operands")

    def __init__(self, good: bool, operands: tuple[object, ...]) -> None:
        self.good = good
        self.operands = operands


class Recorded(NamedTuple):
    """What a comparison came to.

    Attributes:
        good: both were the same.
        signed: they were signatures of what is masked, and cannot be the same again.
    """

    good: bool
    signed: bool


def noted(recorded: Recorded, after: int) -> dict[str, object]:
    """A comparison as it is written.

    Args:
        recorded: what it came to.
        after: comparisons of the same lane before it, since the last that was written.
    """
    found: dict[str, object] = {"value": recorded.good}
    if recorded.signed:
        found["signed"] = True
    return {**found, "after": after} if after else found


def restored(noted: object) -> Recorded:
    """What :func:`noted` wrote.

    Raises:
        ValueError: it did not write that.
    """
    if not isinstance(noted, dict) or type(noted.get("value")) is not bool:
        raise ValueError(f"not what a comparison came to: {noted!r}")  # as all of these say it
    return Recorded(noted["value"], noted.get("signed") is True)


class MissingBefore:
    """The comparisons of a cassette that were not written: a replay makes them, too.

    Their number is bounded.
    """

    def __init__(self) -> None:
        self._left = _MOST

    def __call__(self, source: str, value: object) -> Iterator[None]:
        """One for each that was made before a value.

        Args:
            source: of the value.
            value: as it is written.
        """
        after = value.get("after") if source == COMPARES and isinstance(value, dict) else None
        if type(after) is int and 0 < after <= self._left:
            self._left -= after
            yield from (None for _ in range(after))
