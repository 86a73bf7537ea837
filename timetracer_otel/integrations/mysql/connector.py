"""mysql-connector-python, used directly: connections, pools, and cursors of all kinds.

A replayed connection is the library's own: one in Python on a socket that gives the recorded replies, one of
the C extension on what stands for its C library, see :mod:`c_library`. Prepared statements of the former are
recorded as the server sent their rows, in binary. What a compressed connection in Python is asked is a gap.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.core import replaying, told
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.mysql import replies
from timetracer_otel.integrations.mysql.c_library import WatchedMySql, WatchedStatement
from timetracer_otel.integrations.mysql.c_replayed import ReplayedMySql
from timetracer_otel.integrations.mysql.calls import read_once
from timetracer_otel.integrations.mysql.connector_calls import COMPRESSED, ConnectorIntegration, asked
from timetracer_otel.integrations.mysql.lines import Line, WatchedSocket
from timetracer_otel.integrations.mysql.packets import MORE_RESULTS
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, IN_TRANSACTION, ReplayedSocket

_UNASKED = (
    "_execute_query", "cmd_ping", "cmd_reset_connection", "cmd_change_user",
)  # fmt: skip
_UNASKED_IN_C = (
    "_execute_query", "is_connected", "cmd_reset_connection", "cmd_change_user", "cmd_statistics",
)  # fmt: skip
_OF_A_CALL = IN_TRANSACTION | MORE_RESULTS
_DATABASE = "SELECT DATABASE()"
_connecting: ContextVar[Line | None] = ContextVar("timetracer_mysqlconnector_connecting", default=None)


class MySqlConnectorIntegration(ConnectorIntegration):
    """Records and answers statements of mysql.connector's connections and cursors."""

    name: ClassVar[str] = "mysqlconnector"
    oldest = ("mysql-connector-python>=9",)
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.mysql",)

    def points(self) -> Sequence[Point]:
        """Connecting, statements, transactions, and what else is sent."""
        package = "mysql.connector"
        cursors, connections = f"{package}.cursor", f"{package}.connection"
        return (
            Point(f"{package}.network", "MySQLTCPSocket.open_connection", wrapper=_open),
            Point(f"{package}.network", "MySQLUnixSocket.open_connection", wrapper=_open),
            Point(f"{package}.abstracts", "MySQLConnectionAbstract.connect", self._connect),
            Point(connections, "MySQLConnection._open_connection", wrapper=self._open_connection),
            Point(connections, "MySQLConnection.close", wrapper=self._close),
            Point(connections, "MySQLConnection.shutdown", wrapper=self._close),
            *(
                Point(cursors, f"{kind}.{method}", handler)
                for kind in ("MySQLCursor", "MySQLCursorPrepared")
                for method, handler in (("execute", self._execute), ("executemany", self._executemany))
            ),
            *(
                Point(f"{cursors}_cext", f"{kind}.{method}", handler)
                for kind in ("CMySQLCursor", "CMySQLCursorPrepared")
                for method, handler in (("execute", self._execute), ("executemany", self._executemany))
            ),
            Point(f"{cursors}_cext", "CMySQLCursor.callproc", self._callproc),
            Point(f"{connections}_cext", "CMySQLConnection._open_connection", wrapper=self._open_in_c),
            Point(f"{connections}_cext", "CMySQLConnection.cmd_query", self._query),
            Point(f"{connections}_cext", "CMySQLConnection.cmd_init_db", self._init_db),
            Point(f"{connections}_cext", "CMySQLConnection.info_query", wrapper=self._probe),
            Point(f"{connections}_cext", "CMySQLConnection.commit", self._commit),
            Point(f"{connections}_cext", "CMySQLConnection.rollback", self._rollback),
            Point(f"{connections}_cext", "CMySQLConnection.ping", self.ping),
            *(
                Point(f"{connections}_cext", f"CMySQLConnection.{name}", self._unasked, optional=True)
                for name in _UNASKED_IN_C
            ),
            Point(cursors, "MySQLCursor.callproc", self._callproc),
            Point(connections, "MySQLConnection.cmd_query", self._query),
            Point(connections, "MySQLConnection.cmd_init_db", self._init_db),
            Point(connections, "MySQLConnection.info_query", wrapper=self._probe),
            Point(connections, "MySQLConnection.cmd_statistics", self._command),
            Point(connections, "MySQLConnection.commit", self._commit),
            Point(connections, "MySQLConnection.rollback", self._rollback),
            *(
                Point(connections, f"MySQLConnection.{name}", self._unasked, optional=True)
                for name in _UNASKED
            ),
        )

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``mysql.connector.errors.Error`` and ``Warning``, and those of the C library."""
        library = sys.modules.get("_mysql_connector")
        below = () if library is None else (library.MySQLError,)  # the cause of those above it
        return *super().error_roots(), *below

    # -- connections

    def is_open(self, connection: Any) -> bool:
        """Whether there is a socket; in C, whether it is connected."""
        if _in_c(connection):
            return connection._cmysql is not None and bool(connection._cmysql.connected())
        return getattr(connection, "_socket", None) is not None

    def learned(self, connection: Any) -> dict[str, Any]:
        """What the server said of itself when it was connected to."""
        said = connection._handshake or {}
        status = said.get("server_status")
        if _in_c(connection):
            status = connection._cmysql.st_server_status()
        return {
            "version": said.get("server_version_original"),
            "capabilities": said.get("capabilities"),
            "charset": said.get("charset"),
            "status": int.from_bytes(status, "little") if isinstance(status, bytes) else status,
        }

    def watch(self, connection: Any, line: Line) -> None:
        """Watch its socket, or what it asks of the C library."""
        if _in_c(connection):
            if connection._cmysql is not None:
                connection._cmysql = WatchedMySql(
                    connection._cmysql, line, lambda real: _answering_in_c(connection, line, real)
                )
        elif connection._client_flags & COMPRESSED:
            line.deaf = "a compressed connection is not recorded"
        elif connection._socket is not None and connection._socket.sock is not None:
            self.plug(connection, self.watched(connection, line))

    def watched(self, connection: Any, line: Line) -> Any:
        """Its socket, watched; its object in the C library."""
        if _in_c(connection):
            library = connection._cmysql
            return library.real if isinstance(library, WatchedMySql) else library
        return WatchedSocket(connection._socket.sock, line)

    def plugged(self, connection: Any) -> Any:
        """Its socket; in C, what a call is let through to."""
        return connection._cmysql.through if _in_c(connection) else connection._socket.sock

    def plug(self, connection: Any, ends: Any) -> None:
        """Give it a socket; in C, what a call is let through to."""
        if _in_c(connection):
            connection._cmysql.let_through(ends)
        elif connection._socket is not None:
            connection._socket.sock = ends

    def replayed_ends(self, line: Line) -> Any:
        """A socket with nothing behind it."""
        return ReplayedSocket(line.serve())

    def settle(self, connection: Any, line: Line) -> None:
        """In C it is known call by call who answers."""
        if not _in_c(connection):
            super().settle(connection, line)
        elif isinstance(connection._cmysql, WatchedMySql):
            connection._cmysql.lent = self.mocks()

    def unsettle(self, connection: Any, line: Line) -> None:
        """As above."""
        if not _in_c(connection):
            super().unsettle(connection, line)
        elif isinstance(connection._cmysql, WatchedMySql):
            connection._cmysql.lent = False

    def given(self, connection: Any, parts: list[replies.Part]) -> list[list[Any]]:
        """Packets; in C, results as they are."""
        return replies.by_reply(parts) if _in_c(connection) else super().given(connection, parts)

    def _connect(self, call: Invocation) -> Flow[None]:
        connection = call.instance
        if self.mocks():
            self._connect_to_nothing(call.wrapped, connection, call.args, call.kwargs)
            return
        try:
            with ports.inside():
                yield call.proceed
        except self.error_roots() as error:
            self.report_connect(self.named(connection), error)
            raise
        self.line_of(connection)

    def _connect_to_nothing(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> None:
        if kwargs:
            connection.config(**kwargs)
        namespace = self.named(connection)
        self.fail_to_connect(namespace)
        asked = dict(vars(connection))

        def real() -> Any:
            made = object.__new__(type(connection))
            vars(made).update(asked)
            with ports.inside():
                made.connect()
            return made

        line = self.replayed_line(connection, namespace, real)
        before = _connecting.set(line)
        try:
            with ports.inside():
                wrapped(*args, **kwargs)
        finally:
            _connecting.reset(before)
        if _in_c(connection):
            connection._cmysql.replayed().set_up = True
        else:
            line.serve().connected()

    def _open_connection(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        line = _connecting.get()
        if line is None:
            told("mysqlconnector: connecting anew", lambda: self.forget(connection), None)
            return wrapped(*args, **kwargs)
        encryption, flags = connection._ssl, connection._client_flags
        connection._ssl = {**encryption, "verify_cert": False}  # nothing is sent
        connection._client_flags &= ~COMPRESSED
        try:
            return wrapped(*args, **kwargs)
        finally:
            connection._ssl = encryption
            connection._client_flags |= flags & COMPRESSED
            capabilities = line.learned.get("capabilities")
            if isinstance(capabilities, int) and connection._handshake:
                connection._handshake["capabilities"] = capabilities

    def _open_in_c(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        line = _connecting.get()
        if line is None:
            told("mysqlconnector: connecting anew", lambda: self.forget(connection), None)
            opened = wrapped(*args, **kwargs)
            # now, whoever asks it later: what it prepares is then watched as well
            told("mysqlconnector: a new connection", lambda: self.line_of(connection), None)
            return opened
        replayed = _replayed_in_c(connection, line)
        connection._cmysql = WatchedMySql(None, line, lambda _: replayed)
        replayed.converter_str_fallback = connection._converter_str_fallback
        if connection.converter:
            connection.converter.str_fallback = connection._converter_str_fallback
        connection._do_handshake()
        return None

    # -- calls

    def _executemany(self, call: Invocation) -> Flow[Any]:
        refuses = _in_c(getattr(call.instance, "_connection", None)) and not hasattr(call.instance, "_stmt")
        if not refuses:  # what can be read once only
            call = yield read_once(call)
        return (yield from self._of_many(call))

    def _on_cursor(self, call: Invocation, message: Any) -> Flow[Any]:
        connection = getattr(call.instance, "_connection", None)
        if connection is not None and self.is_open(connection):
            self.line_of(connection)
            _adopt(getattr(call.instance, "_stmt", None), connection)
        return (yield from super()._on_cursor(call, message))

    def _init_db(self, call: Invocation) -> Flow[Any]:
        self.line_of(call.instance).current = str(call.args[0] if call.args else call.kwargs["database"])
        return self.unasked(call, call.instance)

    def _probe(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        line = told("mysqlconnector: what a connection asks", lambda: self._asking(connection), None)
        if line is None:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, connection, args, kwargs)
        answered = line.answering is not None or line.replayed or replaying()
        return run(self._probing(call, line), None if answered else call)

    def _asking(self, connection: Any) -> Line | None:
        calls = _in_c(connection) and ports.current() is not None
        return self.line_of(connection) if calls else self.known_line(connection)

    def _probing(self, call: Invocation, line: Line) -> Flow[Any]:
        """What a connection asks for itself, or an instrumentation of it: learned, and no call's.

        Within a call that is its SQL mode, once; the name of the database at any time.
        """
        query = asked(call)
        if query == _DATABASE and not ports.is_inside():
            if line.replayed or self.mocks():
                return (line.current or line.namespace or None,)
            with ports.inside():
                return (yield call.proceed)
        if not ports.is_inside():
            if not _in_c(call.instance):
                return (yield call.proceed)  # on a cursor of its own
            return (yield from self.converse(call, call.instance, lambda line: line.statement(query)))
        return (yield from self._learning(call, line, query))


def _in_c(connection: Any) -> bool:
    """True for a connection of the C extension, or what a cursor has of it."""
    return hasattr(connection, "_cmysql")


def _adopt(statement: Any, connection: Any) -> None:
    """Watch a statement that was prepared before its connection was known."""
    made = getattr(statement, "_wrapped", None)
    if type(made).__module__ == "_mysql_connector":
        statement._wrapped = WatchedStatement(made, connection._cmysql, connection._cmysql.real)


def _replayed_in_c(connection: Any, line: Line) -> ReplayedMySql:
    """What answers for the C library on a connection."""
    status = line.learned.get("status")
    return ReplayedMySql(
        line,
        charset=connection._character_set.get_info(connection._charset_id)[0],
        raw=connection._raw,
        buffered=connection._buffered,
        use_unicode=connection.use_unicode,
        status=status & ~_OF_A_CALL if isinstance(status, int) else AUTOCOMMIT,
    )


def _answering_in_c(connection: Any, line: Line, real: Any) -> ReplayedMySql:
    """The same on a connection to a server, which a replay borrows."""
    replayed = _replayed_in_c(connection, line)
    replayed.set_up = True
    replayed.converter_str_fallback = real.converter_str_fallback
    return replayed


def _open(wrapped: Any, socket: Any, args: Any, kwargs: Any) -> Any:
    line = _connecting.get()
    if line is None:
        return wrapped(*args, **kwargs)
    socket.sock = ReplayedSocket(line.serve())
    return None
