"""asyncmy, used directly: connections, pools, prepared statements, and cursors of all kinds.

Its cursors are classes of C's, in which nothing can be put: those that a connection gives are of classes
derived from them. What comes in is watched where the event loop delivers it, and a replayed connection is
the driver's own on a transport to nothing. With a cache of statements (``stmt_cache_size``) each call is a
gap: what is sent depends on what was sent before.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.core import refused, told
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.mysql import asyncmy_ends, replies
from timetracer_otel.integrations.mysql.asyncmy_ends import LINE, LoopToNothing, joined, real
from timetracer_otel.integrations.mysql.calls import statement_of
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.pymysql_like import PyMySqlLike, text_of
from timetracer_otel.messages import SqlStatement

_MODULE = "asyncmy.connection"
_UNASKED = ("begin", "ping", "autocommit", "set_charset")
_TEXT = "_timetracer_text"
_CACHED = "asyncmy's cached statements are not recorded"
_SSL = 1 << 11
_NOT_SENT = ("_ssl_context", "_password_creator", "_stmt_cache_size")


class AsyncmyIntegration(PyMySqlLike):
    """Records and answers statements of asyncmy's connections and cursors."""

    name: ClassVar[str] = "asyncmy"
    oldest = ("asyncmy>=0.2.16",)
    asynchronous: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[type, type] = {}

    def points(self) -> Sequence[Point]:
        """Connecting, statements, transactions, and what else is sent."""
        calls = {
            "connect": self._connect, "query": self._query, "show_warnings": self._show_warnings,
            "select_db": self._select_db, "kill": self._kill, "prepare": self._prepare,
            "commit": self._commit, "rollback": self._rollback, **dict.fromkeys(_UNASKED, self._unasked),
        }  # fmt: skip
        return (
            *(
                Point(_MODULE, f"Connection.{name}", handler, asynchronous=True)
                for name, handler in calls.items()
            ),
            Point(_MODULE, "Connection.cursor", wrapper=self._cursor),
            Point(_MODULE, "Connection.close", wrapper=self._close),
            Point(_MODULE, "Connection._execute_command", wrapper=self._command),
            Point(_MODULE, "Connection._write_bytes", wrapper=self._write),
            Point(_MODULE, "PreparedStatement.execute", self._execute_prepared, asynchronous=True),
            Point(_MODULE, "PreparedStatement.execute_bulk", self._execute_bulk, asynchronous=True),
            Point(_MODULE, "_MySQLProtocol.buffer_updated", wrapper=asyncmy_ends.heard),
            Point(_MODULE, "_MySQLProtocol.wait_for_data", wrapper=asyncmy_ends.wait_for_data),
        )

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``asyncmy.errors.MySQLError``, above errors and warnings."""
        return (sys.modules["asyncmy.errors"].MySQLError,)

    # -- connections

    def namespace(self, connection: Any) -> str:
        """The database's name."""
        return text_of(connection._db)

    def learned(self, connection: Any) -> dict[str, Any]:
        """What the server said of itself, and which of its own extensions it has."""
        return {**super().learned(connection), "extended": connection._mariadb_ext_caps}

    def watch(self, connection: Any, line: Line) -> None:
        """Watch what its protocol gets; what it sends is seen where it sends it."""
        if connection._stmt_cache_size > 0:
            line.deaf = _CACHED
        if connection._proto is not None:
            self.watched(connection, line)

    def watched(self, connection: Any, line: Line) -> Any:
        """Its transport and its protocol, which is watched."""
        line.short = bool(connection._deprecate_eof)
        vars(connection._proto)[LINE] = line
        return connection._transport, connection._proto

    def plugged(self, connection: Any) -> Any:
        """Its transport and its protocol."""
        return connection._transport, connection._proto

    def plug(self, connection: Any, ends: Any) -> None:
        """Give it a transport and a protocol."""
        connection._transport, connection._proto = ends

    def replayed_ends(self, line: Line) -> Any:
        """A transport to nothing, and a protocol for it."""
        loop = sys.modules["asyncio"].get_running_loop()
        return joined(line.serve(), sys.modules[_MODULE]._MySQLProtocol(loop))

    def settle(self, connection: Any, line: Line) -> None:
        """It may have connected anew by itself; and a replay has no cached statements."""
        super().settle(connection, line)
        if line.unplugged is None and not line.replayed and connection._proto is not None:
            vars(connection._proto).setdefault(LINE, line)

    def cancelled(self, connection: Any) -> None:
        """Asyncmy closes it, as nobody reads the reply any more."""
        connection._close_on_cancel()

    def given(self, connection: Any, parts: list[replies.Part]) -> list[list[Any]]:
        """Packets, in the form that was agreed on."""
        return replies.written(parts, short=bool(connection._deprecate_eof))

    def _connect(self, call: Invocation) -> Flow[Any]:
        if self.mocks():
            return (yield from self._connect_to_nothing(call, call.instance))
        return (yield from self._connect_live(call, (Exception,)))

    def _connect_to_nothing(self, call: Invocation, connection: Any) -> Flow[Any]:
        if not hasattr(sys.modules[_MODULE], "_MySQLProtocol"):
            raise refused("an asyncmy before 0.2.16", self.name)
        namespace = self.named(connection)
        self.fail_to_connect(namespace)
        line = self.replayed_line(connection, namespace, functools.partial(real, connection))
        loop, encrypted = connection._loop, connection._ssl_context is not None
        kept = {name: getattr(connection, name) for name in _NOT_SENT}
        connection._ssl_context = connection._password_creator = None
        connection._stmt_cache_size = 0  # the rows of a cassette are in text
        connection._client_flag &= ~_SSL
        connection._loop = LoopToNothing(loop, line.serve())
        try:
            with ports.inside():
                outcome = yield call.proceed
        finally:
            connection._loop = loop
            connection._ssl_context, connection._password_creator = (
                kept["_ssl_context"],
                kept["_password_creator"],
            )
            connection._client_flag |= _SSL if encrypted else 0
        line.serve().connected()
        connection._secure = connection._secure or encrypted
        capabilities = line.learned.get("capabilities")
        if isinstance(capabilities, int):  # encryption among them
            connection.server_capabilities = capabilities
        return outcome

    # -- what passes

    async def _command(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        """What is left of the last reply is read before it is sent: the next bytes written begin it."""
        try:
            line = self.known_line(connection)
            if line is not None:
                line.next_command = args[0]
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._miss(connection, error)
        return await wrapped(*args, **kwargs)

    def _write(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            line = self.known_line(connection)
            if line is not None and line.next_command is not None:
                number, line.next_command = line.next_command, None
                line.sent(bytes([1, 0, 0, 0, number]))
        except Exception as error:  # noqa: BLE001  # as above
            self._miss(connection, error)
        return wrapped(*args, **kwargs)

    def _miss(self, connection: Any, error: Exception) -> None:
        """A command was not seen: what it belongs to is not known."""
        ports.report("asyncmy: watching a connection", error)
        with suppress(Exception):
            line = self.known_line(connection)
            if line is not None:
                line.lose()

    # -- calls

    def _cursor(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        kind = args[0] if args else kwargs.get("cursor")
        watched = told("asyncmy: a cursor", lambda: self._kind(kind or connection._cursor_cls), None)
        return wrapped(*args, **kwargs) if watched is None else wrapped(watched)

    def _kind(self, kind: Any) -> type | None:
        """The class of cursors that stands for that one."""
        if not (isinstance(kind, type) and issubclass(kind, sys.modules["asyncmy.cursors"].Cursor)):
            return None
        if kind not in self._kinds:
            derived = self._derived(kind)
            self._kinds |= {kind: derived, derived: derived}
        return self._kinds[kind]

    def _derived(self, kind: type) -> type:
        def method(name: str, handler: Callable[[Invocation], Flow[Any]]) -> Callable[..., Any]:
            around = wrapping.around(self, Point("asyncmy.cursors", name, handler, asynchronous=True))
            beneath = getattr(kind, name)

            @functools.wraps(beneath)
            async def called(cursor: Any, *args: Any, **kwargs: Any) -> Any:
                try:
                    there = wrapping.installed(self.name)
                except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                    ports.report("asyncmy: a cursor", error)
                    there = False
                if not there:
                    return await beneath(cursor, *args, **kwargs)
                return await around(functools.partial(beneath, cursor), cursor, args, kwargs)

            return called

        handlers = {"execute": self._execute, "executemany": self._executemany, "callproc": self._callproc}
        body = {name: method(name, handler) for name, handler in handlers.items()}
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        return type(kind.__name__, (kind,), {**names, **body})

    def _on_cursor(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        return self._ask(call, call.instance.connection, message)

    def _on_connection(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        return self._ask(call, call.instance, message)

    def _ask(self, call: Invocation, connection: Any, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        if connection is None or not connection._connected:
            return (yield call.proceed)  # closed: asyncmy's to refuse
        return (yield from self.converse(call, connection, message))

    def _select_db(self, call: Invocation) -> Flow[Any]:
        name = call.args[0] if call.args else call.kwargs["db"]
        return self._on_connection(call, lambda line: line.statement(f"USE {name}"))

    def _prepare(self, call: Invocation) -> Flow[Any]:
        query = call.args[0] if call.args else call.kwargs["query"]
        prepared = yield from self._on_connection(
            call, lambda line: statement_of(line, (f"PREPARE {query}", None), {}, ("query", "args"))
        )
        with suppress(Exception):  # nothing of ours raises into the app
            vars(prepared)[_TEXT] = str(query)
        return prepared

    def _execute_prepared(self, call: Invocation) -> Flow[Any]:
        return self._on_statement(call, "args", many=False)

    def _execute_bulk(self, call: Invocation) -> Flow[Any]:
        return self._on_statement(call, "rows", many=True)

    def _on_statement(self, call: Invocation, name: str, *, many: bool) -> Flow[Any]:
        given = call.args[0] if call.args else call.kwargs.get(name, ())
        text = vars(call.instance).get(_TEXT, "")
        return self._ask(
            call,
            call.instance._connection,
            lambda line: line.statement(text, plain(given), executemany=many),
        )

    def _commit(self, call: Invocation) -> Flow[Any]:
        return self._while_open(call, functools.partial(super()._commit, call))

    def _rollback(self, call: Invocation) -> Flow[Any]:
        return self._while_open(call, functools.partial(super()._rollback, call))

    def _unasked(self, call: Invocation) -> Flow[Any]:
        return self._while_open(call, functools.partial(super()._unasked, call))

    def _while_open(self, call: Invocation, flow: Callable[[], Flow[Any]]) -> Flow[Any]:
        """What is closed refuses, or connects anew, by itself."""
        if not call.instance._connected:
            return (yield call.proceed)
        return (yield from flow())
