"""What an app's ``connect`` listeners ask of a connection that was just made, noted while recording."""

from __future__ import annotations

import contextlib
from typing import Any

import wrapt

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi import setting_up
from timetracer_otel.integrations.sqlalchemy import facts
from timetracer_otel.integrations.sqlalchemy.beyond import below_of
from timetracer_otel.integrations.sqlalchemy.drivers import driver_of


def is_library(listener: Any) -> bool:
    """True for a listener of SQLAlchemy's own, which asks the server what every dialect has to know."""
    return _module(listener).startswith("sqlalchemy.")


def is_telemetry(listener: Any) -> bool:
    """True for one that counts connections and asks nothing."""
    return _module(listener).startswith("opentelemetry.")


def _module(listener: Any) -> str:
    return getattr(listener, "__module__", None) or ""


def call(wrapped: Any, listeners: Any, args: Any, kwargs: Any) -> Any:
    """The wrapper of the function that calls a pool's listeners: those of the app are watched."""
    watched = None
    try:
        with ports.outside():
            port = ports.current()
        if port is not None and not port.replaying and ports.is_inside():
            watched = _Listeners(listeners, port, args[1]._ConnectionRecord__pool._dialect)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("sqlalchemy: watching connect listeners", error)
    if watched is None:
        return wrapped(*args, **kwargs)
    return wrapped.__func__(watched, *args, **kwargs)


class _Listeners(wrapt.ObjectProxy):  # type: ignore[type-arg]  # generic for type checkers only
    """A pool's listeners, each called as before."""

    def __init__(self, listeners: Any, port: ports.Port, dialect: Any) -> None:
        super().__init__(listeners)
        self._self_port = port
        self._self_dialect = dialect

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        for listener in self.__wrapped__:
            with contextlib.ExitStack() as aside:
                port = self._timetracer_aside(listener, aside)
                listener(*args, **kwargs)
            if port is not None:
                self._timetracer_note(args[0], port.asked)

    def _timetracer_aside(self, listener: Any, aside: contextlib.ExitStack) -> setting_up.SettingUp | None:
        """Have what a listener of the app's asks kept apart; ``None`` for another."""
        try:
            if is_library(listener) or is_telemetry(listener):
                return None
            port = setting_up.SettingUp(self._self_port, failures=True)
            aside.enter_context(setting_up.standing(port))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: watching a connect listener", error)
            return None
        return port

    def _timetracer_note(self, connection: Any, asked: list[setting_up.Asked]) -> None:
        try:
            dialect = self._self_dialect
            integration = below_of(driver_of(dialect))
            if integration is None or not asked:
                return
            answers = facts.set_up(dialect, asked)
            own = connection.driver_connection if dialect.is_async else connection
            integration.tell_set_up(own, answers)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: what a connect listener asked", error)
