"""Work that is part of a call which is already seen."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import ClassVar

from timetracer_otel.ports.failing import report
from timetracer_otel.ports.standing import inside_variable


class _Place:
    """Whether work below is part of a call that is seen, or not. Never raises."""

    __slots__ = ("_token",)
    value: ClassVar[bool]

    def __enter__(self) -> None:
        try:
            self._token: Token[bool] | None = inside_variable.set(self.value)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._token = None
            report("recording a call", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._token is not None:
                inside_variable.reset(self._token)
        except Exception as problem:  # noqa: BLE001  # as above
            # a thread that stayed inside would record nothing more
            inside_variable.set(self._token is not None and self._token.old_value is True)
            report("recording a call", problem)


def leave(token: Token[bool]) -> None:
    """Back to where the work was part of what it was before. Never raises."""
    try:
        inside_variable.reset(token)
    except Exception as problem:  # noqa: BLE001  # as above
        inside_variable.set(token.old_value is True)
        report("recording a call", problem)


class inside(_Place):  # noqa: N801  # used like a function: ``with inside():``
    """Work below here is part of a call that is already seen: a driver under an ORM, say."""

    __slots__ = ()
    value = True


class outside(_Place):  # noqa: N801  # as above
    """Undo :class:`inside` for application code called back from within a call."""

    __slots__ = ()
    value = False


def is_inside() -> bool:
    """True within :func:`inside`."""
    return inside_variable.get()
