"""Pipelines: what is asked now is answered later, and in a replay at the same step of psycopg's own.

psycopg's ``Pipeline`` runs in a replay, its queues included; nothing but the connection below it is missing.
It takes results where it sends (``_communicate_gen``), as far as there are any by then, and all that are left
where it fetches (``_fetch_gen``). So an answer says after how many sendings it had come.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.integrations.base import Invocation, Point
from timetracer_otel.integrations.dbapi.core import Statement, no_session, noting, replaying, told
from timetracer_otel.integrations.dbapi.passing import passing, safely
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.flows import run_generator
from timetracer_otel.integrations.psycopg.piped import ARRIVED, ATTRIBUTE, Piped, Waiting, piped_of
from timetracer_otel.integrations.psycopg.repiping import Repiping
from timetracer_otel.messages import SqlResult, SqlStatement
from timetracer_otel.ports import Exchange

if TYPE_CHECKING:
    from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration

_PIPING = "psycopg: reading a pipeline"


class Piping:
    """Records and answers what passes in pipelines.

    Args:
        integration: who asks.
    """

    def __init__(self, integration: PsycopgIntegration) -> None:
        self._integration = integration
        self.again = Repiping(integration)

    def points(self) -> Sequence[Point]:
        """Asking in a pipeline, and what psycopg does with its queues."""
        cursor, base = "psycopg._cursor_base", "psycopg._pipeline_base"
        return (
            Point(cursor, "BaseCursor._execute_gen", wrapper=self._execute),
            Point(cursor, "BaseCursor._executemany_gen_pipeline", wrapper=self._execute),
            Point(cursor, "BaseCursor._maybe_prepare_gen", wrapper=self._prepare),
            Point(base, "BasePipeline._communicate_gen", wrapper=self._send),
            Point(base, "BasePipeline._fetch_gen", wrapper=self._fetch),
            Point(base, "BasePipeline._process_results", wrapper=self._process),
        )

    # -- asking

    def _execute(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Any:
        pipeline = cursor._conn._pipeline
        if pipeline is None:
            return wrapped(*args, **kwargs)
        from timetracer_otel.integrations.psycopg import connection

        replayed = connection.is_replayed(cursor)
        if ports.current() is None and not replayed:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, cursor, args, kwargs)
        many = wrapped.__name__ == "_executemany_gen_pipeline"
        return run_generator(
            lambda made: self._executing(made, cursor, pipeline, args, kwargs, many=many),
            call,
            strict=replayed or replaying(),
        )

    def _executing(
        self, wrapped: Any, cursor: Any, pipeline: Any, args: Any, kwargs: Any, *, many: bool
    ) -> Generator[Any, Any, Any]:
        from timetracer_otel.integrations.psycopg import connection, integration

        link = connection.link_of(cursor.connection, self._integration)
        query = args[0] if args else kwargs["query"]
        given = args[1] if len(args) > 1 else kwargs.get("params_seq" if many else "params")
        kept: list[Any] = []
        if many and link.replayed:
            given = list(given)
            kept += map(plain, given)
        elif many:
            keep = safely(lambda one: kept.append(plain(one)), _PIPING)
            args = (query, passing(given, keep), *args[2:])
            kwargs = {name: value for name, value in kwargs.items() if name not in ("query", "params_seq")}
        message = link.statement(integration._text(query), kept if many else plain(given), executemany=many)
        link.wrote = link.wrote or message.writes
        port = ports.current()
        waiting = Waiting(message, cursor, limit=0 if port is None else port.body_limit)
        piped = piped_of(pipeline)
        if link.replayed:
            if port is None:
                raise no_session()
            rounds = len(kept) if many else 1
            returning = None if not many else (args[2] if len(args) > 2 else kwargs["returning"])
            yield from self.again.ask(waiting, pipeline, query, rounds, returning)
            return
        assert port is not None, "else this is not called"
        waiting.exchange = exchange = port.begin(self._integration, message)
        piped.asking = waiting
        self._listen(piped, cursor.connection)
        try:
            with exchange:
                yield from wrapped(*args, **kwargs)
        except BaseException as error:
            if not waiting.queued:  # it was never sent
                waiting.failed = waiting.failed or error
                piped.asking = None
                self._finish(piped, waiting, cursor.connection, None)
                raise
            piped.asking = None
            self._sent(piped, waiting)
            raise
        piped.asking = None
        self._sent(piped, waiting)

    def _sent(self, piped: Piped, waiting: Waiting) -> None:
        """All entries are queued; some or all were answered meanwhile."""
        waiting.sent = True
        exchange = waiting.exchange
        if exchange is None:
            return
        if waiting.left == 0:
            self._finish(piped, waiting, waiting.cursor.connection, piped.sendings)
        else:
            noting(_PIPING, exchange, lambda: exchange.reading(_nothing_yet))

    def _prepare(self, wrapped: Any, cursor: Any, args: Any, kwargs: Any) -> Any:
        pipeline = cursor._conn._pipeline
        piped = None if pipeline is None else vars(pipeline).get(ATTRIBUTE)
        if piped is None or piped.asking is None:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, cursor, args, kwargs)
        return run_generator(lambda made: _queueing(made, piped, pipeline, args, kwargs), call, strict=False)

    # -- commands

    def command(
        self, wrapped: Any, pipeline: Any, message: SqlStatement, exchange: Exchange
    ) -> Generator[Any, Any, Any]:
        """A command that can fail is queued, while recording.

        Args:
            wrapped: psycopg's own function, its arguments given.
            pipeline: where.
            message: what it asks.
            exchange: who is told of it.
        """
        piped = piped_of(pipeline)
        waiting = Waiting(message, exchange=exchange)
        first = len(pipeline.result_queue)
        with exchange:
            result = yield from wrapped()
        piped.add(waiting, first, len(pipeline.result_queue))
        waiting.sent = True
        return result

    # -- what psycopg does with its queues

    def _send(self, wrapped: Any, pipeline: Any, args: Any, kwargs: Any) -> Any:
        if told(_PIPING, lambda: _replayed(pipeline), False):
            return self.again.send(pipeline)
        piped = vars(pipeline).get(ATTRIBUTE)
        if piped is None and ports.current() is not None:  # sendings count from here on, as in a replay
            piped = told(_PIPING, lambda: piped_of(pipeline), None)
        if piped is None:
            return wrapped(*args, **kwargs)
        piped.sendings += 1
        return self._watching(wrapped, pipeline, piped, args, kwargs)

    def _fetch(self, wrapped: Any, pipeline: Any, args: Any, kwargs: Any) -> Any:
        if told(_PIPING, lambda: _replayed(pipeline), False):
            return self.again.take(pipeline, left=True)
        piped = vars(pipeline).get(ATTRIBUTE)
        if piped is None:
            return wrapped(*args, **kwargs)
        return self._watching(wrapped, pipeline, piped, args, kwargs)

    def _watching(
        self, wrapped: Any, pipeline: Any, piped: Piped, args: Any, kwargs: Any
    ) -> Generator[Any, Any, Any]:
        """Where the connection breaks, all that wait are answered by that."""
        try:
            return (yield from wrapped(*args, **kwargs))
        except BaseException as error:
            failed = error
            told(_PIPING, lambda: self._broken(pipeline, piped, failed), None)
            raise

    def _broken(self, pipeline: Any, piped: Piped, error: BaseException) -> None:
        from psycopg import pq

        if pipeline.pgconn.status != pq.ConnStatus.BAD:
            return
        left = list(dict.fromkeys(piped.waiting.values()))
        piped.waiting.clear()
        for waiting in left:
            waiting.failed = waiting.failed or error
            self._finish(piped, waiting, pipeline._conn, piped.sendings)

    def _process(self, wrapped: Any, pipeline: Any, args: Any, kwargs: Any) -> Any:
        piped = vars(pipeline).get(ATTRIBUTE)
        if piped is None:
            return wrapped(*args, **kwargs)
        waiting = piped.waiting.pop(piped.taken, None)
        piped.taken += 1
        try:
            done = wrapped(*args, **kwargs)
        except BaseException as error:
            failed = error
            if waiting is not None:
                answered = waiting
                told(_PIPING, lambda: self._answered(pipeline, piped, answered, failed, ()), None)
            raise
        if waiting is not None:
            answered = waiting
            results = args[1] if args[0] is not None else ()  # what prepares a statement has none of its own
            told(_PIPING, lambda: self._answered(pipeline, piped, answered, None, results), None)
        return done

    def _answered(
        self, pipeline: Any, piped: Piped, waiting: Waiting, error: BaseException | None, results: Any
    ) -> None:
        """One entry of a statement was answered: what prepared it, or it itself."""
        waiting.left -= 1
        if error is not None and waiting.failed is None:
            waiting.failed, waiting.arrived = error, piped.sendings
        cursor = waiting.cursor
        if cursor is not None and cursor._execmany_returning is not False:
            waiting.results += results
        if waiting.left == 0 and waiting.sent:
            self._finish(piped, waiting, pipeline._conn, piped.sendings)

    def _finish(self, piped: Piped, waiting: Waiting, connection: Any, arrived: int | None) -> None:
        exchange, waiting.exchange = waiting.exchange, None
        if exchange is not None:
            told_of = exchange
            noting(_PIPING, exchange, lambda: self._tell(piped, waiting, connection, arrived, told_of))
        if not piped.waiting and piped.hear is not None:
            told(_PIPING, lambda: _deaf(piped, connection), None)

    def _tell(
        self, piped: Piped, waiting: Waiting, connection: Any, arrived: int | None, exchange: Exchange
    ) -> None:
        from timetracer_otel.integrations.psycopg import integration, results, states

        if waiting.failed is not None:
            when = waiting.arrived if waiting.arrived is not None else arrived
            asked = Statement(
                integration._unreachable, connection, (), {}, waiting.message, load=_itself,
                state=lambda: {ARRIVED: when},
            )  # fmt: skip
            self._integration._report_failure(waiting.failed, asked, exchange)
            return
        result = results.read(waiting.results, waiting.limit)
        if not result.complete:
            exchange.gap("rows over the limit", f"{len(result.rows)} rows of a result are kept")
        if waiting.message.executemany:
            result.rowcount = waiting.cursor.rowcount
            result.extra["many"] = waiting.cursor.statusmessage
        result.extra |= {"state": states.of(connection), ARRIVED: arrived}
        for name, heard in (("notices", piped.notices), ("notifies", piped.notifies)):
            if heard:
                result.extra[name] = list(heard)
                heard.clear()
        exchange.finish(result)

    def _listen(self, piped: Piped, connection: Any) -> None:
        def listen() -> None:
            from timetracer_otel.integrations.psycopg import hearing, integration

            if piped.hear is None:
                piped.hear = integration._listener(piped.notices)
                connection.add_notice_handler(piped.hear)
                piped.notifies = hearing.listen(connection)

        told(_PIPING, listen, None)


def _queueing(wrapped: Any, piped: Piped, pipeline: Any, args: Any, kwargs: Any) -> Generator[Any, Any, Any]:
    first, waiting = len(pipeline.result_queue), piped.asking
    result = yield from wrapped(*args, **kwargs)
    if waiting is not None:
        piped.add(waiting, first, len(pipeline.result_queue))
    return result


def _deaf(piped: Piped, connection: Any) -> None:
    from timetracer_otel.integrations.psycopg import hearing

    hear, piped.hear = piped.hear, None
    connection.remove_notice_handler(hear)
    hearing.deaf(connection)


def _replayed(pipeline: Any) -> bool:
    from timetracer_otel.integrations.psycopg.connection import NoConnection

    return isinstance(pipeline.pgconn, NoConnection)


def _itself(result: SqlResult) -> SqlResult:
    return result


def _nothing_yet() -> None:
    """What is not answered by the end is not known."""
