"""Drivers made as PyMySQL is: cursors take a query and its arguments, connections have the same methods."""

from __future__ import annotations

import functools
import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation
from timetracer_otel.integrations.mysql.calls import MySqlIntegration, read_once, statement_of
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.messages import SqlStatement

_QUERY = ("query", "args")


class PyMySqlLike(MySqlIntegration):
    """Base class: what their methods ask. A driver says what is around a call of a cursor's."""

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
        return self._on_cursor(call, lambda line: statement_of(line, (f"CALL {name}", args), {}, _QUERY))

    def _query(self, call: Invocation) -> Flow[Any]:
        """A connection's ``query(sql)``."""
        message = functools.partial(statement_of, args=call.args[:1], kwargs=call.kwargs, names=("sql", ""))
        return self._on_connection(call, message)

    def _show_warnings(self, call: Invocation) -> Flow[Any]:
        """A connection's ``show_warnings()``."""
        return self._on_connection(call, lambda line: line.statement("SHOW WARNINGS"))

    def _commit(self, call: Invocation) -> Flow[Any]:
        """A connection's ``commit()``."""
        return self.transaction(call, call.instance, "COMMIT")

    def _rollback(self, call: Invocation) -> Flow[Any]:
        """A connection's ``rollback()``."""
        return self.transaction(call, call.instance, "ROLLBACK")
