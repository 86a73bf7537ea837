"""Where SQLAlchemy is wrapped, and what passes there."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import MissError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Integration, Invocation, Point
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.sqlalchemy import asking, driving, facts, listeners, pools
from timetracer_otel.integrations.sqlalchemy.checkout import NAMESPACE, Checkout, checkout_of
from timetracer_otel.integrations.sqlalchemy.connecting import classes_of, connect_request
from timetracer_otel.integrations.sqlalchemy.ending import PHASES, Commit, Endings
from timetracer_otel.integrations.sqlalchemy.recording import RecordingCursor
from timetracer_otel.integrations.sqlalchemy.replaying import ReplayConnection, ReplayCursor
from timetracer_otel.messages import Answer, Failure, Request, SqlResult, SqlStatement
from timetracer_otel.ports import Port


class SqlAlchemyIntegration(Integration):
    """Records and answers what SQLAlchemy's engines send, whichever driver is below."""

    name: ClassVar[str] = "sqlalchemy"
    oldest = ("sqlalchemy>=2.0",)
    family: ClassVar[str] = "db"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.sqlalchemy",)

    def points(self) -> Sequence[Point]:
        """Pools, the connections they hand out, and the contexts that make cursors."""
        pool, engine, default = "sqlalchemy.pool.base", "sqlalchemy.engine.base", "sqlalchemy.engine.default"
        dialects = "sqlalchemy.dialects"
        counters = ("status", "checkedin", "checkedout", "overflow")
        return (
            *(Point("sqlalchemy.pool.impl", f"QueuePool.{name}", wrapper=self._count) for name in counters),
            Point(engine, "Engine.raw_connection", wrapper=self._raw_connection),
            Point(pool, "Pool.connect", wrapper=self._connect),
            Point("sqlalchemy.pool.impl", "SingletonThreadPool.connect", wrapper=self._connect),
            Point(
                "sqlalchemy.event.attr",
                "_CompoundListener._exec_w_sync_on_first_run",
                wrapper=listeners.call,
            ),
            Point(pool, "_ConnectionFairy.cursor", wrapper=self._cursor),
            Point(pool, "_ConnectionFairy.__getattr__", wrapper=self._attribute),
            Point(pool, "_ConnectionFairy._reset", wrapper=self._reset),
            Point(default, "DefaultDialect.get_driver_connection", wrapper=self._driver_connection),
            *(
                Point(
                    f"{dialects}.{module}", f"{kind}.get_driver_connection", wrapper=self._driver_connection
                )
                for module, kind in _ASYNC_DIALECTS
            ),
            Point(default, "DefaultExecutionContext.create_cursor", wrapper=self._create_cursor),
            Point(default, "DefaultDialect._assert_and_set_isolation_level", wrapper=self._set_level),
            Point(
                f"{dialects}.postgresql.psycopg2",
                "PGDialect_psycopg2.do_executemany",
                wrapper=self._executemany,
            ),
            *(
                Point(
                    f"{dialects}.postgresql.{module}",
                    f"{kind}.do_{phase}_twophase",
                    wrapper=functools.partial(self._last_phase, f"{phase.upper()} PREPARED"),
                )
                for module, kind in _TWO_PHASES
                for phase in ("commit", "rollback")
            ),
        )

    def __init__(self) -> None:
        self._asked_to_connect: weakref.WeakKeyDictionary[Port, int] = weakref.WeakKeyDictionary()
        self._endings = Endings(self)

    # -- the three things an integration says

    def request(self, call: Invocation) -> SqlStatement:
        """The statement and its parameters."""
        checkout: Checkout = call.instance.timetracer_checkout
        if isinstance(call.instance, Commit):
            return checkout.statement(call.instance.text)
        message = asking.asked(call, checkout)
        call.instance.timetracer_ask(message)
        if message.writes:
            checkout.wrote = True
        return message

    def answer(self, result: Any, call: Invocation) -> SqlResult:
        """A commit's result; that of a statement is reported as its rows are fetched."""
        return SqlResult()

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """Let the cursor hold the recorded result."""
        if isinstance(call.instance, Commit):
            return None
        cursor: ReplayCursor = call.instance
        cursor.timetracer_load(cast("SqlResult", answer))
        return cursor.timetracer_returned()

    def observe(self, result: Any, call: Invocation, exchange: ports.Exchange) -> Any:
        """Watch the cursor from now on."""
        if isinstance(call.instance, Commit):
            return super().observe(result, call, exchange)
        try:
            port = ports.current()
            call.instance.timetracer_watch(exchange, 0 if port is None else port.body_limit, result)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: reading a result", error)
            exchange.finish(None)
        return result

    def span(self, call: Invocation) -> Any:
        """The instrumentation's span, which is not current.

        An async engine starts two, listening twice; the second, kept in the context, is the one that ends.
        """
        span = call.instance.timetracer_span
        return None if span is None or getattr(span, "end_time", None) is not None else span

    # -- exceptions

    def failure(self, error: BaseException, call: Invocation) -> Failure:
        """What the driver raised."""
        failure = failures.describe(error)
        dialect = call.instance.timetracer_checkout.dialect
        if isinstance(error, Exception) and _disconnected(dialect, error, call):
            failure.fields[failures.DISCONNECTED] = True
        return failure

    def rebuild_failure(self, failure: Failure, call: Invocation) -> BaseException:
        """The driver's own exception."""
        checkout: Checkout = call.instance.timetracer_checkout
        classes = classes_of(checkout.dialect)
        if "." not in failure.type_name:  # a fault: PEP 249 names the class, each driver has one
            kind = getattr(checkout.dialect.dbapi, failure.type_name, None)
            if isinstance(kind, type):
                failure = msgspec.structs.replace(failure, type_name=exceptions.type_name(kind))
        error = failures.rebuild(failure, classes)
        connection = getattr(call.instance, "connection", None)
        if failure.fields.get(failures.DISCONNECTED) is True and isinstance_of_replay(connection):
            cast("Any", connection).closed = True
        return error

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What every driver has (PEP 249); which driver it is, the call's connection knows."""
        gone = {failures.DISCONNECTED: True}
        lost = Failure("OperationalError", ["server closed the connection unexpectedly"], gone)
        found: dict[str, Answer | Failure] = {
            "timeout": Failure("OperationalError", ["canceling statement due to statement timeout"]),
            "refused": lost,
            "connection error": lost,
            "reset": lost,
            "disconnected": lost,
            "deadlock": Failure("OperationalError", ["deadlock detected"]),
        }
        names = ("DataError", "IntegrityError", "InterfaceError", "InternalError", "NotSupportedError")
        for name in (*names, "DatabaseError", "OperationalError", "ProgrammingError"):
            found[name] = Failure(name, ["made to fail by timetracer-otel"])
        return found

    def pause(self, seconds: float) -> Callable[[], Any]:
        """Beneath SQLAlchemy's own greenlet a loop is waited for as it does itself."""

        def wait() -> None:
            if driving.can_await():
                driving.awaited(asyncio.sleep(seconds))
            else:
                time.sleep(seconds)

        return wait

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Known for each dialect: see :meth:`rebuild_failure`."""
        return {}

    # -- the points

    def _mocks(self, port: Port | None) -> bool:
        return port is not None and port.replaying and not port.live(self)

    def _raw_connection(self, wrapped: Any, engine: Any, args: Any, kwargs: Any) -> Any:
        try:
            vars(engine.pool).setdefault(NAMESPACE, engine.url.database or "")
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: watching a connection", error)
        return wrapped(*args, **kwargs)

    def _connect(self, wrapped: Any, pool: Any, args: Any, kwargs: Any) -> Any:
        port = ports.current()
        if port is None or pools.is_twin(pool):
            return wrapped(*args, **kwargs)
        if self._mocks(port):
            namespace = vars(pool).get(NAMESPACE, "")
            requests = list(port.recorded_requests(self))
            self._fail_to_connect(port, pool, requests)
            known = facts.apply(pool._dialect, requests, namespace)
            twin = pools.twin_of(pool, known)
            vars(twin)[NAMESPACE] = namespace
            return self._checkout(port, twin)
        try:
            with ports.inside():
                return wrapped(*args, **kwargs)
        except Exception as error:
            self._report_connect(port, pool, error)
            raise

    def _count(self, wrapped: Any, pool: Any, args: Any, kwargs: Any) -> Any:
        """How many connections a pool has: in a replay, of those that the app can have taken."""
        twin = pools.known_twin_of(pool) if self._mocks(ports.current()) else None
        return wrapped(*args, **kwargs) if twin is None else getattr(twin, wrapped.__name__)(*args, **kwargs)

    def _checkout(self, port: Port, twin: Any) -> Any:
        """A replayed connection. A twin of a small pool runs out of them as the pool did."""
        try:
            return twin.connect()
        except Exception as error:
            with contextlib.suppress(MissError):
                port.begin(self, connect_request(twin, error))
            raise

    def _fail_to_connect(self, port: Port, pool: Any, requests: Sequence[Request]) -> None:
        """Fail as often as it was recorded. Which attempts failed is not known: the first ones do."""
        request = connect_request(pool)
        recorded = sum(1 for one in requests if isinstance(one, SqlStatement) and one.text == request.text)
        asked = self._asked_to_connect.get(port, 0)
        if asked >= recorded:
            return
        self._asked_to_connect[port] = asked + 1
        try:
            answer = port.begin(self, request).recorded
        except MissError:
            return  # recorded of an engine of another kind
        if isinstance(answer, Failure):
            raise failures.rebuild(answer, classes_of(pool._dialect))

    def _report_connect(self, port: Port, pool: Any, error: Exception) -> None:
        """A connection that could not be had is a call that failed."""
        try:
            port.begin(self, connect_request(pool, error)).finish(failures.describe(error))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: reading a failure to connect", problem)

    def _cursor(self, wrapped: Any, fairy: Any, args: Any, kwargs: Any) -> Any:
        port = ports.current()
        connection = fairy.dbapi_connection
        if isinstance_of_replay(connection) or self._mocks(port):
            server_side = bool(args or kwargs.get("name") or kwargs.get("server_side"))
            return ReplayCursor(self, checkout_of(fairy), connection, server_side=server_side)
        cursor = wrapped(*args, **kwargs)
        if port is None:
            return cursor
        try:
            return RecordingCursor(cursor, self, checkout_of(fairy))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: watching a cursor", error)
            return cursor

    def _create_cursor(self, wrapped: Any, context: Any, args: Any, kwargs: Any) -> Any:
        cursor = wrapped(*args, **kwargs)
        try:
            if type(cursor) in (RecordingCursor, ReplayCursor):
                cursor.timetracer_context(weakref.ref(context))
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("sqlalchemy: watching a cursor", error)
        return cursor

    def _attribute(self, wrapped: Any, fairy: Any, args: Any, kwargs: Any) -> Any:
        (name,) = args
        port = ports.current()
        if port is None or name not in _WATCHED:
            return wrapped(*args, **kwargs)
        if name in ("execute", "executemany"):
            wrapped(*args, **kwargs)  # an AttributeError where the driver has no such shortcut
            return functools.partial(_execute, fairy, name)
        return self._endings.watched(fairy, name, wrapped(*args, **kwargs), mocked=self._mocks(port))

    def _last_phase(self, text: str, wrapped: Any, _dialect: Any, args: Any, kwargs: Any) -> Any:
        """The end of a transaction in two phases, which the dialect asks of the driver itself."""
        port = ports.current()
        if port is None:
            return wrapped(*args, **kwargs)
        end = functools.partial(wrapped, *args, **kwargs)
        return self._endings.last_phase(args[0], text, end, mocked=self._mocks(port))

    def _driver_connection(self, wrapped: Any, dialect: Any, args: Any, kwargs: Any) -> Any:
        """The driver's own connection: of a replayed one, that of the driver's integration."""
        connection = args[0] if args else kwargs["connection"]
        if isinstance_of_replay(connection):
            return connection.timetracer_below.own(connection)
        return wrapped(*args, **kwargs)

    def _reset(self, wrapped: Any, fairy: Any, args: Any, kwargs: Any) -> Any:
        # a real connection that goes back to its pool is really reset, in a replay as well
        connection = fairy.dbapi_connection
        try:
            with ports.inside():
                return wrapped(*args, **kwargs)
        finally:
            if isinstance_of_replay(connection):
                connection.timetracer_release()

    def _executemany(self, wrapped: Any, dialect: Any, args: Any, kwargs: Any) -> Any:
        # psycopg2's execute_batch composes statements with a real cursor: one call, not one a page
        cursor, statement, parameters, *_ = args

        def executemany(statement: Any, parameters: Any) -> Any:
            return wrapped(cursor.__wrapped__, statement, parameters, *args[3:], **kwargs)

        if type(cursor) is RecordingCursor:
            return cursor.timetracer_call(executemany, (statement, parameters), {})
        if type(cursor) is ReplayCursor:
            return cursor.executemany(statement, parameters)
        return wrapped(*args, **kwargs)

    def _set_level(self, wrapped: Any, dialect: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        connection, level = args
        if isinstance_of_replay(connection):
            connection._level = level.replace("_", " ").upper()
        return result


_ASYNC_DIALECTS = (
    ("postgresql.asyncpg", "PGDialect_asyncpg"),
    ("postgresql.psycopg", "PGDialectAsync_psycopg"),
)
_TWO_PHASES = (
    ("_psycopg_common", "_PGDialect_common_psycopg"),
    # up to 2.0 they have it themselves; from 2.1 on a second watcher finds nothing to do within the first
    ("psycopg2", "PGDialect_psycopg2"),
    ("psycopg", "PGDialect_psycopg"),
)
_WATCHED = frozenset({"commit", "rollback", "execute", "executemany", *PHASES})


def isinstance_of_replay(connection: Any) -> bool:
    """True for a replayed connection, which hides its class."""
    return type(connection) is ReplayConnection


def _execute(fairy: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    """``connection.execute(...)``, the shortcut some drivers have for a cursor's."""
    cursor = fairy.cursor()
    getattr(cursor, method)(*args, **kwargs)
    return cursor


def _disconnected(dialect: Any, error: Exception, call: Invocation) -> bool:
    cursor = call.instance
    if isinstance(cursor, Commit) and cursor.connection is None:
        return False
    try:
        connection = getattr(cursor, "connection", None) or getattr(cursor, "_adapt_connection", None)
        return bool(dialect.is_disconnect(error, connection, cursor))
    except Exception:  # noqa: BLE001  # the dialect's own code, on a broken connection
        return False
