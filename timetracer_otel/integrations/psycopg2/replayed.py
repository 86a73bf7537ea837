"""A connection of psycopg2's class with nothing behind it."""

from __future__ import annotations

import contextlib
import os
from types import SimpleNamespace
from typing import Any

import psycopg2
from psycopg2 import extensions

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.core import no_session, refused
from timetracer_otel.integrations.dbapi.links import Link
from timetracer_otel.integrations.psycopg2 import connection as live

_LEVELS = {
    "READ COMMITTED": 1,
    "REPEATABLE READ": 2,
    "SERIALIZABLE": 3,
    "READ UNCOMMITTED": 4,
    "DEFAULT": None,
}


class ReplayedConnection(live.Connection):
    """A connection that never connects: psycopg2's own part of it was not set up."""

    def __init__(self, dsn: str = "", *args: Any, **kwargs: Any) -> None:
        # not psycopg2's own, which connects
        link = live._making.get()
        assert link is not None, "made by our connect() alone"
        self.timetracer_relearn(link)
        self._types: dict[int, Any] = {}
        self._dsn = dsn
        self._state: list[Any] = [extensions.STATUS_READY, extensions.TRANSACTION_STATUS_IDLE, 0]
        self._session: dict[str, Any] = {
            "isolation_level": None, "readonly": None, "deferrable": None, "autocommit": False,
        }  # fmt: skip
        self._pipe: int | None = None
        self._xid: Any = None
        self.notices: list[str] = []
        self.notifies: list[Any] = []

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor of psycopg2's class, made without its connection's help."""
        given = self.timetracer_given(args, kwargs)
        self._check()
        kind = given.get("cursor_factory") or extensions.cursor
        name = given.get("name")
        cursor = kind(self) if name is None else kind(self, name)
        if not isinstance(cursor, extensions.cursor):
            raise TypeError("cursor factory must be subclass of psycopg2.extensions.cursor")
        if name is not None and hasattr(cursor, "timetracer_options"):
            cursor.timetracer_options = {
                "scrollable": given.get("scrollable"), "withhold": bool(given.get("withhold")),
            }  # fmt: skip
        return cursor

    @property
    def string_types(self) -> dict[int, Any]:
        """The type casters registered with this connection, by the numbers of their types."""
        return self._types

    def timetracer_relearn(self, link: Link) -> None:
        """The recorded server was that one."""
        self.timetracer_link: Link = link
        learned = link.learned
        self._parameters: dict[str, Any] = dict(learned.get("parameters") or {})
        self._server_version = learned.get("server_version") or 160000

    def timetracer_state(self) -> list[Any]:
        """The state held."""
        return list(self._state)

    def timetracer_hold_state(self, state: Any) -> None:
        """Hold a recorded state."""
        match state:
            case [int(), int(), int()]:
                self._state = state

    def timetracer_begun(self, *, open_: bool) -> None:
        """Be in a transaction, or not."""
        state = (extensions.STATUS_BEGIN, extensions.TRANSACTION_STATUS_INTRANS)
        idle = (extensions.STATUS_READY, extensions.TRANSACTION_STATUS_IDLE)
        self._state = [*(state if open_ else idle), self.closed]

    def _check(self) -> None:
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")

    def _end(self) -> None:
        self._state = [extensions.STATUS_READY, extensions.TRANSACTION_STATUS_IDLE, self.closed]

    # -- transactions

    def commit(self) -> None:
        """Commit: a call of its own where something may have been written."""
        self._check()
        link = self.timetracer_link
        if ports.current() is None:
            raise no_session()
        wrote = link.wrote and self.status == extensions.STATUS_BEGIN
        link.wrote = False
        if wrote:
            self.timetracer_call("COMMIT", None, self._real("commit"))
        elif link.real is not None:
            self._real("commit")()
        self._end()

    def rollback(self) -> None:
        """Roll back."""
        self._check()
        self.timetracer_link.wrote = False
        if self.timetracer_link.real is not None:
            self._real("rollback")()
        self._end()

    def _real(self, method: str) -> Any:
        def act(*args: Any) -> Any:
            with ports.inside():
                return getattr(self.timetracer_link.go_live(), method)(*args)

        return act

    def __enter__(self) -> Any:
        self._check()
        if self.status == extensions.STATUS_BEGIN and self._session.get("entered"):
            raise psycopg2.ProgrammingError("the connection cannot be re-entered recursively")
        self._session["entered"] = True
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._session["entered"] = False
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def close(self) -> None:
        """Close it."""
        self._state[2] = 1
        if self.timetracer_link.real is not None:
            self._real("close")()
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.close(self._pipe)
            self._pipe = None

    def cancel(self) -> None:
        """Nothing runs."""
        self._check()

    def reset(self) -> None:
        """Back to the start."""
        self.rollback()
        self._session.update(isolation_level=None, readonly=None, deferrable=None, autocommit=False)

    # -- two-phase commits

    def xid(self, format_id: int, gtrid: str, bqual: str) -> Any:
        """A transaction id."""
        self._check()
        return extensions.Xid(format_id, gtrid, bqual)

    def tpc_begin(self, xid: Any) -> None:
        """Begin a transaction with that id."""
        self._check()
        if self.status != extensions.STATUS_READY:
            raise psycopg2.ProgrammingError("tpc_begin must be called outside a transaction")
        self._state = [extensions.STATUS_BEGIN, extensions.TRANSACTION_STATUS_INTRANS, 0]

    # -- the session

    def set_session(
        self,
        isolation_level: Any = None,
        readonly: Any = None,
        deferrable: Any = None,
        autocommit: Any = None,
    ) -> None:
        """Set how transactions are opened."""
        self._check_setter()
        level = {"isolation_level": isolation_level, "readonly": readonly, "deferrable": deferrable}
        for name, value in (*level.items(), ("autocommit", autocommit)):
            if value is not None:
                self._session[name] = self._value(name, value)

    def _check_setter(self) -> None:
        self._check()
        if self.status != extensions.STATUS_READY:
            raise psycopg2.ProgrammingError("set_session cannot be used inside a transaction")

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and name == "isolation_level":
            if value.upper() not in _LEVELS:
                raise ValueError(f"bad value for isolation_level: '{value}'")
            return _LEVELS[value.upper()]
        if isinstance(value, str | bytes) and name != "autocommit" and str(value).upper() == "DEFAULT":
            return None
        return value

    def set_isolation_level(self, level: int | None) -> None:
        """Set how transactions are opened; 0 for autocommit."""
        self._check()
        if self.status == extensions.STATUS_BEGIN:
            self.rollback()
        self._session["autocommit"] = level == 0
        self._session["isolation_level"] = level or None

    def set_client_encoding(self, encoding: str) -> None:
        """Set the encoding."""
        self._check()
        self._parameters["client_encoding"] = encoding.upper()

    def get_transaction_status(self) -> int:
        """The state of the transaction."""
        status: int = extensions.TRANSACTION_STATUS_UNKNOWN if self.closed else self._state[1]
        return status

    def get_parameter_status(self, name: str) -> Any:
        """A setting that the recorded server reported."""
        self._check()
        return self._parameters.get(name)

    def get_dsn_parameters(self) -> dict[str, str]:
        """What was asked for when connecting, without the password."""
        self._check()
        return {name: value for name, value in extensions.parse_dsn(self._dsn).items() if name != "password"}

    def get_backend_pid(self) -> int:
        """No process serves it."""
        self._check()
        return 0

    def isexecuting(self) -> bool:
        """Nothing runs."""
        return False

    def fileno(self) -> int:
        """A descriptor that is always ready: what may be there is what was recorded."""
        self._check()
        if self._pipe is None:
            self._pipe, writing = os.pipe()
            os.close(writing)
        return self._pipe

    def lobject(self, *args: Any, **kwargs: Any) -> Any:
        """Large objects are refused."""
        raise refused("large objects", "psycopg2")

    def get_native_connection(self) -> Any:
        """There is no libpq connection."""
        raise refused("get_native_connection()", "psycopg2")

    @property
    def status(self) -> int:
        """Whether a transaction is open."""
        status: int = self._state[0]
        return status

    @property
    def closed(self) -> int:
        """0 while it is open."""
        closed: int = self._state[2]
        return closed

    @property
    def server_version(self) -> int:
        """The recorded server's."""
        version: int = self._server_version
        return version

    @property
    def protocol_version(self) -> int:
        """PostgreSQL's since 2003."""
        return 3

    @property
    def encoding(self) -> str:
        """The client encoding, as psycopg2 spells it."""
        learned = self.timetracer_link.learned.get("encoding")
        return str(learned or "UTF8")

    @property
    def dsn(self) -> str:
        """What was asked for when connecting, the password masked."""
        parameters = extensions.parse_dsn(self._dsn)
        if "password" not in parameters:
            return self._dsn
        return str(extensions.make_dsn(**{**parameters, "password": "xxx"}))

    @property
    def info(self) -> Any:
        """What psycopg2 tells of a connection."""
        parameters = self.get_dsn_parameters()
        return SimpleNamespace(
            dbname=parameters.get("dbname"), user=parameters.get("user"), password=None,
            host=parameters.get("host"), port=int(parameters.get("port") or 5432),
            options=parameters.get("options", ""), dsn_parameters=parameters,
            status=0, transaction_status=self.get_transaction_status(), protocol_version=3,
            server_version=self.server_version, error_message=None, socket=-1, backend_pid=0,
            needs_password=False, used_password=False, ssl_in_use=False,
            parameter_status=self._parameters.get,
        )  # fmt: skip

    @property
    def isolation_level(self) -> Any:
        """How transactions are opened."""
        return self._session["isolation_level"]

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        self._check_setter()
        self._session["isolation_level"] = self._value("isolation_level", value)

    @property
    def readonly(self) -> Any:
        """Whether transactions may write."""
        return self._session["readonly"]

    @readonly.setter
    def readonly(self, value: Any) -> None:
        self._check_setter()
        self._session["readonly"] = self._value("readonly", value)

    @property
    def deferrable(self) -> Any:
        """Whether transactions may be deferred."""
        return self._session["deferrable"]

    @deferrable.setter
    def deferrable(self, value: Any) -> None:
        self._check_setter()
        self._session["deferrable"] = self._value("deferrable", value)

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction."""
        return bool(self._session["autocommit"])

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._check_setter()
        self._session["autocommit"] = bool(value)
