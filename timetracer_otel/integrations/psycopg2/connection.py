"""Connections of psycopg2 that see what passes, and those that answer from a recording."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import psycopg2
from psycopg2 import extensions

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.classes import between
from timetracer_otel.integrations.dbapi.core import Statement, no_session
from timetracer_otel.integrations.dbapi.links import Link, written
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.psycopg2.cursor import Cursor
from timetracer_otel.messages import SqlResult

_making: ContextVar[Link | None] = ContextVar("timetracer_psycopg2_making", default=None)
_PARAMETERS = (
    "server_version", "server_encoding", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
    "integer_datetimes", "standard_conforming_strings", "is_superuser", "session_authorization",
    "application_name",
)  # fmt: skip


_XID = ("format_id", "gtrid", "bqual", "prepared", "owner", "database")


@contextlib.contextmanager
def making(link: Link) -> Iterator[None]:
    """The connection made in this block is that one."""
    token = _making.set(link)
    try:
        yield
    finally:
        _making.reset(token)


def is_class(factory: Any) -> bool:
    """True for a class of connections, and for none given."""
    return factory is None or (isinstance(factory, type) and issubclass(factory, extensions.connection))


def class_for(factory: Any, *, replayed: bool) -> Any:
    """The class to make connections of, where the app asks for that one."""
    from timetracer_otel.integrations.psycopg2.replayed import ReplayedConnection

    return between(factory or extensions.connection, ReplayedConnection if replayed else Connection)


def database_of(dsn: Any, kwargs: dict[str, Any]) -> str:
    """The database that a call of ``connect`` names."""
    named = kwargs.get("dbname") or kwargs.get("database")
    if named:
        return str(named)
    try:
        return str(extensions.parse_dsn(dsn or kwargs.get("dsn") or "").get("dbname", ""))
    except psycopg2.Error:
        return ""


def learn(connection: Any, link: Link) -> None:
    """Note what a new connection knows of its server."""
    try:
        parameters = {name: connection.get_parameter_status(name) for name in _PARAMETERS}
        link.server = written(
            "psycopg2",
            link.namespace,
            {
                "server_version": connection.server_version,
                "encoding": connection.encoding,
                "parameters": {name: value for name, value in parameters.items() if value is not None},
            },
        )
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("psycopg2: what a connection knows of its server", error)


def is_replayed(context: Any) -> bool:
    """True for a replayed connection and its cursors."""
    connection = context.connection if isinstance(context, extensions.cursor) else context
    link = connection.timetracer_link if isinstance(connection, Connection) else None
    return link is not None and link.replayed


class Connection(extensions.connection):  # type: ignore[misc]  # psycopg2 has no types
    """A connection whose cursors are watched."""

    timetracer_link: Link | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.timetracer_link = _making.get()
        super().__init__(*args, **kwargs)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A watched cursor, of the class that the app asks for."""
        try:
            given = self.timetracer_given(args, kwargs)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("psycopg2: a class of cursors", error)
            given = None
        return super().cursor(*args, **kwargs) if given is None else super().cursor(**given)

    def timetracer_given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments for a cursor, its class one that sees what passes."""
        names = ("name", "cursor_factory", "withhold", "scrollable")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        wanted = given.get("cursor_factory") or self.cursor_factory or extensions.cursor
        if isinstance(wanted, type) and issubclass(wanted, extensions.cursor):
            given["cursor_factory"] = between(wanted, Cursor)
        return given

    def timetracer_state(self) -> list[Any]:
        """Status, transaction status, and whether it is closed."""
        return [self.status, self.get_transaction_status(), self.closed]

    def timetracer_hold_state(self, state: Any) -> None:
        """Hold a recorded state: nothing that a real connection could do."""

    # -- transactions

    def commit(self) -> None:
        """Commit: a call of its own where something may have been written."""
        link = self.timetracer_link
        wrote = link is not None and link.wrote and self.status == extensions.STATUS_BEGIN
        if link is not None:
            link.wrote = False
        if wrote:
            self.timetracer_call("COMMIT", None, super().commit)
        else:
            super().commit()

    def rollback(self) -> None:
        """Roll back."""
        if self.timetracer_link is not None:
            self.timetracer_link.wrote = False
        super().rollback()

    def timetracer_call(
        self,
        text: str,
        parameters: list[Any] | None,
        live: Callable[..., Any],
        args: tuple[Any, ...] = (),
        read: Callable[[Any], Any] | None = None,
        load: Callable[[SqlResult], Any] | None = None,
    ) -> Any:
        """A call of the connection itself.

        Args:
            text: stands for its statement.
            parameters: what it depends on; their texts are compared.
            live: makes it.
            args: its arguments.
            read: its result as plain data.
            load: what the app gets for a recorded result.
        """
        link = self.timetracer_link
        port = ports.current()
        if link is None or (port is None and not link.replayed):
            return live(*args)
        if port is None:
            raise no_session()
        strict = link.replayed or port.replaying
        call = None
        try:
            call = self._timetracer_call_of(link, text, parameters, live, args, read, load)
        except Exception as error:
            if strict:
                raise
            ports.report("psycopg2: reading a call of a connection", error)
        if call is None:
            return live(*args)
        return run(link.integration.ask(call), None if strict else call)

    def _timetracer_call_of(
        self,
        link: Link,
        text: str,
        parameters: Any,
        live: Callable[..., Any],
        args: tuple[Any, ...],
        read: Callable[[Any], Any] | None,
        load: Callable[[SqlResult], Any] | None,
    ) -> Statement:
        link.wrote = False
        results: list[Any] = []
        before = self.timetracer_heard()

        def called(*args: Any) -> Any:
            results.append(live(*args))
            return results[0]

        def watch(exchange: ports.Exchange, _limit: int) -> None:
            extra: dict[str, Any] = {"state": self.timetracer_state(), "told": self.timetracer_told(before)}
            if read is not None:
                extra["value"] = read(results[0])
            exchange.finish(SqlResult(extra=extra))

        def loaded(result: SqlResult) -> Any:
            self.timetracer_hold_state(result.extra.get("state"))
            self.timetracer_tell(result.extra.get("told"))
            return None if load is None else load(result)

        return Statement(
            called, self, args, {}, link.statement(text, parameters and [str(one) for one in parameters]),
            load=loaded, watch=watch, state=self.timetracer_state, failed=self.timetracer_hold_state,
        )  # fmt: skip

    # -- two-phase commits

    def tpc_prepare(self) -> None:
        """Prepare the transaction."""
        self.timetracer_call("PREPARE TRANSACTION", None, super().tpc_prepare)

    def tpc_commit(self, *args: Any) -> None:
        """Commit a prepared transaction, or the one that is open."""
        self.timetracer_call("COMMIT PREPARED", list(args), super().tpc_commit, args)

    def tpc_rollback(self, *args: Any) -> None:
        """Roll back a prepared transaction, or the one that is open."""
        self.timetracer_call("ROLLBACK PREPARED", list(args), super().tpc_rollback, args)

    def tpc_recover(self) -> Any:
        """The prepared transactions that the server knows."""
        return self.timetracer_call(
            "SELECT FROM pg_prepared_xacts", None, super().tpc_recover,
            read=lambda xids: [[getattr(xid, name) for name in _XID] for xid in xids],
            load=lambda result: [_xid(item) for item in result.extra.get("value", ())],
        )  # fmt: skip

    # -- notifications

    def poll(self) -> Any:
        """Look for notifications."""
        return self.timetracer_call(
            "POLL", None, super().poll,
            read=lambda state: state, load=lambda result: result.extra.get("value", 0),
        )  # fmt: skip

    def timetracer_heard(self) -> tuple[int, int]:
        """How many notices and notifications there are."""
        try:
            return len(self.notices), len(self.notifies)
        except TypeError:  # an app may put anything in their place
            return 0, 0

    def timetracer_told(self, before: tuple[int, int]) -> list[Any]:
        """Notices and notifications that came since there were that many."""
        try:
            notices, notifies = list(self.notices)[before[0] :], list(self.notifies)[before[1] :]
        except TypeError:
            return [[], []]
        return [notices, [[one.pid, one.channel, one.payload] for one in notifies]]

    def timetracer_tell(self, told: Any) -> None:
        """Take recorded notices and notifications."""
        match told:
            case [list(notices), list(notifies)]:
                for notice in notices:
                    self.notices.append(notice)
                for notify in notifies:
                    self.notifies.append(extensions.Notify(*notify))


def _xid(item: Any) -> Any:
    format_id, gtrid, bqual, prepared, owner, database = item
    known = format_id is not None
    xid = extensions.Xid(format_id, gtrid, bqual) if known else extensions.Xid.from_string(gtrid)
    for name, value in (("prepared", prepared), ("owner", owner), ("database", database)):
        with contextlib.suppress(AttributeError):
            setattr(xid, name, value)
    return xid
