"""What stands in for a server: a protocol, a transport and prepared statements with nothing behind them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asyncpg.exceptions import InterfaceError
from asyncpg.protocol import protocol as wire
from asyncpg.types import Attribute, Type

from timetracer_otel.integrations.dbapi.core import refused
from timetracer_otel.integrations.dbapi.values import record

SETTINGS = (
    "server_version", "crdb_version", "server_encoding", "client_encoding", "DateStyle", "IntervalStyle",
    "TimeZone", "integer_datetimes", "standard_conforming_strings", "application_name", "is_superuser",
    "session_authorization", "default_transaction_read_only", "in_hot_standby", "search_path",
)  # fmt: skip
"""What a server says of itself when a client connects, as far as servers do."""

_OID = 1_000_000  # of a type that no server has
_IDLE = b"I"


class NoTransport:
    """Where the connection to a server was."""

    def is_closing(self) -> bool:
        """It is as open as the protocol says."""
        return False

    def close(self) -> None:
        """Nothing to close."""

    abort = close

    def write(self, data: Any) -> None:
        """Nobody reads it."""

    def writelines(self, data: Any) -> None:
        """Nobody reads it."""

    def pause_reading(self) -> None:
        """There is nothing to read."""

    resume_reading = pause_reading

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing is known of it."""
        return default


class NoStatement:
    """Reads like the state of a prepared statement.

    Args:
        name: what asyncpg would name it.
        query: its text.
        record_class: what its rows are.
        described: parameters and columns, as :func:`described` wrote them.
    """

    def __init__(self, name: str, query: str, record_class: type, described: Mapping[str, Any]) -> None:
        self.name = name
        self.query = query
        self.record_class = record_class
        self.ignore_custom_codec = False
        self.refs = 0
        self.closed = False
        self.prepared = True
        self._described = described

    def attach(self) -> None:
        """One more object uses it."""
        self.refs += 1

    def detach(self) -> None:
        """One less does."""
        self.refs -= 1

    def mark_closed(self) -> None:
        """It cannot be used any more."""
        self.closed = True

    def _get_parameters(self) -> tuple[Type, ...]:
        return tuple(Type(*one) for one in self._described.get("parameters") or ())

    def _get_attributes(self) -> tuple[Attribute, ...]:
        return tuple(Attribute(name, Type(*kind)) for name, kind in self._described.get("attributes") or ())


def described(state: Any) -> dict[str, Any]:
    """What a prepared statement says of itself, as plain data."""
    attributes = [[one.name, list(one.type)] for one in state._get_attributes()]
    return {"parameters": [list(one) for one in state._get_parameters()], "attributes": attributes}


