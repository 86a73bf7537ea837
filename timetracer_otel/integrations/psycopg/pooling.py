"""psycopg_pool: connections that workers of the pool make, set up and take back.

Workers belong to no request, whichever one opened the pool. What they ask on behalf of a pool (``configure``,
``reset``, ``check()``) is nobody's call: each statement is written down once, with its answer, as part of the
process's start-up, and answers whenever a pool asks it in a replay. Attempts of workers to connect are not
recorded; that a request got no connection from the pool is a call of the request.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports, values
from timetracer_otel.integrations import threads
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import refused
from timetracer_otel.integrations.dbapi.setting_up import Asked, SettingUp
from timetracer_otel.messages import Failure, Request, SqlStatement

if TYPE_CHECKING:
    from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration
    from timetracer_otel.ports import Caller, Exchange, Port

NO_CONNECTION = "GETCONN"
"""The text of a call for a connection that a pool could not give."""
_OPENED_IN_REPLAY = "_timetracer_replayed"
_KEPT = 1000
"""Different statements that are remembered: more are made anew each time, and say nothing about a start."""


def points(integration: PsycopgIntegration) -> Sequence[Point]:
    """The pools and their workers."""
    ours = _Pooling(integration)
    return [
        Point("psycopg_pool.pool", "MaintenanceTask.run", wrapper=ours.work),
        Point("psycopg_pool.pool_async", "MaintenanceTask.run", wrapper=ours.work_async),
        Point("psycopg_pool.pool", "ConnectionPool._open", wrapper=ours.open),
        Point("psycopg_pool.pool_async", "AsyncConnectionPool._open", wrapper=ours.open),
        Point("psycopg_pool.pool", "ConnectionPool.getconn", ours.get),
        Point("psycopg_pool.pool_async", "AsyncConnectionPool.getconn", ours.get, True),
        Point("psycopg_pool.pool", "ConnectionPool.putconn", ours.put),
        Point("psycopg_pool.pool_async", "AsyncConnectionPool.putconn", ours.put, True),
    ]


class _Pooling:
    def __init__(self, integration: PsycopgIntegration) -> None:
        self._integration = integration
        self._known: weakref.WeakKeyDictionary[Port, set[bytes]] = weakref.WeakKeyDictionary()
        self._answers: weakref.WeakKeyDictionary[Port, dict[bytes, Exchange]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    # -- what workers do

    def work(self, wrapped: Any, task: Any, args: Any, kwargs: Any) -> Any:
        leave = self._quietly(lambda: self._go_apart(task))
        try:
            return wrapped(*args, **kwargs)
        finally:
            self._quietly(leave)

    async def work_async(self, wrapped: Any, task: Any, args: Any, kwargs: Any) -> Any:
        leave = self._quietly(lambda: self._go_apart(task))
        try:
            return await wrapped(*args, **kwargs)
        finally:
            self._quietly(leave)

    def _go_apart(self, task: Any) -> Callable[[], None]:
        """Belong to no request from here on; returns what ends that, and reports what was asked."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(threads.belonging_nowhere())
            port = ports.current()
            if port is not None and port.replaying:
                pool = task.pool()
                before = pool is not None and not vars(pool).get(_OPENED_IN_REPLAY)
                again = Again(port, self._answers.setdefault(port, {}), before=before)
                stack.callback(ports.session.reset, ports.session.set(again))
            elif port is not None:
                setting_up = SettingUp(port)
                stack.callback(self._report, port, setting_up.asked)
                stack.callback(ports.session.reset, ports.session.set(setting_up))
            kept = stack.pop_all()
        return kept.close

    def _quietly(self, act: Callable[[], Any] | None) -> Any:
        try:
            return None if act is None else act()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("psycopg_pool: what a worker asks", error)
            return None

    def _report(self, port: Port, asked: list[Asked]) -> None:
        new = self._new(port, asked)
        entries = ports.entry_port()
        if not new or entries is None:
            return
        startup = entries.startup("psycopg_pool")
        if startup is None:  # a block: all that happens there is its work
            self._known.pop(port, None)
            _tell(port, asked)
            return
        with startup.activate():
            _tell(port, new)
        startup.done()

    def _new(self, port: Port, asked: list[Asked]) -> list[Asked]:
        """What no worker asked before."""
        found = []
        with self._lock:
            known = self._known.setdefault(port, set())
            for one in asked:
                key = values.canonical(one.request.canonical())
                if key not in known and len(known) < _KEPT:
                    known.add(key)
                    found.append(one)
        return found

    # -- what the app does

    def open(self, wrapped: Any, pool: Any, args: Any, kwargs: Any) -> Any:
        try:
            if pool._closed:
                vars(pool)[_OPENED_IN_REPLAY] = self._integration.mocks()
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("psycopg_pool: a pool that is opened", error)
        return wrapped(*args, **kwargs)

    def get(self, call: Invocation) -> Flow[Any]:
        """A connection from the pool; where there was none when this was recorded there is none again."""
        pool = call.instance
        if self._integration.mocks() and not pool.closed:
            self._fail_as_recorded()
            if not vars(pool).get(_OPENED_IN_REPLAY):
                return (yield from self._get_apart(pool))
            return (yield call.proceed)
        try:
            return (yield call.proceed)
        except Exception as error:
            self._report_none(error)
            raise

    def _get_apart(self, pool: Any) -> Flow[Any]:
        """A replayed connection beside those of a pool that was opened where nothing replays."""
        made = yield lambda: pool._connect(pool.timeout)
        made._pool = pool
        return made

    def put(self, call: Invocation) -> Flow[Any]:
        """A connection goes back; one that was made beside a pool ends here."""
        from timetracer_otel.integrations.psycopg import connection

        pool, given = call.instance, call.args[0] if call.args else call.kwargs.get("conn")
        if not connection.is_replayed(given) or vars(pool).get(_OPENED_IN_REPLAY):
            return (yield call.proceed)
        pool._check_pool_putconn(given)
        return (yield lambda: pool._close_connection(given))

    def _fail_as_recorded(self) -> None:
        port = ports.current()
        assert port is not None, "else nothing is mocked"
        pending = next(iter(port.pending_requests(self._integration)), None)
        if not isinstance(pending, SqlStatement) or pending.text != NO_CONNECTION:
            return
        failure = port.begin(self._integration, pending).recorded
        if isinstance(failure, Failure):
            raise failures.rebuild(failure, self._integration.exception_classes())

    def _report_none(self, error: Exception) -> None:
        try:
            port = ports.current()
            known = sys.modules["psycopg_pool.errors"]
            if port is None or not isinstance(error, known.PoolTimeout | known.TooManyRequests):
                return  # else it is about the pool alone
            asked = SqlStatement(text=NO_CONNECTION, system=self._integration.system)
            port.begin(self._integration, asked).finish(failures.describe(error))
        except Exception as problem:  # noqa: BLE001  # as above
            ports.report("psycopg_pool: a pool without a connection", problem)


