"""Django's sessions of signed-in users, whose passwords are masked.

With each request Django compares what a session keeps, a hash of its user's password hash, with that column
of the user's row. In a recording the column is masked, so in a replay no session would fit its user, and
Django would end it. What the comparison gave is noted while recording, as the values are that cannot repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.nondeterminism import Draw, Fallback, current_source
from timetracer_otel.redaction import MASK

_AUTH = "django.contrib.auth"


class _Made(NamedTuple):
    """The hash that was made last, known by its identity; and whether it is one of a mask."""

    hash: str
    of_mask: bool


_made: ContextVar[_Made | None] = ContextVar("timetracer_session_hash", default=None)


class SessionFits(Draw[bool]):
    """Whether a session is still its user's: ``django.contrib.auth.session``.

    Args:
        compare: makes the comparison.
    """

    __slots__ = ("_compare",)

    def __init__(self, compare: Callable[[], bool]) -> None:
        super().__init__(f"{_AUTH}.session")
        self._compare = compare

    def live(self) -> bool:
        """Compare."""
        return self._compare()

    def invent(self, fallback: Fallback) -> bool:
        """It is, as nearly all are that are asked for."""
        return True

    def restore(self, noted: object) -> bool:
        """What was noted."""
        if type(noted) is not bool:
            raise ValueError(f"not true or false: {noted!r}")
        return noted


def points() -> Sequence[Point]:
    """Where the hash is made, and where it is compared."""
    user = f"{_AUTH}.base_user"
    return (
        Point(user, "AbstractBaseUser.get_session_auth_hash", wrapper=_hash, optional=True),
        Point(_AUTH, "constant_time_compare", wrapper=_compare, optional=True),
    )


def _hash(wrapped: Callable[..., str], user: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    found = wrapped(*args, **kwargs)
    try:
        if ports.current() is not None:
            _made.set(_Made(found, getattr(user, "password", None) == MASK))
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("reading whose session it is", error)
    return found


def _compare(wrapped: Callable[..., bool], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    compare = partial(wrapped, *args, **kwargs)
    try:
        decide = _decided(compare, args)
    except Exception as error:  # noqa: BLE001  # as above
        ports.report("reading whose session it is", error)
        decide = compare
    return decide()


def _decided(compare: Callable[[], bool], compared: tuple[Any, ...]) -> Callable[[], bool]:
    """What tells whether they are equal: in a replay of a masked one, the recording."""
    port, made = ports.current(), _made.get()
    if port is None or made is None or not any(value is made.hash for value in compared):
        return compare
    if port.replaying and not made.of_mask:
        return compare
    source = current_source()
    if source is None:
        return (lambda: True) if port.replaying else compare
    return partial(source.draw, SessionFits(compare))