class NoProtocol:
    """Reads like asyncpg's protocol, to a server that was there when it was recorded.

    Args:
        call: the arguments of the function that connects.
        learned: what the recorded connection had learned of its server.
    """

    def __init__(self, call: Mapping[str, Any], learned: Mapping[str, Any]) -> None:
        self.in_transaction = False
        self.queries_count = 0
        self.backend_pid = int(learned.get("pid") or 0)
        self._open = True
        self._record_class = call["record_class"]
        self._offline = {name: call[name] for name in ("addr", "params", "record_class", "loop")}
        known = {"server_version": "16.0"} | dict(learned.get("settings") or {})
        self._settings = offline(**self._offline, settings=known).get_settings()
        self._records: Records | None = None

    def get_settings(self) -> Any:
        """Asyncpg's own, with what the recorded server said."""
        return self._settings

    def get_record_class(self) -> Any:
        """What rows are, where a call does not say."""
        return self._record_class

    def record_maker(self) -> Records:
        """What makes rows of classes of the app's."""
        if self._records is None:
            self._records = Records(offline(**self._offline, settings={}))
        return self._records

    def get_server_pid(self) -> int:
        """The server process: another in each run."""
        return self.backend_pid

    def is_in_transaction(self) -> bool:
        """As it was recorded."""
        return self.in_transaction

    def is_connected(self) -> bool:
        """Until it is closed."""
        return self._open

    def is_closed(self) -> bool:
        """After it was closed."""
        return not self._open

    def _is_cancelling(self) -> bool:
        return False

    async def _wait_for_cancellation(self, timeout: float | None = None) -> float | None:  # noqa: ASYNC109  # asyncpg's
        return timeout

    def _get_timeout(self, timeout: Any) -> Any:
        return timeout

    async def close(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's
        """Close it."""
        self._open = False

    def abort(self) -> None:
        """Close it."""
        self._open = False

    async def _ask(self, *_: Any, **__: Any) -> Any:
        if self._open:
            raise refused("a call below what is recorded", "asyncpg")
        raise InterfaceError("cannot perform operation: connection is closed")

    prepare = bind = bind_execute = bind_execute_many = execute = query = _ask
    copy_in = copy_out = close_portal = close_statement = _ask

    def set_connection(self, connection: Any) -> None:
        """Nobody has to be told."""


def offline(
    addr: Any, params: Any, record_class: type, loop: asyncio.AbstractEventLoop, settings: Mapping[str, str]
) -> Any:
    """Asyncpg's own protocol, as if it had just connected to a server with those settings."""
    made: Any = wire.Protocol(addr, loop.create_future(), params, record_class, loop)
    made.connection_made(NoTransport())
    said = [_message(b"R", struct.pack("!i", 0))]
    said += [_message(b"S", _text(name) + _text(str(value))) for name, value in settings.items()]
    said += [_message(b"K", struct.pack("!ii", 0, 0)), _message(b"Z", _IDLE)]
    made.data_received(b"".join(said))
    return made


class Records:
    """Makes rows of any class, which only asyncpg's protocol can: by having it read them.

    Args:
        protocol: one of asyncpg's, offline.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._values: list[Any] = []
        protocol.get_settings().add_python_codec(
            _OID, "value", "timetracer", [], "scalar", _nothing, self._value, "binary"
        )

    def _value(self, place: bytes) -> Any:
        return self._values[struct.unpack("!i", place)[0]]

    def make(self, kind: type, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Those rows."""
        columns = [name.encode() + b"\0" + struct.pack("!ihihih", 0, 0, _OID, 4, -1, 1) for name in names]
        head = struct.pack("!h", len(columns)) + b"".join(columns)
        described = [_message(b"1"), _message(b"t", struct.pack("!h", 0)), _message(b"T", head)]
        state = self._drive(
            self._protocol.prepare("", "SELECT", wire.NO_TIMEOUT, record_class=kind), described
        )
        state._init_codecs()
        data = [_message(b"2")]
        self._values = []
        for row in rows:
            cells = []
            for value in row:
                if value is None:
                    cells.append(struct.pack("!i", -1))
                    continue
                cells.append(struct.pack("!ii", 4, len(self._values)))
                self._values.append(value)
            data.append(_message(b"D", struct.pack("!h", len(row)) + b"".join(cells)))
        data += [_message(b"C", b"SELECT\0"), _message(b"Z", _IDLE)]
        made = self._drive(self._protocol.bind_execute(state, (), "", 0, False, wire.NO_TIMEOUT), data)
        self._values = []
        return list(made)

    def _drive(self, asking: Any, answer: list[bytes]) -> Any:
        """Let the protocol ask, and answer it at once: nothing here waits for an event loop."""
        asking.send(None)
        self._protocol.data_received(b"".join(answer))
        try:
            asking.send(None)
        except StopIteration as stop:
            return stop.value
        raise RuntimeError("asyncpg's protocol waits for more than it asked for")


def records(
    kind: type, names: Sequence[str], rows: Sequence[Sequence[Any]], maker: Callable[[], Records]
) -> list[Any]:
    """Rows as asyncpg makes them."""
    from asyncpg import Record

    if kind is Record and len(set(names)) == len(names):
        return [record(list(names), list(row)) for row in rows]
    return maker().make(kind, names, rows) if rows else []


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _nothing(value: Any) -> bytes:
    return b""
