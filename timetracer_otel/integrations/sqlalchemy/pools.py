"""Pools of replayed connections, beside the app's own, which are left alone.

Each pool of the app gets a twin: of the same class, with the same listeners, but its connections
are :class:`~timetracer_otel.integrations.sqlalchemy.replaying.ReplayConnection`. So a replayed
connection never ends up where live work finds it, nor a live one in a replay.
"""

from __future__ import annotations

import functools
import threading
import weakref
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.sqlalchemy import facts
from timetracer_otel.integrations.sqlalchemy.drivers import driver_of
from timetracer_otel.integrations.sqlalchemy.listeners import is_library, is_telemetry
from timetracer_otel.integrations.sqlalchemy.replaying import ReplayConnection

_TWIN = "_timetracer_twin"
_FACTS = "_timetracer_facts"
_lock = threading.Lock()


def twin_of(pool: Any, known_facts: dict[str, Any]) -> Any:
    """The pool to take replayed connections from.

    Args:
        pool: the app's pool.
        known_facts: what is known of the server.
    """
    known = vars(pool)
    twin = known.get(_TWIN)
    if twin is None:
        with _lock:
            twin = known.get(_TWIN)
            if twin is None:
                twin = known[_TWIN] = _make(pool)
    vars(twin)[_FACTS] = known_facts
    return twin


def known_twin_of(pool: Any) -> Any:
    """The pool's twin, when it has one by now."""
    return vars(pool).get(_TWIN)


def is_twin(pool: Any) -> bool:
    """True for a pool made here."""
    return _FACTS in vars(pool)


def _make(pool: Any) -> Any:
    from sqlalchemy.pool import NullPool

    def connect() -> ReplayConnection:
        def known() -> dict[str, Any]:
            found: dict[str, Any] = vars(twin)[_FACTS]
            return found

        return ReplayConnection(driver_of(pool._dialect, known().get(facts.KIND)), known, pool)

    try:
        twin = pool.recreate()
    except Exception as error:  # noqa: BLE001  # a pool class of the app's own
        ports.report("sqlalchemy: a pool that cannot be recreated", error)
        twin = NullPool(pool._creator, dialect=pool._dialect, _dispatch=pool.dispatch)
    vars(twin)[_FACTS] = {}
    twin._creator = connect
    twin.dispatch.connect = _ConnectListeners(pool)
    return twin


class _ConnectListeners:
    """The ``connect`` listeners of a twin: the app's, of its own pool, and not SQLAlchemy's.

    SQLAlchemy's set up a real connection and ask a real server.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = weakref.ref(pool)

    def for_modify(self, dispatch: Any) -> _ConnectListeners:
        """What SQLAlchemy calls before :meth:`_exec_w_sync_on_first_run`."""
        return self

    def _exec_w_sync_on_first_run(self, dbapi_connection: Any, record: Any) -> None:
        pool = self._pool()
        listeners = [] if pool is None else [one for one in pool.dispatch.connect if not is_library(one)]
        apps = [one for one in listeners if not is_telemetry(one)]

        def call(listeners: list[Any], connection: Any) -> None:
            for listener in listeners:
                try:
                    listener(connection, record)
                except Exception as error:  # noqa: BLE001  # it expects more than a replayed connection has
                    ports.report("sqlalchemy: a connect listener, on a replayed connection", error)

        if not apps:
            call(listeners, dbapi_connection)
        else:
            below = dbapi_connection.timetracer_below
            below.connected(dbapi_connection, functools.partial(call, listeners))
