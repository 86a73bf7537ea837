"""Where psycopg is wrapped, and what passes there."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Once, Point
from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import (
    Statement,
    no_session,
    noting,
    once,
    refused,
    replaying,
    told,
)
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.flows import run, run_generator
from timetracer_otel.integrations.psycopg.piping import Piping
from timetracer_otel.integrations.psycopg.shared import Shared
from timetracer_otel.messages import Answer, Failure, SqlResult, SqlStatement

_LOCAL = re.compile(r"\s*(begin|start|savepoint|release|rollback\s+to|rollback\s*(;|$)|deallocate|set)", re.I)
_COMMIT = re.compile(r"\s*commit\s*(;|$)", re.I)
_ASYNC = "_async"


class PsycopgIntegration(Shared):
    """Records and answers statements of psycopg's connections and cursors."""

    name: ClassVar[str] = "psycopg"
    oldest = ("psycopg>=3.2.10",)
    system: ClassVar[str] = "postgresql"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.psycopg",)

    def __init__(self) -> None:
        super().__init__()
        self._piping = Piping(self)

    def points(self) -> Sequence[Point]:
        """Statements, commands about transactions, and connecting."""
        from timetracer_otel.integrations.psycopg import copying, hearing, pooling, streaming

        base = "psycopg._connection_base"
        found = [
            Point(base, "BaseConnection._connect_gen", wrapper=self._connect),
            Point(base, "BaseConnection._exec_command", wrapper=self._command),
            Point(
                "psycopg.connection_async", "conninfo_attempts_async", wrapper=self._attempts, optional=True
            ),
            Point("psycopg.sql", "Identifier.as_bytes", wrapper=_without_connection),
            Point("psycopg.sql", "Literal.as_bytes", wrapper=_without_connection),
            *copying.points(self),
            *streaming.points(self),
            *hearing.points(self),
            *pooling.points(self),
            *self._piping.points(),
        ]
        for suffix, prefix in (("", ""), (_ASYNC, "Async")):
            aside = bool(prefix)
            cursor = f"psycopg.cursor{suffix}"
            server = f"psycopg._server_cursor{suffix}"
            found += [
                Point(cursor, f"{prefix}Cursor.execute", self._execute, aside),
                Point(cursor, f"{prefix}Cursor.executemany", self._execute, aside),
                Point(server, f"{prefix}ServerCursor.execute", self._execute, aside, optional=True),
            ]
        return found

    def faults(self) -> Mapping[str, Answer | Failure]:
        """With the classes of PostgreSQL's own errors."""
        canceled = ["canceling statement due to statement timeout"]
        return {
            **super().faults(),
            "timeout": Failure("psycopg.errors.QueryCanceled", canceled),
            "deadlock": Failure("psycopg.errors.DeadlockDetected", ["deadlock detected"]),
            "serialization failure": Failure(
                "psycopg.errors.SerializationFailure", ["could not serialize access due to concurrent update"]
            ),
        }

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``psycopg.Error`` and ``psycopg.Warning``."""
        errors = sys.modules["psycopg.errors"]
        return errors.Error, errors.Warning

    # -- connecting

    def _connect(self, wrapped: Any, cls: Any, args: Any, kwargs: Any) -> Any:
        if ports.current() is None:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, cls, args, kwargs)
        return run_generator(lambda made: self._connecting(made, cls, args, kwargs), call, strict=replaying())

    def _connecting(self, wrapped: Any, cls: Any, args: Any, kwargs: Any) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import connection, pooling

        parameters = connection.parameters_of(args[0] if args else kwargs.get("conninfo", ""))
        namespace = str(parameters.get("dbname") or parameters.get("user") or "")
        if self.mocks():
            if not pooling.at_work():
                self.fail_to_connect(namespace)
            learned = links.learned(self, namespace)
            made = cls(connection.NoConnection(parameters, learned))
            connection.attach(made, links.Link(self, namespace, learned=learned, replayed=True))
            return made
        try:
            return (yield from wrapped(*args, **kwargs))
        except self.error_roots() as error:
            self.report_connect(namespace, error)
            raise

    def _attempts(self, wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        if told("psycopg: asking whether this is a replay", self.mocks, False):
            return _as_they_are(*args, **kwargs)  # names of hosts are not looked up
        return wrapped(*args, **kwargs)

    # -- statements

    def _execute(self, call: Invocation) -> Flow[Any]:
        from timetracer_otel.integrations.psycopg import connection, hearing, results, states

        cursor = call.instance
        link = connection.link_of(cursor.connection, self)
        if getattr(cursor.connection, "_pipeline", None) is not None:
            return (yield call.proceed)  # see piping
        many = call.wrapped.__name__ == "executemany"
        if many:
            call = yield Once(call, once)
        args = call.args
        if link.replayed:
            _check(cursor)
        elif cursor.closed or cursor.connection.closed:
            return (yield call.proceed)
        heard: list[Any] = []
        message = _statement(link, cursor, args, call.kwargs, many=many)
        if message.writes:
            link.wrote = True

        def load(result: SqlResult) -> Any:
            return _load(link, cursor, args, result)

        notified: list[Any] = []

        def watch(exchange: ports.Exchange, limit: int) -> None:
            found = list(cursor._results)
            if not found and getattr(cursor, "pgresult", None) is not None:
                found = [cursor.pgresult]
            result = results.read(found, limit)
            if not result.complete:
                exchange.gap("rows over the limit", f"{len(result.rows)} rows of a result are kept")
            if many:
                result.rowcount = cursor.rowcount
                result.extra["many"] = cursor.statusmessage
            result.extra["state"] = states.of(cursor.connection)
            result.extra["notices"] = heard
            if notified:
                result.extra["notifies"] = list(notified)
            exchange.finish(result)

        statement = Statement(
            _unreachable if link.replayed else call.wrapped, cursor, args, call.kwargs, message,
            load=load, watch=watch,
            state=lambda: states.of(cursor.connection),
            failed=lambda state: states.hold(cursor.connection, state),
        )  # fmt: skip
        if link.replayed:
            if ports.current() is None:
                raise no_session()
            return (yield from self.ask(statement))
        hear = _listener(heard)
        cursor.connection.add_notice_handler(hear)
        try:
            notified = hearing.listen(cursor.connection)
            return (yield from self.ask(statement))
        finally:
            cursor.connection.remove_notice_handler(hear)
            hearing.deaf(cursor.connection)

    # -- commands: transactions, and what server-side cursors send

    def _command(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        from timetracer_otel.integrations.psycopg import connection

        replayed = connection.is_replayed(instance)
        if ports.current() is None and not replayed:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, instance, args, kwargs)
        return run_generator(
            lambda made: self._commanding(made, instance, args, kwargs), call, strict=replayed or replaying()
        )

    def _commanding(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import connection, results, states

        link = connection.link_of(instance, self)
        text = _text(args[0] if args else kwargs["command"])
        command = link.statement(text)
        wrote = link.wrote
        if text.lstrip()[:6].upper() in ("COMMIT", "ROLLBA") and not _LOCAL.match(
            text.replace("ROLLBACK", "")
        ):
            link.wrote = False
        local = _LOCAL.match(text) or (_COMMIT.match(text) and not wrote)
        if link.replayed:
            instance._check_connection_ok()
            if ports.current() is None:
                raise no_session()
            if instance._pipeline is not None:
                self._piping.again.command(instance, command, text.encode(), local=bool(local))
                return None
            if not local:
                answered: list[Any] = []
                statement = Statement(
                    _unreachable, instance, args, kwargs, command,
                    load=answered.append,
                    failed=lambda state: states.hold(instance, state),
                )  # fmt: skip
                run(self.ask(statement))
                done = instance.pgconn.command(text.encode())
                if "state" in answered[0].extra:
                    states.hold(instance, answered[0].extra["state"])
                return results.rebuild(answered[0])[0] if answered[0].extra.get("shape") else done
            return instance.pgconn.command(text.encode())
        port = ports.current()
        if local or port is None:
            return (yield from wrapped(*args, **kwargs))
        exchange = port.begin(self, command)
        if instance._pipeline is not None:
            send = functools.partial(wrapped, *args, **kwargs)
            return (yield from self._piping.command(send, instance._pipeline, command, exchange))
        try:
            with exchange:
                result = yield from wrapped(*args, **kwargs)
        except BaseException as problem:
            failure = problem

            def fail() -> None:
                asked = Statement(
                    _unreachable, instance, (), {}, command, load=_nothing, state=lambda: states.of(instance)
                )
                self._report_failure(failure, asked, exchange)

            noting("psycopg: reading an exception", exchange, fail)
            raise

        def finish() -> None:
            message = results.read([result], port.body_limit)
            message.extra["state"] = states.of(instance)
            exchange.finish(message)

        noting("psycopg: reading a result", exchange, finish)
        return result


def _nothing(_: SqlResult) -> None:
    return None


def _unreachable(*args: Any, **kwargs: Any) -> Any:
    raise refused("a call that is let through on a replayed connection", "psycopg")


async def _as_they_are(parameters: Any, *args: Any, **kwargs: Any) -> list[Any]:
    return [parameters]


def _without_connection(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Quoting takes no connection where there is none."""
    from timetracer_otel.integrations.psycopg import connection

    context = args[0] if args else kwargs.get("context")
    if context is not None and connection.is_replayed(context):
        return wrapped(None)
    return wrapped(*args, **kwargs)


