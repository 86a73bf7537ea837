"""What the framework integrations share: reporting an inbound request without ever failing it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError

P = ParamSpec("P")
T = TypeVar("T")


def safely(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call something of ours; what it raises is reported once and goes no further."""
    try:
        return call(*args, **kwargs)
    except ReplayError:
        raise
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("recording a request", error)
        return None


class activated:  # noqa: N801  # used like a function: ``with activated(entry):``
    """The context of :meth:`.Entry.activate`, which neither fails nor swallows what happens within it; of
    ``None``, nothing.
    """

    __slots__ = ("_context", "_entry")

    def __init__(self, entry: ports.Entry | ports.Inbound | ports.Startup | None) -> None:
        self._entry = entry
        self._context: contextlib.AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        try:
            if self._entry is not None:
                context = self._entry.activate()
                context.__enter__()
                self._context = context
        except ReplayError:
            raise
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("recording a request", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._context is not None:
                self._context.__exit__(kind, error, trace)
        except ReplayError:
            raise
        except Exception as problem:  # noqa: BLE001  # as above
            if problem is not error:
                ports.report("recording a request", problem)
