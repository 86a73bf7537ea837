"""What the connections of mysql.connector and those of its asyncio side are asked in the same way."""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.mysql.calls import MySqlIntegration, read_once, statement_of
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.messages import SqlStatement

COMPRESSED = 0x20
"""The flag of a client that compresses what it sends."""

_USE = re.compile(r"\s*use\s+`?([^`;\s]+)", re.I)


class ConnectorIntegration(MySqlIntegration):
    """Base class of both: they differ in how a connection is had and watched."""

    @abstractmethod
    def is_open(self, connection: Any) -> bool:
        """Whether there is something to ask."""

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``mysql.connector.errors.Error`` and ``Warning``."""
        errors = sys.modules["mysql.connector.errors"]
        return errors.Error, errors.Warning

    def namespace(self, connection: Any) -> str:
        """The database's name."""
        return str(connection._database or "")

    def _close(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            self.closed(connection)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: closing a connection", error)
        return wrapped(*args, **kwargs)

    # -- calls

    def _execute(self, call: Invocation) -> Flow[Any]:
        return self._on_cursor(call, lambda line: statement(line, call, ("operation", "params")))

    def _executemany(self, call: Invocation) -> Flow[Any]:
        call = yield read_once(call)
        return (yield from self._of_many(call))

    def _of_many(self, call: Invocation) -> Flow[Any]:
        names = ("operation", "seq_params")
        return self._on_cursor(
            call, lambda line: statement_of(line, call.args, call.kwargs, names, many=True)
        )

    def _callproc(self, call: Invocation) -> Flow[Any]:
        named = (call.kwargs[key] for key in ("procname", "args") if key in call.kwargs)
        name, args, *_ = (*call.args, *named, ())
        return self._on_cursor(call, lambda line: statement_of(line, (f"CALL {name}", args), {}, ("", "")))

    def _on_cursor(self, call: Invocation, message: Any) -> Flow[Any]:
        connection = getattr(call.instance, "_connection", None)
        if connection is None or not self.is_open(connection):
            return (yield call.proceed)  # closed: the library's to refuse
        return (yield from self.converse(call, connection, message))

    def _query(self, call: Invocation) -> Flow[Any]:
        first = Invocation(call.wrapped, call.instance, call.args[:1], call.kwargs)
        return self.converse(call, call.instance, lambda line: statement(line, first, ("query", "")))

    def _command(self, call: Invocation) -> Flow[Any]:
        name = call.wrapped.__name__.removeprefix("cmd_").upper()
        return self.converse(call, call.instance, lambda line: line.statement(name))

    def _learning(self, call: Invocation, line: Line, query: str) -> Flow[Any]:
        """What a connection asks for itself within a call: its SQL mode, once. Learned, and no call's."""
        known = line.learned.setdefault("asked", {})
        if line.given is not None:
            return tuple(known.get(query) or ("",))
        talk, line.asking = line.asking, None
        try:
            found = yield call.proceed
        finally:
            line.asking = talk
        if found is not None:
            known[query] = [plain(one) for one in found]
            line.server_facts(self.name, line.learned)
        return found

    def _commit(self, call: Invocation) -> Flow[Any]:
        return self.transaction(call, call.instance, "COMMIT")

    def _rollback(self, call: Invocation) -> Flow[Any]:
        return self.transaction(call, call.instance, "ROLLBACK")

    def _unasked(self, call: Invocation) -> Flow[Any]:
        return self.unasked(call, call.instance)


def asked(call: Invocation) -> str:
    """The query that a connection is given."""
    try:
        return str(call.args[0] if call.args else call.kwargs.get("query", ""))
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("mysqlconnector: what a connection asks", error)
        return ""


def statement(line: Line, call: Invocation, names: tuple[str, str]) -> SqlStatement:
    """What is asked; after a ``USE`` the connection is to another database."""
    message = statement_of(line, call.args, call.kwargs, names)
    if (found := _USE.match(message.text)) is not None:
        line.current = found[1]
    return message