def _tell(port: Port, asked: list[Asked]) -> None:
    for one in asked:
        exchange = port.begin(one.caller, one.request)
        for gap in one.gaps:
            exchange.gap(*gap)
        exchange.finish(one.answer)


class Again(SettingUp):
    """The same in a replay: what was answered once is answered as often as a worker asks it.

    Args:
        port: the one behind it.
        answers: what was answered.
        before: the pool was opened before the replay, and is none of it.
    """

    def __init__(self, port: Port, answers: dict[bytes, Exchange], *, before: bool) -> None:
        super().__init__(port)
        self._answers = answers
        self.before = before

    def begin(self, caller: Caller, request: Request, span: Any = None) -> Exchange:
        """A call of the worker's."""
        key = values.canonical([caller.name, request.canonical()])
        known = self._answers.get(key)
        if known is None:
            known = self._port.begin(caller, request, span)
            if known.recorded is not None and len(self._answers) < _KEPT:
                self._answers[key] = known
        return known


def at_work() -> bool:
    """True in a worker of a pool, whose attempts to connect are not recorded.

    Raises:
        ReplayError: the pool was opened before the replay that is under way: it would keep a replayed
            connection. Its worker tries again later.
    """
    port = ports.session.get()
    if isinstance(port, Again) and port.before:
        raise refused("connecting for a pool that was opened before the replay", "psycopg")
    return isinstance(port, SettingUp)