def _statement(
    link: links.Link, cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, many: bool
) -> SqlStatement:
    query = args[0] if args else kwargs.get("query", "")
    names = ("params_seq",) if many else ("params",)
    parameters = args[1] if len(args) > 1 else next((kwargs[name] for name in names if name in kwargs), None)
    return link.statement(_text(query), plain(parameters), executemany=many)


def _text(query: Any) -> str:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if isinstance(query, str):
        return str(query)
    return str(query.as_string(None)) if hasattr(query, "as_string") else repr(query)


def _check(cursor: Any) -> None:
    errors = sys.modules["psycopg.errors"]
    if cursor.closed:
        raise errors.InterfaceError("the cursor is closed")
    cursor.connection._check_connection_ok()


def _load(link: links.Link, cursor: Any, args: tuple[Any, ...], result: SqlResult) -> Any:
    """Let a cursor hold recorded results, as if they had just arrived."""
    from psycopg import pq

    from timetracer_otel.integrations.psycopg import hearing, results, states
    from timetracer_otel.integrations.psycopg.loading import Transformer

    cursor._reset()
    cursor._last_query = args[0] if args else None
    cursor._tx = Transformer(cursor)  # the one in C takes results of libpq only
    found = results.rebuild(result)
    states.hold(cursor.connection, result.extra.get("state"))
    _tell(cursor.connection, result.extra.get("notices"))
    hearing.tell(cursor.connection, result.extra.get("notifies"))
    if "many" in result.extra and result.columns is None:
        cursor._rowcount = result.rowcount
        hold_message(cursor, result.extra["many"])
        return None
    cursor._results = found
    binary = bool(found[0].nfields and found[0].fformat(0))
    cursor._select_current_result(0, format=pq.Format(binary))
    if hasattr(cursor, "_described"):  # a server-side cursor
        cursor._described, cursor._format = True, pq.Format(binary)
        if hasattr(cursor, "_iter_rows"):  # not before 3.3
            cursor._iter_rows = None
    return None if "many" in result.extra else cursor


def hold_message(cursor: Any, message: Any) -> None:
    """Let a cursor have the status message of an ``executemany``; older releases have none."""
    if hasattr(cursor, "_statusmessage"):
        cursor._statusmessage = message.encode() if isinstance(message, str) else None


def _listener(heard: list[Any]) -> Any:
    from timetracer_otel.integrations.dbapi.failures import DIAGNOSTICS

    def hear(diagnostic: Any) -> None:
        fields = {name: getattr(diagnostic, name, None) for name in DIAGNOSTICS}
        heard.append({name: value for name, value in fields.items() if value is not None})

    return hear


def _tell(connection: Any, notices: Any) -> None:
    from psycopg import errors, pq

    for fields in notices or ():
        known: dict[int, bytes | None] = {
            pq.DiagnosticField[name.upper()]: str(value).encode()
            for name, value in fields.items()
            if name.upper() in pq.DiagnosticField.__members__
        }
        for handler in list(connection._notice_handlers):
            handler(errors.Diagnostic(known, "utf-8"))
