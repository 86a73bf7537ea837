"""COPY: what the app gives is part of the request, what it is given is the answer, piece by piece.

What is over the limit of bodies is told apart by its hash where the app gives it, and cannot be given again.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.integrations.asyncpg.integration import PIECES, Reply, is_replayed
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.dbapi.passing import Passed, passing, passing_async, safely
from timetracer_otel.integrations.dbapi.values import plain_row, weight
from timetracer_otel.messages import SqlResult

if TYPE_CHECKING:
    from timetracer_otel.integrations.asyncpg.integration import AsyncpgIntegration

_READ = 524288  # what asyncpg reads of a file at a time
_COPYING = "asyncpg: reading what is copied"
_STOPPED = "stopped"
"""The app's own function raised: a replay calls it again, and it raises again."""


def points(integration: AsyncpgIntegration) -> Sequence[Point]:
    """COPY in both directions, and of records."""
    ours = _Copying(integration)
    module = "asyncpg.connection"
    return (
        Point(module, "Connection._copy_out", ours.receive, asynchronous=True),
        Point(module, "Connection._copy_in", ours.send, asynchronous=True),
        Point(module, "Connection.copy_records_to_table", ours.records, asynchronous=True),
    )


class _Copying:
    def __init__(self, integration: AsyncpgIntegration) -> None:
        self._integration = integration

    # -- to the app

    def receive(self, call: Invocation) -> Flow[Any]:
        connection = call.instance
        query, output, *rest = call.args
        writes = _writer(connection, output)
        if writes is None or connection.is_closed():
            return (yield call.proceed)  # asyncpg refuses it
        write_through = writes
        if is_replayed(connection._protocol):
            return (yield from self._give(call, query, output, writes))
        path = _path(output)
        passed = Passed(_limit())
        failed: list[BaseException] = []
        keep = safely(lambda data: passed.keep(_text(data), len(data)), _COPYING, passed.lose)

        async def write(data: bytes) -> None:
            keep(data)
            try:
                await write_through(data)
            except BaseException as error:
                failed.append(error)
                raise

        async def copy() -> Any:
            if path is None:
                return await call.wrapped(query, write, *rest)
            with await connection._loop.run_in_executor(None, open, path, "wb") as file:
                nonlocal write_through
                write_through = _to_file(connection, file)
                return await call.wrapped(query, write, *rest)

        def reply(status: Any) -> Reply:
            told: dict[str, Any] = {"over": True} if passed.over else {PIECES: passed.pieces()}
            if failed:
                told[_STOPPED] = True
            return (), status, told

        live = Invocation(copy, connection, (), {})
        return (
            yield from self._integration.ask_of(
                connection, live, query, None, load=_unused, reply=reply, step="copy", own=failed
            )
        )

    def _give(self, call: Invocation, query: str, output: Any, writes: Any) -> Flow[Any]:
        connection = call.instance
        result: SqlResult = yield from self._integration.ask_of(
            connection, call, query, None, load=_itself, reply=_nothing, step="copy"
        )
        if result.extra.get("over") is True:
            raise ReplayError(
                "asyncpg: what this COPY wrote was over the limit when it was recorded; record again"
            )

        async def give() -> None:
            pieces = [piece for (piece,) in result.rows]
            if _path(output) is None:
                for piece in pieces:
                    await writes(_data(piece))
                return
            with await connection._loop.run_in_executor(None, open, output, "wb") as file:
                for piece in pieces:
                    file.write(_data(piece))

        yield give
        if result.extra.get(_STOPPED) is True:
            raise ReplayError(
                "asyncpg: what this COPY was given to failed when it was recorded, and does not now"
            )
        return result.extra.get("statusmessage")

    # -- from the app

    def send(self, call: Invocation) -> Flow[Any]:
        connection = call.instance
        query, source, *rest = call.args
        path = _path(source)
        passed = Passed(_limit())
        keep = safely(lambda data: passed.keep(_copied(data), len(data)), _COPYING, passed.lose)

        async def read() -> Any:
            """The source, as one that shows what is read of it."""
            if path is not None:
                file = await connection._loop.run_in_executor(None, open, path, "rb")
                return _of_file(connection, file, keep, close=True)
            if hasattr(source, "read"):
                return _of_file(connection, source, keep, close=False)
            if isinstance(source, AsyncIterable):
                return passing_async(source, keep)
            keep(source)
            return source

        async def copy() -> Any:
            return await call.wrapped(query, await read(), *rest)

        async def consume() -> None:
            shown = await read()
            if isinstance(shown, AsyncIterable):
                async for _ in shown:
                    pass

        return (yield from self._sending(call, query, copy, consume, passed.whole))

    def records(self, call: Invocation) -> Flow[Any]:
        connection, options = call.instance, dict(call.kwargs)
        table = call.args[0] if call.args else options["table_name"]
        records = options["records"]
        query = _query(connection, table, options)
        passed = Passed(_limit())

        def copied(row: Any) -> None:
            copy = plain_row(row)
            passed.keep(copy, weight(copy))

        keep = safely(copied, _COPYING, passed.lose)

        aside = isinstance(records, AsyncIterable)
        options["records"] = passing_async(records, keep) if aside else passing(records, keep)

        async def consume() -> None:
            if aside:
                async for _ in options["records"]:
                    pass
            else:
                for _ in options["records"]:
                    pass

        async def copy() -> Any:
            return await call.wrapped(*call.args, **options)

        return (yield from self._sending(call, query, copy, consume, passed.pieces, many=True))

    def _sending(
        self,
        call: Invocation,
        query: str,
        copy: Callable[[], Awaitable[Any]],
        consume: Callable[[], Awaitable[Any]],
        given: Callable[[], Any],
        *,
        many: bool = False,
    ) -> Flow[Any]:
        """The flow of a COPY from the app: ``given`` is known after ``copy`` or ``consume``."""
        connection = call.instance
        if connection.is_closed():
            return (yield call.proceed)
        replayed = is_replayed(connection._protocol)
        parameters: list[Any] = []
        if replayed:
            try:
                yield consume
            except Exception:
                self._used(connection, query, given(), many=many)
                raise
            parameters = given() if many else [given()]

        def note(_: Any) -> None:
            parameters[:] = given() if many else [given()]

        noted = safely(note, _COPYING)

        async def live() -> Any:
            try:
                return await copy()
            finally:
                noted(None)

        flow = self._integration.ask_of(
            connection, Invocation(live, connection, (), {}), query, parameters,
            load=lambda result: result.extra.get("statusmessage"), reply=lambda status: ((), status, {}),
            step="copy", many=many,
        )  # fmt: skip
        return (yield from flow)

    def _used(self, connection: Any, query: str, given: Any, *, many: bool) -> None:
        """What the app gave failed, as it did when it was recorded: that call happened."""
        known = self._integration.known(connection)
        message = known.link.statement(query, given if many else [given], executemany=many)
        message.step = "copy"
        port = ports.current()
        try:
            if port is not None:
                port.begin(self._integration, message)
        except MissError:
            return


