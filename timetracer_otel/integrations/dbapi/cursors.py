"""Cursors that see what passes, and hold recorded results: what is the same for drivers of one shape.

:class:`WatchedCursor` is mixed into a class derived from the driver's cursor. Rows are kept as the driver's
tuples, before a row factory of the app's makes something else of them.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import Statement, no_session, refused
from timetracer_otel.integrations.dbapi.held import Held
from timetracer_otel.integrations.dbapi.links import Link
from timetracer_otel.integrations.dbapi.pending import Pending, Sent, columns_of, number, quiet
from timetracer_otel.integrations.flows import run
from timetracer_otel.messages import SqlResult, SqlStatement


class WatchedCursor:
    """The part of a driver's cursor that records and answers."""

    timetracer_pending: Pending | None = None
    timetracer_held: Held | None = None

    # -- what a driver says of itself

    @abstractmethod
    def timetracer_link(self) -> Link | None:
        """The connection; ``None`` for one that is not watched."""

    @abstractmethod
    def timetracer_state(self) -> Any:
        """The state of the connection after a statement, plain data."""

    @abstractmethod
    def timetracer_hold_state(self, state: Any) -> None:
        """Hold a recorded state."""

    @abstractmethod
    def timetracer_rowcount(self) -> int:
        """The driver's own row count."""

    @abstractmethod
    def timetracer_own_description(self) -> Any:
        """The driver's own description."""

    def timetracer_late(self) -> bool:
        """True where rows may come though there is no description yet: a server-side cursor."""
        return False

    def timetracer_returned(self) -> Any:
        """What ``execute`` returns for a recorded result."""
        return None

    def timetracer_sent(self, rows: Any) -> Sent | None:
        """What the server sent for values in rows just fetched that the app's own code made of it."""
        return None

    def timetracer_reader(self) -> Callable[[Any], Any]:
        """Makes values of what the server sent, in a replay."""
        raise refused("a value of a class of the app's", "the driver")

    # -- statements

    def timetracer_ask(
        self,
        method: str,
        live: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        message: Callable[[Link], SqlStatement],
        returned: Callable[[], Any] | None = None,
        finish: Callable[[SqlResult], None] | None = None,
        act: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Run a statement live or from a recording.

        Args:
            method: the method's name, for a call that a replay lets through.
            live: the driver's own method.
            args: its arguments.
            kwargs: likewise.
            message: reads the statement.
            returned: what the app gets for a recorded result.
            finish: gives a recorded result what it needs besides rows, or puts it in.
            act: makes a call that a replay lets through on a cursor of the real connection, where that takes
                more than calling the method; ``finish`` is given its result, too.
        """
        link = self.timetracer_link()
        self.timetracer_finish(complete=False)
        self.timetracer_held = None
        port = ports.current()
        if link is None or (port is None and not link.replayed):
            return live(*args, **kwargs)
        if port is None:
            raise no_session()
        strict = link.replayed or port.replaying
        call: Statement | None = None
        try:
            asked = message(link)
            call = self._timetracer_call_of(link, method, live, args, kwargs, asked, returned, finish, act)
        except Exception as error:  # what is no statement is the driver's to refuse
            if strict:
                raise
            ports.report(f"{link.integration.name}: reading a statement", error)
        if call is None:  # not in the handler, where the driver's exceptions would get ours as context
            return live(*args, **kwargs)
        return run(link.integration.ask(call), None if strict else call)

    def _timetracer_call_of(
        self,
        link: Link,
        method: str,
        live: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        asked: SqlStatement,
        returned: Callable[[], Any] | None,
        finish: Callable[[SqlResult], None] | None,
        act: Callable[[Any], Any] | None,
    ) -> Statement:
        if asked.writes:
            link.wrote = True

        def load(result: SqlResult) -> Any:
            self.timetracer_load(result)
            if finish is not None:
                finish(result)
            return self.timetracer_returned() if returned is None else returned()

        def watch(exchange: ports.Exchange, limit: int) -> None:
            if link.replayed:
                result = self.timetracer_held.result if self.timetracer_held is not None else SqlResult()
                exchange.finish(result)
                return
            pending = Pending.of(self, exchange, limit)
            state = self.timetracer_state()
            if state is not None:
                pending.extra["state"] = state
            if pending.columns is not None or self.timetracer_late():
                if pending.columns is None:
                    pending.extra["late"] = True
                self.timetracer_pending = pending
                return
            result = pending.result(pending.rowcount, complete=True)
            if finish is not None:
                finish(result)
            if not result.complete:
                exchange.gap("copied data over the limit", asked.title()[:200])
            exchange.finish(result)

        def passed(*args: Any, **kwargs: Any) -> Any:
            made = act or operator.methodcaller(method, *args, **kwargs)
            result = pass_through(link, made)
            if act is not None and finish is not None:
                finish(result)
            self.timetracer_load(result)
            return self.timetracer_returned() if returned is None else returned()

        return Statement(
            passed if link.replayed else live, self, args, kwargs, asked,
            load=load, watch=watch,
            state=None if link.replayed else self.timetracer_state, failed=self.timetracer_hold_state,
        )  # fmt: skip

    def timetracer_load(self, result: SqlResult) -> None:
        """Hold a recorded result."""
        link = self.timetracer_link()
        assert link is not None, "only a watched connection has recorded results"
        self.timetracer_held = Held(result, link.integration, self.timetracer_reader)
        if "state" in result.extra:
            self.timetracer_hold_state(result.extra["state"])

    def timetracer_finish(self, *, complete: bool) -> None:
        """Report the statement before, if it was not yet."""
        try:
            pending, self.timetracer_pending = self.timetracer_pending, None
            if pending is None:
                return
            pending.exchange.finish(pending.result(pending.rowcount, complete=complete))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("reading rows", error)

    # -- rows

    def timetracer_fetch(self, fetch: Callable[..., Any], *args: Any) -> Any:
        """Fetch rows from the driver; an error among them is part of the answer."""
        try:
            return fetch(*args)
        except StopIteration:
            self.timetracer_keep((), last=True)
            raise
        except BaseException as error:
            pending = self.timetracer_pending
            if pending is not None:
                with contextlib.suppress(Exception):
                    pending.extra["error"] = failures.describe(error).plain()
                self.timetracer_finish(complete=False)
            raise

    def timetracer_keep(self, rows: Any, *, last: bool) -> None:
        """Keep rows that were just fetched."""
        try:
            pending = self.timetracer_pending
            if pending is None:
                return
            if pending.columns is None:
                pending.columns = columns_of(self.timetracer_own_description())
            pending.keep(rows, self.timetracer_sent(rows) if rows else None)
            counts = pending.extra.get("rowcounts", [])
            count = self.timetracer_rowcount()
            if count != (counts[-1][1] if counts else pending.rowcount):
                pending.extra.setdefault("rowcounts", []).append([len(pending.rows), count])
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("reading rows", error)
            if self.timetracer_pending is not None:
                self.timetracer_pending.cut = True
        if last:
            self.timetracer_finish(complete=True)


def pass_through(link: Link, act: Callable[[Any], Any]) -> SqlResult:
    """A call that a replay lets through, on a cursor of the real connection, its rows fetched."""
    with contextlib.closing(link.go_live().cursor()) as cursor:
        act(cursor)
        pending = Pending.of(cursor, None, sys.maxsize)
        if cursor.description is not None:
            pending.keep(cursor.fetchall())
        return pending.result(number(quiet(cursor, "rowcount", -1)), complete=True)
