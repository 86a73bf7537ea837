"""``stream()``: rows as they come; the answer is what was read of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.base import Invocation, Point
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import Statement, no_session, noting, replaying
from timetracer_otel.integrations.dbapi.held import end_of
from timetracer_otel.integrations.dbapi.values import plain, weight
from timetracer_otel.integrations.flows import run, run_generator
from timetracer_otel.messages import SqlResult, SqlStatement
from timetracer_otel.ports import Exchange

if TYPE_CHECKING:
    from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration

_ATTRIBUTE = "_timetracer_stream"


class Stream(msgspec.Struct, eq=False):
    """Rows that come.

    Attributes:
        limit: bytes kept of them.
        exchange: who is told of them; ``None`` in a replay.
        parts: what the server sent so far; in a replay what is left.
        end: the recorded result, in a replay.
    """

    limit: int
    exchange: Exchange | None = None
    parts: list[Any] = msgspec.field(default_factory=list)
    end: SqlResult | None = None


def points(integration: PsycopgIntegration) -> Sequence[Point]:
    """Asking for rows, and what comes."""
    ours = _Streaming(integration)
    base = "psycopg._cursor_base"
    return (
        Point(base, "BaseCursor._stream_send_gen", wrapper=ours.send),
        Point(base, "BaseCursor._stream_fetchone_gen", wrapper=ours.fetch),
    )


class _Streaming:
    def __init__(self, integration: PsycopgIntegration) -> None:
        self._integration = integration

    def send(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Any:
        from timetracer_otel.integrations.psycopg import connection

        replayed = connection.is_replayed(cursor)
        if ports.current() is None and not replayed:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, cursor, args, kwargs)
        return run_generator(
            lambda made: self._sending(made, cursor, args, kwargs), call, strict=replayed or replaying()
        )

    def _sending(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import connection, integration, states

        vars(cursor.connection).pop(_ATTRIBUTE, None)
        link = connection.link_of(cursor.connection, self._integration)
        query = args[0] if args else kwargs["query"]
        parameters = plain(args[1] if len(args) > 1 else kwargs.get("params"))
        message = link.statement(integration._text(query), parameters)
        message.step = "stream"
        link.wrote = link.wrote or message.writes
        port = ports.current()
        stream = Stream(0 if port is None else port.body_limit)
        if link.replayed:
            integration._check(cursor)
            if port is None:
                raise no_session()
            asked = Statement(
                integration._unreachable, cursor, args, kwargs, message, load=_itself,
                failed=lambda state: states.hold(cursor.connection, state),
            )  # fmt: skip
            stream.end = run(self._integration.ask(asked))
            self._hold(cursor, stream, query)
        else:
            assert port is not None, "else this is not called"
            exchange = port.begin(self._integration, message)
            try:
                with exchange:
                    yield from wrapped(*args, **kwargs)
            except BaseException as error:
                self._fail(cursor, exchange, error)
                raise
            stream.exchange = exchange
            exchange.reading(lambda: self._answer(cursor, stream, complete=False))
        vars(cursor.connection)[_ATTRIBUTE] = stream

    def _hold(self, cursor: Any, stream: Stream, query: Any) -> None:
        from timetracer_otel.integrations.psycopg import results
        from timetracer_otel.integrations.psycopg.loading import Transformer

        cursor._reset()
        cursor._last_query = query
        cursor._tx = Transformer(cursor)
        result = stream.end
        assert result is not None, "it was just asked for"
        sizes = result.extra.get("sizes")
        at = 0
        for size in sizes if isinstance(sizes, list) else ():
            rows = result.rows[at : at + size]
            at += size
            shape = {"status": int(result.extra.get("status") or 0), "tuples": len(rows)}
            stream.parts.append(results.RecordedResult(result.columns or [], rows, shape))

    def _fail(self, cursor: Any, exchange: Exchange, error: BaseException) -> None:
        from timetracer_otel.integrations.psycopg import integration, states

        def fail() -> None:
            asked = Statement(
                integration._unreachable, cursor, (), {}, SqlStatement(text=""), load=_itself,
                state=lambda: states.of(cursor.connection),
            )  # fmt: skip
            self._integration._report_failure(error, asked, exchange)

        noting("psycopg: reading an exception", exchange, fail)

    def fetch(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Any:
        stream = vars(cursor.connection).get(_ATTRIBUTE)
        if stream is None:
            return wrapped(*args, **kwargs)
        if stream.exchange is None:
            return self._again(cursor, stream, args[0] if args else kwargs["first"])
        call = Invocation(wrapped, cursor, args, kwargs)
        return run_generator(
            lambda made: self._fetching(made, cursor, stream, args, kwargs), call, strict=False
        )

    def _fetching(
        self, wrapped: Any, cursor: Any, stream: Stream, args: Any, kwargs: Any
    ) -> Generator[Any, Any, Any]:
        try:
            result = yield from wrapped(*args, **kwargs)
        except BaseException as error:
            self._done(cursor, stream, error)
            raise
        if result is None:
            self._done(cursor, stream)
        else:
            stream.parts.append(result)
        return result

    def _done(self, cursor: Any, stream: Stream, error: BaseException | None = None) -> None:
        exchange, stream.exchange = stream.exchange, None
        vars(cursor.connection).pop(_ATTRIBUTE, None)
        if exchange is None:
            return

        def finish() -> None:
            answer = self._answer(cursor, stream, complete=True)
            if error is not None:
                answer.extra["error"] = failures.describe(error).plain()
            if not answer.complete:
                exchange.gap("rows over the limit", f"{len(answer.rows)} rows of a result are kept")
            exchange.finish(answer)

        noting("psycopg: reading a stream", exchange, finish)

    def _answer(self, cursor: Any, stream: Stream, *, complete: bool) -> SqlResult:
        from timetracer_otel.integrations.psycopg import results, states

        answer = SqlResult(complete=complete)
        sizes: list[int] = []
        room = stream.limit
        for part in stream.parts:
            read = results.read([part], room)
            room -= sum(map(weight, read.rows))
            answer.columns = read.columns
            answer.rows += read.rows
            sizes.append(len(read.rows))
            answer.extra["status"] = int(part.status)
            if not read.complete:
                answer.complete = False
                break
        answer.extra |= {"sizes": sizes, "state": states.of(cursor.connection)}
        return answer

    def _again(self, cursor: Any, stream: Stream, first: bool) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import states

        yield from ()
        if stream.parts:
            result = stream.parts.pop(0)
            cursor.pgresult = result
            cursor._tx.set_pgresult(result, set_loaders=first)
            if first:
                cursor._make_row = cursor._make_row_maker()
            return result
        vars(cursor.connection).pop(_ATTRIBUTE, None)
        assert stream.end is not None, "a replay has a result"
        states.hold(cursor.connection, stream.end.extra.get("state"))
        end = end_of(stream.end, self._integration)
        if end is not None:
            raise end
        return None


def _itself(result: SqlResult) -> SqlResult:
    if not isinstance(result.extra.get("sizes"), list):
        raise ReplayError("psycopg: the recorded answer is none of stream()")
    return result
