"""Clients of either colour, everything an app can see of a result, and running a scenario three times.

A scenario is written once for both colours of client: ``await got(...)`` takes a result from either.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

import bson
import msgspec
import pymongo
import pymongo.errors

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.services.mongodb import MongoDb
from timetracer_otel.messages import MongoCommand
from timetracer_otel.nondeterminism import ValueRecorder, ValueReplayer, drawing_from

Scenario = Callable[[Any], Awaitable[Any]]
_OBJECT_ID = re.compile(r"\b[0-9a-f]{24}\b")


class Client(msgspec.Struct):
    """A way to use PyMongo."""

    asynchronous: bool
    options: dict[str, Any] = {}

    def open(self, url: str, **options: Any) -> Any:
        kind: Any = pymongo.AsyncMongoClient if self.asynchronous else pymongo.MongoClient
        return kind(url, **{**self.options, **options})


async def got(result: Any) -> Any:
    """The result of either colour of client."""
    return await result if inspect.isawaitable(result) else result


async def every(items: Any) -> list[Any]:
    """All that an iterator of either colour gives."""
    items = await got(items)
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


@contextlib.asynccontextmanager
async def entered(manager: Any) -> Any:
    """A context manager of either colour, or what one is got from."""
    manager = await got(manager)
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


async def error_of(call: Callable[[], Any]) -> BaseException:
    """What a call of either colour raises."""
    try:
        await got(call())
    except (pymongo.errors.PyMongoError, bson.errors.BSONError) as error:
        return error
    raise AssertionError("nothing was raised")


def seen(value: Any) -> Any:
    """Everything an app can see of a value: its type at every level, an exception's fields and causes."""
    if isinstance(value, BaseException):
        fields = {name: seen(item) for name, item in vars(value).items()}
        return type(value), repr(value), str(value), seen(value.args), fields, seen(value.__cause__)
    if isinstance(value, dict):
        return type(value), [(seen(key), seen(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [seen(item) for item in value]
    if isinstance(value, set):
        return type(value), {seen(item) for item in value}
    return type(value), repr(value)


class Told(msgspec.Struct):
    """What the scenario returned the three times, and what was recorded."""

    result: Any
    calls: list[Recorded]


def thrice(
    mongodb: MongoDb, client: Client, scenario: Scenario, *, repeats: bool = True, **options: Any
) -> Told:
    """Run live, while recording, and in replay with nothing listening: always the same.

    Args:
        repeats: what the server says is the same each time, ObjectIds and times set aside.
    """

    async def once() -> Any:
        opened = client.open(mongodb.url, **options)
        try:
            return await scenario(opened)
        finally:
            await got(opened.close())

    live = asyncio.run(once())
    mongodb.fresh()
    values = ValueRecorder(lambda: 0)
    with using(RecordingPort()) as recording, drawing_from(values):
        recorded = asyncio.run(once())
    mongodb.door.shut()
    given = ValueReplayer(values.events(), lane=lambda: 0, trace_id="0" * 32, start_ns=0)
    with using(ReplayPort(recording.calls)) as replay, drawing_from(given):
        replayed = asyncio.run(once())
    assert seen(replayed) == seen(recorded)
    if repeats:
        assert without_chance(seen(recorded)) == without_chance(seen(live))
    assert [call.asked.title() for call in replay.unused] == []
    return Told(recorded, recording.calls)


def without_chance(told: Any) -> str:
    """The text of it without ObjectIds, times and signatures."""
    text = re.sub(r"Timestamp\(\d+, \d+\)|datetime\.datetime\([^)]*\)", "TIME", repr(told))
    return _OBJECT_ID.sub("OBJECT_ID", text)


def commands(told: Told) -> list[str]:
    """The names of the recorded commands."""
    asked = [call.asked for call in told.calls]
    return [request.name for request in asked if isinstance(request, MongoCommand)]
