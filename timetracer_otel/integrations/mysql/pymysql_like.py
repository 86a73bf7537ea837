"""Drivers made as PyMySQL is: cursors take a query and its arguments, connections have the same methods."""

from __future__ import annotations

import functools
import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation
from timetracer_otel.integrations.mysql.calls import MySqlIntegration, read_once, statement_of
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.messages import SqlStatement

_QUERY = ("query", "args")
Refusals = tuple[type[BaseException], ...]


class PyMySqlLike(MySqlIntegration):
    """Base class: what their methods ask. A driver says what is around a call of a cursor's."""

    queried: ClassVar[str] = "sql"
    """How a connection's ``query`` calls the statement."""

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``pymysql.err.MySQLError``, above errors and warnings."""
        return (sys.modules["pymysql.err"].MySQLError,)

    def learned(self, connection: Any) -> dict[str, Any]:
        """What the server said of itself when it was connected to."""
        return {
            "version": connection.server_version,
            "capabilities": connection.server_capabilities,
            "charset": connection.server_language,
            "status": connection.server_status,
        }

    def _connect_live(self, call: Invocation, refusals: Refusals | None = None) -> Flow[Any]:
        """The flow of connecting to a server.

        Args:
            call: of a connection's method.
            refusals: what it raises that is noted; the driver's own errors by default.
        """
        connection = call.instance
        try:
            with ports.inside():
                outcome = yield call.proceed
        except Exception as error:
            if isinstance(error, refusals or self.error_roots()):
                self.report_connect(self.named(connection), error)
            raise
        self.forget(connection)
        self.line_of(connection)
        return outcome

    @abstractmethod
    def _on_cursor(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        """A call of a cursor's; one on a closed connection is the driver's to refuse.

        Args:
            call: the call.
            message: what is asked.
        """

    def _on_connection(self, call: Invocation, message: Callable[[Line], SqlStatement]) -> Flow[Any]:
        """A call of a connection's.

        Args:
            call: the call.
            message: what is asked.
        """
        return self.converse(call, call.instance, message)

    def _close(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        """Around closing a connection."""
        try:
            self.closed(connection)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: closing a connection", error)
        return wrapped(*args, **kwargs)

    def _execute(self, call: Invocation) -> Flow[Any]:
        """A cursor's ``execute(query, args)``."""
        return self._on_cursor(call, lambda line: statement_of(line, call.args, call.kwargs, _QUERY))

    def _executemany(self, call: Invocation) -> Flow[Any]:
        """A cursor's ``executemany(query, args)``."""
        call = yield read_once(call)
        flow = self._on_cursor(
            call, lambda line: statement_of(line, call.args, call.kwargs, _QUERY, many=True)
        )
        return (yield from flow)

    def _callproc(self, call: Invocation) -> Flow[Any]:
        """A cursor's ``callproc(procname, args)``."""
        named = (call.kwargs[key] for key in ("procname", "args") if key in call.kwargs)
        name, args, *_ = (*call.args, *named, ())
        text = text_of(name)
        return self._on_cursor(call, lambda line: statement_of(line, (f"CALL {text}", args), {}, _QUERY))

    def _query(self, call: Invocation) -> Flow[Any]:
        """A connection's ``query(statement)``."""
        names = (self.queried, "")
        message = functools.partial(statement_of, args=call.args[:1], kwargs=call.kwargs, names=names)
        return self._on_connection(call, message)

    def _show_warnings(self, call: Invocation) -> Flow[Any]:
        """A connection's ``show_warnings()``."""
        return self._on_connection(call, lambda line: line.statement("SHOW WARNINGS"))

    def _kill(self, call: Invocation) -> Flow[Any]:
        """A connection's ``kill(thread_id)``."""
        number = next(iter((*call.args, *call.kwargs.values())), "")
        return self._on_connection(call, lambda line: line.statement(f"KILL {number}"))

    def _commit(self, call: Invocation) -> Flow[Any]:
        """A connection's ``commit()``."""
        return self.transaction(call, call.instance, "COMMIT")

    def _rollback(self, call: Invocation) -> Flow[Any]:
        """A connection's ``rollback()``."""
        return self.transaction(call, call.instance, "ROLLBACK")

    def _unasked(self, call: Invocation) -> Flow[Any]:
        """A method of a connection's that is nobody's call."""
        return self.unasked(call, call.instance)


def text_of(name: Any) -> str:
    """A name that a driver keeps, or is given, as text, as bytes or not at all."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")
