"""PyMySQL, used directly: connections, and cursors of all kinds.

A replayed connection is PyMySQL's own, on a socket that gives the recorded replies; what it asks to set
itself up is answered there and nowhere recorded. Transactions are followed without a server; a commit is a
call where something was written. ``LOAD DATA LOCAL INFILE`` is refused in a replay.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.mysql.lines import Line, WatchedFile, WatchedSocket
from timetracer_otel.integrations.mysql.pymysql_like import PyMySqlLike, text_of
from timetracer_otel.integrations.mysql.server import ReplayedSocket
from timetracer_otel.messages import SqlStatement

_UNASKED = ("begin", "select_db", "set_character_set", "autocommit")


class PyMySqlIntegration(PyMySqlLike):
    """Records and answers statements of PyMySQL's connections and cursors."""

    name: ClassVar[str] = "pymysql"
    oldest = ("pymysql>=1.1",)
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.pymysql",)

    def points(self) -> Sequence[Point]:
        """Connecting, statements, transactions, and what else is sent."""
        cursors, connections = "pymysql.cursors", "pymysql.connections"
        return (
            Point(connections, "Connection.connect", self._connect),
            Point(connections, "Connection._force_close", wrapper=self._close),
            Point(cursors, "Cursor.execute", self._execute),
            Point(cursors, "Cursor.executemany", self._executemany),
            Point(cursors, "Cursor.callproc", self._callproc),
            Point(connections, "Connection.query", self._query),
            Point(connections, "Connection.show_warnings", self._show_warnings),
            Point(connections, "Connection.commit", self._commit),
            Point(connections, "Connection.rollback", self._rollback),
            Point(connections, "Connection.ping", self.ping),
            *(Point(connections, f"Connection.{name}", self._unasked, optional=True) for name in _UNASKED),
        )

    # -- connections

    def namespace(self, connection: Any) -> str:
        """The database's name."""
        return text_of(connection.db)

    def watch(self, connection: Any, line: Line) -> None:
        """Watch its socket."""
        if connection._sock is not None:
            self.plug(connection, self.watched(connection, line))

    def watched(self, connection: Any, line: Line) -> Any:
        """Its socket and the file of that, watched."""
        return WatchedSocket(connection._sock, line), WatchedFile(connection._rfile, line)

    def plugged(self, connection: Any) -> Any:
        """Its socket and the file of that."""
        return connection._sock, connection._rfile

    def plug(self, connection: Any, ends: Any) -> None:
        """Give it a socket and the file of that."""
        connection._sock, connection._rfile = ends

    def replayed_ends(self, line: Line) -> Any:
        """A socket with nothing behind it."""
        socket = ReplayedSocket(line.serve())
        return socket, socket

    def _connect(self, call: Invocation) -> Flow[None]:
        if self.mocks():
            self._connect_to_nothing(call.wrapped, call.instance)
        else:
            yield from self._connect_live(call)

    def _connect_to_nothing(self, wrapped: Any, connection: Any) -> None:
        namespace = self.named(connection)
        self.fail_to_connect(namespace)
        line = self.replayed_line(connection, namespace, functools.partial(_open, connection))
        unix = getattr(connection, "unix_socket", None)
        connection.host_info = (
            "Localhost via UNIX socket" if unix else f"socket {connection.host}:{connection.port}"
        )
        connection._secure = bool(unix)
        encrypted = connection.ssl, getattr(connection, "_ssl_required", False)
        connection.ssl = connection._ssl_required = False  # nothing is sent
        try:
            with ports.inside():
                wrapped(ReplayedSocket(line.serve()))
        finally:
            connection.ssl, connection._ssl_required = encrypted
        line.serve().connected()
        capabilities = line.learned.get("capabilities")
        if isinstance(capabilities, int):  # encryption among them
            connection.server_capabilities = capabilities

    # -- calls

    def _on_cursor(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        connection = call.instance.connection
        if connection is None or (connection._sock is None and self.known_line(connection) is None):
            return (yield call.proceed)  # closed: PyMySQL's to refuse
        return (yield from self.converse(call, connection, message))


def _open(connection: Any) -> Any:
    """The real connection that the app asked for: one with the same attributes, connected."""
    real = object.__new__(type(connection))
    vars(real).update(vars(connection))
    vars(real).pop("_timetracer_line", None)
    real._sock = real._rfile = real._result = None
    with ports.inside():
        real.connect()
    return real
