"""Pipelines in a replay: psycopg's own, of which each entry has its recorded answer."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from timetracer_otel.integrations.dbapi.core import Statement
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.psycopg.piped import ARRIVED, Waiting, piped_of
from timetracer_otel.messages import SqlResult, SqlStatement

if TYPE_CHECKING:
    from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration


class Repiping:
    """Answers what passes in pipelines.

    Args:
        integration: who asks.
    """

    def __init__(self, integration: PsycopgIntegration) -> None:
        self._integration = integration

    def ask(
        self, waiting: Waiting, pipeline: Any, query: Any, rounds: int, returning: Any
    ) -> Generator[Any, Any, None]:
        """A statement, or one for each set of parameters.

        Args:
            waiting: the statement.
            pipeline: where.
            query: what the app gave.
            rounds: how often psycopg sends it.
            returning: whether rows are wanted of each; ``None`` for a single one.
        """
        from timetracer_otel.integrations.psycopg.loading import Transformer

        cursor = waiting.cursor
        self._fill(waiting, cursor.connection)
        yield from cursor._start_query(query)
        if waiting.failed is not None and waiting.arrived is None:
            raise waiting.failed  # it was never sent
        cursor._tx = Transformer(cursor)
        if returning is not None:
            cursor._execmany_returning = returning
            cursor._rowcount = cursor._rowcount if returning else 0
        place = len(pipeline.result_queue)
        piped_of(pipeline).add(waiting, place, place + 1)
        pipeline.result_queue.append((cursor, None))
        cursor.connection.pgconn.busy = True
        for _ in range(rounds):
            yield from pipeline._communicate_gen()
        cursor._last_query = query
        if returning:
            yield from pipeline._fetch_gen(flush=True)

    def _fill(self, waiting: Waiting, connection: Any) -> None:
        """Find the recorded answer, to give it when its time has come."""
        from timetracer_otel.integrations.psycopg import integration

        def failed(left: Any) -> None:
            waiting.arrived = left.get(ARRIVED) if isinstance(left, dict) else None

        asked = Statement(
            integration._unreachable, waiting.cursor or connection, (), {}, waiting.message,
            load=_itself, failed=failed,
        )  # fmt: skip
        try:
            waiting.answer = run(self._integration.ask(asked))
        except self._integration.error_roots() as error:
            waiting.failed = error
            return
        arrived = waiting.answer.extra.get(ARRIVED)
        waiting.arrived = arrived if isinstance(arrived, int) else None

    def send(self, pipeline: Any) -> Generator[Any, Any, None]:
        """Psycopg sends what it has, and takes what there is by then."""
        piped_of(pipeline).sendings += 1
        while pipeline.command_queue:
            pipeline.command_queue.popleft()()
        yield from self.take(pipeline, left=False)

    def take(self, pipeline: Any, *, left: bool) -> Generator[Any, Any, None]:
        """Take what had come by now when this was recorded, or all that is left."""
        yield from ()
        piped, first = piped_of(pipeline), None
        while pipeline.result_queue:
            waiting = piped.waiting.get(piped.taken)
            if waiting is not None and not left and (waiting.arrived or 0) > piped.sendings:
                break
            pipeline.result_queue.popleft()
            piped.waiting.pop(piped.taken, None)
            piped.taken += 1
            try:
                if waiting is not None:
                    _give(waiting, pipeline._conn)
            except self._integration.error_roots() as error:
                pipeline.pgconn.fail()
                first = first or error
        if not pipeline.result_queue:
            pipeline.pgconn.settle()
        if first is not None:
            raise first

    def command(self, connection: Any, message: SqlStatement, command: bytes, *, local: bool) -> None:
        """A command is queued, in a replay.

        Args:
            connection: psycopg's.
            message: what it asks.
            command: its text.
            local: nothing was recorded of it.
        """
        pipeline = connection._pipeline
        piped = piped_of(pipeline)
        if local:
            connection.pgconn.command(command)
        else:
            waiting = Waiting(message, command=command)
            self._fill(waiting, connection)
            piped.add(waiting, len(pipeline.result_queue), len(pipeline.result_queue) + 1)
        pipeline.result_queue.append(None)
        connection.pgconn.busy = True


def _give(waiting: Waiting, connection: Any) -> None:
    """Let a cursor hold its recorded result, or raise what psycopg raised."""
    from timetracer_otel.integrations.psycopg import hearing, integration, results, states

    if waiting.failed is not None:
        raise waiting.failed
    result, cursor = waiting.answer, waiting.cursor
    if result is None:
        return
    if waiting.command:
        connection.pgconn.command(waiting.command)
    integration._tell(connection, result.extra.get("notices"))
    hearing.tell(connection, result.extra.get("notifies"))
    states.hold_settings(connection, result.extra.get("state"))
    if cursor is None:
        return
    if cursor._execmany_returning is False:
        cursor._rowcount = result.rowcount
        integration.hold_message(cursor, result.extra.get("many"))
    else:
        cursor._set_results(results.rebuild(result))


def _itself(result: SqlResult) -> SqlResult:
    return result
