"""Who stands behind the ports: for the whole process, and in this context."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType

from timetracer_otel.ports.protocols import Entry, EntryPort, Inbound, Port, Startup

session: ContextVar[Port | None] = ContextVar("timetracer_session", default=None)
"""The replay session of this context."""

inside_variable: ContextVar[bool] = ContextVar("timetracer_inside", default=False)
entry_variable: ContextVar[Entry | Inbound | Startup | None] = ContextVar("timetracer_entry", default=None)

_process_port: Port | None = None
_process_entry_port: EntryPort | None = None


def current() -> Port | None:
    """The port for a call made here and now; ``None`` when nobody records or replays it."""
    port = session.get() or _process_port
    return None if port is None or inside_variable.get() else port


def process_port() -> Port | None:
    """Who stands behind the port for the whole process."""
    return _process_port


def replays() -> bool:
    """True where calls are answered from cassettes: in this context, or in the whole process."""
    port = session.get() or _process_port
    return port is not None and port.replaying


def entry_port() -> EntryPort | None:
    """The port for a request that comes in here; ``None`` inside one, or when off."""
    port = _process_entry_port
    return None if port is None or entry_variable.get() is not None else port


def process_entry_port() -> EntryPort | None:
    """Who takes the requests of the whole process."""
    return _process_entry_port


def set_process_ports(port: Port | None, entry: EntryPort | None) -> tuple[Port | None, EntryPort | None]:
    """Set who stands behind the ports for the whole process; returns who stood there."""
    global _process_port, _process_entry_port  # one process, one pair
    before = _process_port, _process_entry_port
    _process_port, _process_entry_port = port, entry
    return before


class entered:  # noqa: N801  # used like a function: ``with entered(entry):``
    """Make that inbound request, or start-up, the one this context serves."""

    __slots__ = ("_entry", "_token")

    def __init__(self, entry: Entry | Inbound | Startup) -> None:
        self._entry = entry

    def __enter__(self) -> None:
        self._token = entry_variable.set(self._entry)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entry_variable.reset(self._token)


def current_entry() -> Entry | Inbound | Startup | None:
    """The inbound request, or start-up, this context serves."""
    return entry_variable.get()
