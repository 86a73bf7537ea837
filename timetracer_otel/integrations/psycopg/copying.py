"""COPY: what the app writes is part of the request, what it reads is the answer, piece by piece.

psycopg's own ``Copy`` runs in a replay, its rows and formats included; nothing but the connection below it is
missing. What is over the limit of bodies is told apart by its hash where the app writes it, and cannot be
read again.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import Statement, no_session, noting, replaying
from timetracer_otel.integrations.dbapi.held import COPIED, end_of
from timetracer_otel.integrations.dbapi.passing import Passed
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.flows import run, run_generator
from timetracer_otel.messages import SqlResult, SqlStatement
from timetracer_otel.ports import Exchange

if TYPE_CHECKING:
    from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration

REFUSED = "copy refused"
"""The step of a COPY that the server did not begin."""

_ATTRIBUTE = "_timetracer_copy"
_COPYING = "psycopg: reading what is copied"
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.S)
_SENDS = re.compile(r"\bfrom\s+stdin\b", re.I)
_BINARY = re.compile(r"\bformat\s+'?\"?binary|\bwith\s+binary|^\s*copy\s+binary", re.I)


class Copy(msgspec.Struct, eq=False):
    """A COPY under way.

    Attributes:
        message: what it asks.
        sends: the app writes.
        passed: what passed so far.
        exchange: who is told of it; ``None`` in a replay.
        pieces: what is left to read, in a replay.
        result: the recorded result, in a replay.
        formats: 0 for text, 1 for binary, of each column.
    """

    message: SqlStatement
    sends: bool
    passed: Passed
    exchange: Exchange | None = None
    pieces: list[Any] = msgspec.field(default_factory=list)
    result: SqlResult | None = None
    formats: list[int] = msgspec.field(default_factory=list)

    def keep(self, data: Any) -> None:
        """One more piece passed."""
        try:
            piece = bytes(data)
            self.passed.keep(piece if self.sends else _piece(piece), len(piece))
        except Exception as error:
            if self.exchange is None:
                raise
            ports.report(_COPYING, error)
            self.passed.lose()

    def ended(self, failed: BaseException | None) -> None:
        """The app writes no more; that is what it failed with."""
        self.message.parameters = [self.message.parameters[0], self.passed.whole()]
        if failed is not None:
            self.message.step = "copy given up"


def points(integration: PsycopgIntegration) -> Sequence[Point]:
    """Beginning, reading, writing and ending a COPY."""
    ours = _Copying(integration)
    base = "psycopg._copy_base"
    found = [
        Point("psycopg._cursor_base", "BaseCursor._start_copy_gen", wrapper=ours.start),
        Point(base, "BaseCopy._read_gen", wrapper=ours.read),
        *(
            Point(base, name, wrapper=_in_python)
            for name in ("parse_row_text", "parse_row_binary", "format_row_text", "format_row_binary")
        ),
    ]
    for suffix, prefix in (("", ""), ("_async", "Async")):
        module = f"psycopg._copy{suffix}"
        found += [
            Point(module, f"{prefix}Copy.finish", ours.close, bool(prefix)),
            Point(module, f"{prefix}LibpqWriter._put", wrapper=ours.put, optional=True),
            *(
                Point(module, f"{prefix}{queued}LibpqWriter.write", wrapper=ours.write)
                for queued in ("", "Queued")
            ),
            Point(module, f"{prefix}LibpqWriter.finish", ours.end, bool(prefix)),
        ]
    return found


class _Copying:
    def __init__(self, integration: PsycopgIntegration) -> None:
        self._integration = integration

    # -- beginning

    def start(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Any:
        from timetracer_otel.integrations.psycopg import connection

        replayed = connection.is_replayed(cursor)
        if ports.current() is None and not replayed:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, cursor, args, kwargs)
        return run_generator(
            lambda made: self._starting(made, cursor, args, kwargs), call, strict=replayed or replaying()
        )

    def _starting(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import connection, integration

        vars(cursor.connection).pop(_ATTRIBUTE, None)
        link = connection.link_of(cursor.connection, self._integration)
        text = integration._text(args[0] if args else kwargs["statement"])
        given = plain(args[1] if len(args) > 1 else kwargs.get("params"))
        sends = _SENDS.search(_QUOTED.sub("''", text)) is not None
        port = ports.current()
        message = link.statement(text, [given, None] if sends else given)
        message.step = "copy"
        copy = Copy(message, sends, Passed(0 if port is None else port.body_limit))
        link.wrote = link.wrote or sends
        if link.replayed:
            integration._check(cursor)
            if port is None:
                raise no_session()
            self._begin_again(cursor, copy, port)
            return
        assert port is not None, "else this is not called"
        exchange = port.begin(self._integration, message)
        try:
            with exchange:
                yield from wrapped(*args, **kwargs)
        except BaseException as error:
            message.step = REFUSED
            self._fail(cursor, exchange, error)
            raise

        def begin() -> None:
            begun = cursor.pgresult
            copy.formats = [int(begun.fformat(at)) for at in range(begun.nfields)]
            copy.exchange = exchange
            vars(cursor.connection)[_ATTRIBUTE] = copy

        noting(_COPYING, exchange, begin)

    def _fail(self, cursor: Any, exchange: Exchange, error: BaseException) -> None:
        def fail() -> None:
            asked = self._statement(cursor, SqlStatement(text=""))
            self._integration._report_failure(error, asked, exchange)

        noting("psycopg: reading an exception", exchange, fail)

    def _statement(self, cursor: Any, message: SqlStatement) -> Statement:
        from timetracer_otel.integrations.psycopg import integration, states

        connection = cursor.connection
        return Statement(
            integration._unreachable, cursor, (), {}, message, load=_itself,
            state=lambda: states.of(connection),
            failed=lambda state: states.hold(connection, state),
        )  # fmt: skip

    def _begin_again(self, cursor: Any, copy: Copy, port: ports.Port) -> None:
        from psycopg import pq

        from timetracer_otel.integrations.psycopg import integration, states
        from timetracer_otel.integrations.psycopg.loading import Transformer
        from timetracer_otel.integrations.psycopg.results import RecordedResult

        refused = msgspec.structs.replace(copy.message, step=REFUSED)
        waiting = [
            one.key() for one in port.pending_requests(self._integration) if isinstance(one, SqlStatement)
        ]
        if refused.key() in waiting:
            run(self._integration.ask(self._statement(cursor, refused)))
        cursor._reset()
        cursor._tx = Transformer(cursor)
        binary = _BINARY.search(_QUOTED.sub("''", copy.message.text)) is not None
        status, columns = pq.ExecStatus.COPY_IN, []
        if not copy.sends:
            result: SqlResult = run(self._integration.ask(self._statement(cursor, copy.message)))
            states.hold(cursor.connection, result.extra.get("begun"))
            integration._tell(cursor.connection, result.extra.get("notices"))
            copy.result, copy.pieces = result, [piece for (piece,) in result.rows]
            formats, status = result.extra.get("formats"), pq.ExecStatus.COPY_OUT
            columns = [["", 0, -1, 0, form, 0, 0] for form in formats or ()]
            binary = any(form == 1 for form in formats or ())
        begun = RecordedResult(columns, [], {"status": int(status)})
        begun.binary_tuples = int(binary)
        cursor._set_results([begun])
        vars(cursor.connection)[_ATTRIBUTE] = copy

    # -- reading

    def read(self, wrapped: Any, copying: Any, args: Any, kwargs: Any) -> Any:
        copy = vars(copying.connection).get(_ATTRIBUTE)
        if copy is None or copy.sends or copying._finished:
            return wrapped(*args, **kwargs)
        if copy.exchange is None:
            return self._read_again(copying, copy)
        call = Invocation(wrapped, copying, args, kwargs)
        return run_generator(lambda made: self._reading(made, copying, copy), call, strict=False)

    def _reading(self, wrapped: Any, copying: Any, copy: Copy) -> Generator[Any, Any, Any]:
        try:
            data = yield from wrapped()
        except BaseException as error:
            self._done(copying, copy, error)
            raise
        if data:
            copy.keep(data)
        else:
            self._done(copying, copy)
        return data

    def _read_again(self, copying: Any, copy: Copy) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import states

        yield from ()
        result = copy.result
        assert result is not None, "read when it began"
        if copy.pieces:
            piece = copy.pieces.pop(0)
            return memoryview(piece.encode() if isinstance(piece, str) else piece)
        if result.extra.get("over") is True:
            raise ReplayError("psycopg: what this COPY gave was over the limit of bodies; record again")
        end = end_of(result, self._integration)
        if end is not None:
            states.hold(copying.connection, result.extra.get("state"))
            raise end
        states.hold(copying.connection, result.extra.get("state"))
        copying._finished = True
        copying.cursor._rowcount = result.rowcount
        return memoryview(b"")

    def _done(
        self, copying: Any, copy: Copy, error: BaseException | None = None, *, whole: bool = True
    ) -> None:
        """All was read that the app reads."""
        exchange, copy.exchange = copy.exchange, None
        vars(copying.connection).pop(_ATTRIBUTE, None)
        if exchange is not None:
            told_of = exchange
            noting(_COPYING, exchange, lambda: self._finish(copying, copy, told_of, error, whole=whole))

    def _finish(
        self, copying: Any, copy: Copy, exchange: Exchange, error: BaseException | None, *, whole: bool
    ) -> None:
        from timetracer_otel.integrations.psycopg import states

        extra: dict[str, Any] = {"state": states.of(copying.connection), "formats": copy.formats}
        if error is not None:
            extra["error"] = failures.describe(error).plain()
        pieces = copy.passed.pieces()
        if copy.passed.over:
            exchange.gap("copied data over the limit", copy.message.title()[:200])
            extra["over"], pieces = True, []
        exchange.finish(
            SqlResult(
                columns=[[COPIED]],
                rows=[[piece] for piece in pieces],
                rowcount=copying.cursor._rowcount,
                complete=whole,
                extra=extra,
            )
        )

    def close(self, call: Invocation) -> Flow[Any]:
        """The block ends: what was not read by now is not."""
        copying = call.instance
        result = yield call.proceed
        copy = vars(copying.connection).get(_ATTRIBUTE)
        if copy is not None and not copy.sends:
            self._done(copying, copy, whole=False)
        return result

    # -- writing

    def put(self, wrapped: Any, writer: Any, args: Any, kwargs: Any) -> Any:
        """Maybe in a thread of psycopg's, which knows of no request."""
        copy = vars(writer.connection).get(_ATTRIBUTE)
        if copy is None:
            return wrapped(*args, **kwargs)
        copy.keep(args[0] if args else kwargs["data"])
        if copy.exchange is not None:
            return wrapped(*args, **kwargs)
        return None if not inspect.iscoroutinefunction(wrapped) else _done_at_once()

    def write(self, wrapped: Any, writer: Any, args: Any, kwargs: Any) -> Any:
        """What is written, in older releases: there nothing below is common to all writers."""
        return (
            wrapped(*args, **kwargs) if hasattr(writer, "_put") else self.put(wrapped, writer, args, kwargs)
        )

    def end(self, call: Invocation) -> Flow[Any]:
        from timetracer_otel.integrations.psycopg import results, states

        writer = call.instance
        copy = vars(writer.connection).pop(_ATTRIBUTE, None)
        if copy is None:
            return (yield call.proceed)
        failed = call.args[0] if call.args else call.kwargs.get("exc")
        if copy.exchange is None:
            copy.ended(failed)
            found: SqlResult = run(self._integration.ask(self._statement(writer.cursor, copy.message)))
            states.hold(writer.connection, found.extra.get("state"))
            if found.extra.get("shape"):
                writer.cursor._results = results.rebuild(found)
            return None
        before = list(writer.cursor._results)
        exchange = copy.exchange
        try:
            done = yield call.proceed
        except BaseException as error:
            noting(_COPYING, exchange, lambda: copy.ended(failed))
            self._fail(writer.cursor, exchange, error)
            raise

        def finish() -> None:
            copy.ended(failed)
            after = list(writer.cursor._results)
            answer = results.read(after if after != before else [], 0)
            answer.extra["state"] = states.of(writer.connection)
            exchange.finish(answer)

        noting(_COPYING, exchange, finish)
        return done


def _in_python(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    """Psycopg's functions in C take a connection of libpq's only."""
    from psycopg import _copy_base

    from timetracer_otel.integrations.psycopg.loading import Transformer

    if len(args) > 1 and type(args[1]) is Transformer:
        return getattr(_copy_base, f"_{wrapped.__name__}")(*args, **kwargs)
    return wrapped(*args, **kwargs)


def _piece(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _itself(result: SqlResult) -> SqlResult:
    return result


async def _done_at_once() -> None:
    """What is copied goes nowhere."""
