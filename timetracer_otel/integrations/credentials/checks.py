"""One check of a credential: noted while recording, given again where its credential is a mask."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from timetracer_otel import ports, values
from timetracer_otel.integrations.base import Point
from timetracer_otel.nondeterminism import CHECKS, Draw, Fallback, current_source, undrawn
from timetracer_otel.redaction import holds_mask

Wrapper: TypeAlias = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]

_MOST: Final = 64 * 1024
"""Characters of an outcome that is noted."""
_within: ContextVar[bool] = ContextVar("timetracer_check", default=False)
"""A check is being made: those that it makes itself are part of it."""


class Refused(NamedTuple):
    """The check raised this."""

    error: Exception


class Outcome(NamedTuple):
    """What a check came to."""

    value: Any


def within() -> bool:
    """True while a check is being made: what it asks is part of it."""
    return _within.get()


def is_masked(value: object) -> bool:
    """True for a text or bytes that a mask stands in."""
    if isinstance(value, bytes):
        return holds_mask(value.decode("latin-1"))
    return isinstance(value, str) and holds_mask(value)


def any_masked(instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """True when one of the arguments is masked."""
    return any(map(is_masked, (*args, *kwargs.values())))


class Check(msgspec.Struct, frozen=True):
    """A function that says whether a credential is good.

    Attributes:
        name: as it is noted: ``jwt.decode``.
        errors: the module with the exceptions that it may raise to say no.
        base: the class there that all of these are of.
        beside: it does something beside: in a replay it is made in any case.
        masked: whether what a call is given (instance, arguments, keywords) is masked.
        note: what it returned, as data; ``None``: it is not noted.
        restore: what it returned, of that data.
            Raises ``ValueError``: it cannot have returned that.
        fit: what the app gets, of what was restored and the call that is answered.
        refuse: one of the exceptions, with what it said, which may be nothing.
    """

    name: str
    errors: str = ""
    base: str = ""
    beside: bool = False
    masked: Callable[[object, tuple[Any, ...], dict[str, Any]], bool] = any_masked
    note: Callable[[Any], Any] = lambda value: {"value": value}
    restore: Callable[[Any], Any] = lambda noted: noted["value"]
    fit: Callable[[Any, partial[Any]], Any] = lambda value, call: value
    refuse: Callable[[type[Exception], str], Exception] = lambda kind, said: kind(said) if said else kind()

    def at(self, module: str, path: str) -> Point:
        """The point where it is made; not every version has it."""
        return Point(module, path, wrapper=partial(made, self), optional=True)

    def exceptions(self) -> Iterable[type[Exception]]:
        """The exceptions that it may raise to say no, as far as they are loaded."""
        module = sys.modules.get(self.errors)
        base = getattr(module, self.base, None)
        if isinstance(base, type) and issubclass(base, Exception):
            for kind in list(vars(module).values()):
                if isinstance(kind, type) and issubclass(kind, base):
                    yield kind


class _Checking(Draw[Outcome | Refused | None]):
    """One call of a check.

    Args:
        check: which.
        call: makes it.
    """

    __slots__ = ("_call", "_check")

    def __init__(self, check: Check, call: partial[Any]) -> None:
        super().__init__(f"{CHECKS}{check.name}")
        self._check = check
        self._call = call

    def live(self) -> Outcome | Refused:
        """Make it. What it draws, the time say, is not asked for in a replay that does not make it."""
        if self._check.beside:
            return _outcome(self._call)
        with undrawn():
            return _outcome(self._call)

    def invent(self, fallback: Fallback) -> None:
        """Nobody can say what a check would have come to."""
        return

    def note(self, value: Outcome | Refused | None) -> object:
        """The outcome as data, which the app cannot change any more; ``None`` where that cannot be."""
        if isinstance(value, Refused):
            kind = next((kind for kind in self._check.exceptions() if kind is type(value.error)), None)
            return kind and {"refused": kind.__name__, "message": str(value.error)}
        if value is None:
            return None
        noted = copy.deepcopy(self._check.note(value.value))
        text, unsupported = values.dumps_checked(noted)
        return noted if len(text) <= _MOST and not unsupported else None

    def restore(self, noted: object) -> Outcome | Refused | None:
        """What was noted."""
        if noted is None:
            return None
        if not isinstance(noted, dict):
            raise ValueError(f"not the outcome of a check: {noted!r}")  # noqa: TRY004  # as all of these say it
        if "refused" not in noted:
            try:
                return Outcome(self._check.fit(self._check.restore(noted), self._call))
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"not the outcome of {self._check.name}: {noted!r}") from error
        for kind in self._check.exceptions():
            if kind.__name__ == noted["refused"]:
                message = noted.get("message")
                return Refused(self._check.refuse(kind, message if isinstance(message, str) else ""))
        raise ValueError(f"no exception of {self._check.name}: {noted!r}")


def _outcome(call: Callable[[], Any]) -> Outcome | Refused:
    token = _within.set(True)
    try:
        return Outcome(call())
    except Exception as error:  # noqa: BLE001  # it is raised into the app where the outcome is used
        return Refused(error)
    finally:
        _within.reset(token)


def made(
    check: Check, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Make the check, or give what it came to; raises what the check itself raises.

    Args:
        check: which.
        wrapped: makes it.
        instance: on what.
        args: of the call.
        kwargs: of the call.
    """
    call = partial(wrapped, *args, **kwargs)
    try:
        outcome = _decided(check, call, instance, args, kwargs)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report(f"looking at {check.name}", error)
        outcome = None
    if outcome is None:
        return call()
    if isinstance(outcome, Refused):
        raise outcome.error
    return outcome.value


def _decided(
    check: Check, call: partial[Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Outcome | Refused | None:
    """What the check came to, made or recorded; ``None``: it is to be made, and is nobody's business."""
    port = ports.current()
    if port is None or _within.get():
        return None
    source = current_source()
    if source is None:
        return None
    checking = _Checking(check, call)
    if not port.replaying:
        return source.draw(checking)
    # asked for in any case: the next check has the next outcome
    recorded = source.draw(checking)
    if not check.masked(instance, args, kwargs):
        return _outcome(call)
    made = _outcome(call) if check.beside else None
    return recorded or made