async def _of_file(connection: Any, file: Any, keep: Callable[[Any], None], *, close: bool) -> Any:
    run = connection._loop.run_in_executor
    try:
        while data := await run(None, file.read, _READ):
            keep(data)
            yield data
    finally:
        if close:
            file.close()


def _writer(connection: Any, output: Any) -> Callable[[Any], Awaitable[Any]] | None:
    """As asyncpg takes an output: a path, a file, or a coroutine function."""
    if _path(output) is not None:
        return _never
    if hasattr(output, "write"):
        return _to_file(connection, output)
    return output if callable(output) else None


def _to_file(connection: Any, file: Any) -> Callable[[Any], Awaitable[Any]]:
    async def write(data: bytes) -> None:
        await connection._loop.run_in_executor(None, file.write, data)

    return write


async def _never(data: bytes) -> None:
    raise AssertionError("a path is opened first")


def _path(output: Any) -> Any:
    try:
        return os.fspath(output)
    except TypeError:
        return None


def _query(connection: Any, table: str, options: dict[str, Any]) -> str:
    from asyncpg.utils import _quote_ident as quoted

    place = quoted(table)
    if options.get("schema_name"):
        place = f"{quoted(options['schema_name'])}.{place}"
    columns = f"({', '.join(map(quoted, options['columns']))})" if options.get("columns") else ""
    condition = connection._format_copy_where(options.get("where"))
    return f"COPY {place}{columns} FROM STDIN (FORMAT binary) {condition}"


def _limit() -> int:
    port = ports.current()
    return 0 if port is None else port.body_limit


def _copied(data: Any) -> Any:
    return data if isinstance(data, str | bytes) else bytes(data)


def _text(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return bytes(data)


def _data(piece: Any) -> bytearray:
    return bytearray(piece.encode() if isinstance(piece, str) else piece)


def _unused(result: SqlResult) -> Any:
    raise AssertionError("only a replayed connection has recorded results")


def _itself(result: SqlResult) -> SqlResult:
    return result


def _nothing(_: Any) -> Reply:
    return (), None, {}
