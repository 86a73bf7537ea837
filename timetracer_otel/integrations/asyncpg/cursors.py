"""Cursors: each time rows are asked of the server is a call; rows that came with earlier ones are none."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.integrations.asyncpg.integration import Reply, is_replayed
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.core import told
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.flows import run_async
from timetracer_otel.messages import SqlResult

if TYPE_CHECKING:
    from timetracer_otel.integrations.asyncpg.integration import AsyncpgIntegration

_END = object()
_EXHAUSTED = "exhausted"


def points(integration: AsyncpgIntegration) -> Sequence[Point]:
    """Iterating, opening a cursor, fetching from it and moving it."""
    ours = _Cursors(integration)
    module = "asyncpg.cursor"
    return (
        Point(module, "CursorIterator.__anext__", wrapper=ours.next),
        Point(module, "Cursor._init", ours.declare, asynchronous=True),
        Point(module, "BaseCursor._exec", ours.fetch, asynchronous=True),
        Point(module, "Cursor.forward", ours.forward, asynchronous=True),
    )


class _Cursors:
    def __init__(self, integration: AsyncpgIntegration) -> None:
        self._integration = integration

    def next(self, wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
        asks, replayed = told("asyncpg: iterating over a cursor", lambda: _asks(iterator), (False, False))
        if not asks:
            return wrapped(*args, **kwargs)
        if replayed:
            iterator._check_conn_validity("__anext__")
        strict = told("asyncpg: iterating over a cursor", self._integration.mocks, False)

        async def batch() -> Any:
            try:
                return await wrapped()
            except StopAsyncIteration:
                return _END

        return self._next(Invocation(batch, iterator, (), {}), strict=strict)

    async def _next(self, call: Invocation, *, strict: bool) -> Any:
        row = await run_async(self._batch(call, call.instance), None if strict else call)
        if row is _END:
            raise StopAsyncIteration
        return row

    def _batch(self, call: Invocation, iterator: Any) -> Flow[Any]:
        connection = iterator._connection

        def reply(row: Any) -> Reply:
            rows = () if row is _END else tuple(itertools.chain((row,), iterator._buffer))
            return rows, None, {_EXHAUSTED: bool(iterator._exhausted)}

        def load(result: SqlResult) -> Any:
            _prepare(iterator)
            rows = self._integration.rows(connection, result, iterator._state.record_class)
            iterator._buffer.extend(rows)
            iterator._exhausted = result.extra.get(_EXHAUSTED) is True
            iterator._portal_name = None if iterator._exhausted else connection._get_unique_id("portal")
            return iterator._buffer.popleft() if iterator._buffer else _END

        flow = self._integration.ask_of(
            connection, call, iterator._query, plain(list(iterator._args)),
            load=load, reply=reply, step=f"fetch {iterator._prefetch}",
        )  # fmt: skip
        return (yield from flow)

    def declare(self, call: Invocation) -> Flow[Any]:
        cursor = call.instance
        connection = cursor._connection

        def load(_: SqlResult) -> Any:
            _prepare(cursor)
            cursor._check_ready()
            cursor._portal_name = connection._get_unique_id("portal")
            return cursor

        flow = self._integration.ask_of(
            connection, call, cursor._query, plain(list(cursor._args)),
            load=load, reply=lambda _: ((), None, {}), step="declare",
        )  # fmt: skip
        return (yield from flow)

    def fetch(self, call: Invocation) -> Flow[Any]:
        cursor, count = call.instance, call.args[0]

        def reply(records: Any) -> Reply:
            return records or (), None, {_EXHAUSTED: bool(cursor._exhausted)}

        def load(result: SqlResult) -> Any:
            cursor._exhausted = result.extra.get(_EXHAUSTED) is True
            return self._integration.rows(cursor._connection, result, cursor._state.record_class)

        flow = self._integration.ask_of(
            cursor._connection, call, cursor._query, plain(list(cursor._args)),
            load=load, reply=reply, step=f"fetch {count}",
        )  # fmt: skip
        return (yield from flow)

    def forward(self, call: Invocation) -> Flow[Any]:
        cursor = call.instance
        count = call.args[0] if call.args else call.kwargs["n"]
        if is_replayed(cursor._connection._protocol):
            cursor._check_conn_validity("forward")
            cursor._check_ready()
        if not isinstance(count, int) or count <= 0:
            return (yield call.proceed)  # asyncpg refuses it

        def load(result: SqlResult) -> Any:
            advanced = result.extra["moved"]
            if advanced < count:
                cursor._exhausted = True
            return advanced

        flow = self._integration.ask_of(
            cursor._connection, call, cursor._query, plain(list(cursor._args)),
            load=load, reply=lambda moved: ((), None, {"moved": moved}), step=f"move {count}",
        )  # fmt: skip
        return (yield from flow)


def _asks(iterator: Any) -> tuple[bool, bool]:
    """Whether the next row is asked of the server, and whether that is a recorded one."""
    replayed = is_replayed(iterator._connection._protocol)
    here = iterator._buffer or iterator._exhausted
    return not here and (replayed or ports.current() is not None), replayed


def _prepare(cursor: Any) -> None:
    """A cursor prepares its statement when it is first used."""
    from timetracer_otel.integrations.asyncpg.replayed import NoStatement

    if cursor._state is None:
        connection = cursor._connection
        kind = cursor._record_class or connection._protocol.get_record_class()
        cursor._state = NoStatement(connection._get_unique_id("stmt"), cursor._query, kind, {})
        cursor._state.attach()
