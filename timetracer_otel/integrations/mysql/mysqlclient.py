"""mysqlclient (``MySQLdb``), used directly: connections, and cursors of all kinds.

It is the C library in all but its cursors. A connection is of a class derived from the driver's: what it asks
of the library is passed on, or answered from a recording, see :mod:`client_library`. Rows are kept as the
library gives them, converted.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.mysql import replies
from timetracer_otel.integrations.mysql.client_classes import ANSWERS, LINE, WithoutLibrary, shim
from timetracer_otel.integrations.mysql.client_library import Telling
from timetracer_otel.integrations.mysql.client_replayed import ReplayedClient
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.pymysql_like import PyMySqlLike, text_of
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, IN_TRANSACTION
from timetracer_otel.messages import SqlStatement

_CONNECTIONS = "MySQLdb.connections"
_UNASKED = ("ping", "autocommit", "begin", "select_db", "set_character_set", "set_sql_mode", "change_user")
_ITSELF = object()
"""What a connection is plugged into that asks the library."""


class MySqlClientIntegration(PyMySqlLike):
    """Records and answers statements of mysqlclient's connections and cursors."""

    name: ClassVar[str] = "mysqlclient"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.mysqlclient",)
    queried: ClassVar[str] = "query"

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[type, bool], type] = {}

    def points(self) -> Sequence[Point]:
        """Connecting, and the statements of cursors; the rest is asked of a connection."""
        return (
            Point(_CONNECTIONS, "Connection.__init__", self._connect),
            Point("MySQLdb.cursors", "BaseCursor.execute", self._execute),
            Point("MySQLdb.cursors", "BaseCursor.executemany", self._executemany),
            Point("MySQLdb.cursors", "BaseCursor.callproc", self._callproc),
        )

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``MySQLdb.MySQLError``, above errors and warnings."""
        return (sys.modules["MySQLdb._exceptions"].MySQLError,)

    # -- connections

    def namespace(self, connection: Any) -> str:
        """The database's name."""
        return text_of(vars(connection).get("db"))

    def learned(self, connection: Any) -> dict[str, Any]:
        """What the server said of itself when it was connected to."""
        return {
            "version": connection.get_server_info(),
            "capabilities": connection.server_capabilities,
            "charset": connection.character_set_name(),
            "host": connection.get_host_info(),
            "status": AUTOCOMMIT if connection.get_autocommit() else 0,
        }

    def watch(self, connection: Any, line: Line) -> None:
        """Have it tell what it asks of the library."""
        line.status = AUTOCOMMIT if connection.get_autocommit() else 0
        connection.__class__ = self._kind(type(connection))

    def watched(self, connection: Any, line: Line) -> Any:
        """Itself: it tells."""
        return connection

    def plugged(self, connection: Any) -> Any:
        """Who is asked."""
        return vars(connection).get(ANSWERS, _ITSELF)

    def plug(self, connection: Any, ends: Any) -> None:
        """Have that asked."""
        if ends is _ITSELF:
            vars(connection).pop(ANSWERS, None)
        else:
            vars(connection)[ANSWERS] = ends

    def replayed_ends(self, line: Line) -> Any:
        """What answers in a replay."""
        return ReplayedClient(line, line.status)

    def settle(self, connection: Any, line: Line) -> None:
        """As others do, without a server."""
        if line.replayed:
            return
        if not self.mocks():
            self._unplug(connection, line)
        elif line.unplugged is None:
            line.unplugged = _ITSELF
            client = self.replayed_ends(line)
            client.set_up = True
            self.plug(connection, client)

    def unsettle(self, connection: Any, line: Line) -> None:
        """As above: while results are left to be asked for, the recording answers."""
        if line.unplugged is not None and not self.plugged(connection).pending:
            self._unplug(connection, line)

    def _unplug(self, connection: Any, line: Line) -> None:
        ends, line.unplugged = line.unplugged, None
        if ends is not None:
            self.plug(connection, ends)

    def given(self, connection: Any, parts: list[replies.Part]) -> list[list[Any]]:
        """Results as they are."""
        return replies.by_reply(parts)

    def commits_by_itself(self, connection: Any) -> bool:
        """True where each statement is committed by itself, and nothing is left for a commit."""
        line = self.known_line(connection)
        return line is not None and line.status & (AUTOCOMMIT | IN_TRANSACTION) == AUTOCOMMIT

    def _kind(self, kind: type, *, replayed: bool = False) -> type:
        """The class of connections that stands for that one."""
        if issubclass(kind, Telling):
            return kind
        if (kind, replayed) not in self._kinds:
            handlers: dict[str, Callable[[Invocation], Flow[Any]]] = {
                "query": self._query, "show_warnings": self._show_warnings, "kill": self._kill,
                "commit": self._commit, "rollback": self._rollback,
                **dict.fromkeys(_UNASKED, self._unasked),
            }  # fmt: skip
            native = sys.modules["MySQLdb._mysql"].connection
            names: dict[str, Any] = {
                "__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__,
            }  # fmt: skip
            first = (WithoutLibrary,) if replayed else ()
            beneath = type(kind.__name__, (*first, Telling, kind, shim(native)), names)
            body = {name: self._method(beneath, name, handler) for name, handler in handlers.items()}
            self._kinds[kind, replayed] = type(kind.__name__, (beneath,), {**names, **body})
        return self._kinds[kind, replayed]

    def _method(self, kind: Any, name: str, handler: Callable[[Invocation], Flow[Any]]) -> Callable[..., Any]:
        around = wrapping.around(self, Point(_CONNECTIONS, name, handler))
        beneath = getattr(kind, name)

        @functools.wraps(beneath)
        def called(connection: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                there = wrapping.installed(self.name)
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report("mysqlclient: a connection", error)
                there = False
            if not there:
                return beneath(connection, *args, **kwargs)
            return around(functools.partial(beneath, connection), connection, args, kwargs)

        return called

    def _connect(self, call: Invocation) -> Flow[None]:
        if self.mocks():
            self._connect_to_nothing(call, call.instance)
        else:
            yield from self._connect_live(call)

    def _connect_to_nothing(self, call: Invocation, connection: Any) -> None:
        given = dict(zip(("host", "user", "password", "database"), call.args, strict=False)) | call.kwargs
        namespace = text_of(given.get("database") or given.get("db"))
        self.fail_to_connect(namespace)
        kind = type(connection)
        line = self.replayed_line(connection, namespace, lambda: _open(kind, call.args, call.kwargs))
        connection.__class__ = self._kind(kind, replayed=True)
        client = ReplayedClient(line, AUTOCOMMIT)
        self.plug(connection, client)
        with ports.inside():
            call.wrapped(*call.args, **call.kwargs)
        client.set_up = True

    # -- calls

    def _on_cursor(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        connection = call.instance.connection
        if connection is None or not connection.open:
            return (yield call.proceed)  # closed: the driver's to refuse
        return (yield from self.converse(call, connection, message))


def _open(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The real connection that the app asked for."""
    with ports.inside():
        made = kind(*args, **kwargs)
    vars(made).pop(LINE, None)
    return made
