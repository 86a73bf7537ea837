"""What asyncmy's connections are plugged into: its protocol, watched; a transport to nothing; a real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.core import told
from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.server import ReplayedServer
from timetracer_otel.integrations.mysql.streams import ReplayedTransport

LINE = "_timetracer_line"
"""The attribute of connections and protocols that has what is known of the connection."""
_SERVER = "_timetracer_server"
_FIELDS = ("_loop", "_read_timeout", "_query_callback", "_cursor_cls", "_encoding", "_echo", "_affected_rows")


async def real(connection: Any) -> Any:
    """The real connection that the app asked for: one with the same attributes, connected."""
    kind: Any = type(connection)
    made = kind.__new__(kind)
    vars(made).update(vars(connection))
    vars(made).pop(LINE, None)
    for name in _FIELDS:  # of C's, some of which are attributes in some versions
        if hasattr(connection, name):
            setattr(made, name, getattr(connection, name))
    made._transport = made._proto = made._result = None
    made._connected, made._stmt_cache = False, {}
    await made.connect()
    connection._deprecate_eof = made._deprecate_eof
    return made


class LoopToNothing:
    """An event loop whose connections lead nowhere.

    Args:
        loop: the real one.
        server: who answers.
    """

    def __init__(self, loop: Any, server: ReplayedServer) -> None:
        self._loop = loop
        self._server = server

    async def create_connection(self, factory: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        """A transport to nothing, and the protocol."""
        return joined(self._server, factory())

    create_unix_connection = create_connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


def joined(server: ReplayedServer, protocol: Any) -> Any:
    """A transport to nothing, and a protocol on it."""
    transport = ReplayedTransport(server, protocol)
    vars(protocol)[_SERVER] = server
    protocol.connection_made(transport)
    return transport, protocol


def heard(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> Any:
    """So many bytes came in, behind those that were there: they are looked at before they are used."""
    told("asyncmy: watching a connection", lambda: _pass_on(protocol, args[0]), None)
    return wrapped(*args, **kwargs)


def _pass_on(protocol: Any, size: int) -> None:
    known = vars(protocol)
    line = known.get(LINE)
    if line is not None:
        incoming = known.get("_timetracer_incoming")
        if incoming is None:
            incoming = known["_timetracer_incoming"] = packets.Deframer()
        start = protocol.length
        line.heard(incoming, memoryview(protocol.buffer)[start : start + size])


async def wait_for_data(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> Any:
    """So many bytes are needed: those of a replay are there at once."""
    try:
        server = vars(protocol).get(_SERVER)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("asyncmy: watching a connection", error)
        server = None
    if server is None:
        return await wrapped(*args, **kwargs)
    need = args[0] if args else kwargs["need"]
    missing = need - (protocol.length - protocol.pos)
    data = server.read(missing) if missing > 0 else b""
    ended = len(data) < missing
    while data:
        with protocol.get_buffer(len(data)) as room:
            size = min(len(room), len(data))
            room[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
    if ended:
        protocol.eof_received()
    return None
