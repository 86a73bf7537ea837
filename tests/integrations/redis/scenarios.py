"""Clients of either colour, everything an app can see of a reply, and running a scenario three times.

A scenario is written once for both colours of client: ``await got(...)`` takes a reply from either.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import redis
import redis.asyncio

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.services.valkey import Valkey
from timetracer_otel.messages import RedisCommand

Scenario = Callable[[Any], Awaitable[Any]]


class Client(msgspec.Struct):
    """A way to use redis-py."""

    asynchronous: bool
    options: dict[str, Any]

    def open(self, url: str, **options: Any) -> Any:
        kind = redis.asyncio.Redis if self.asynchronous else redis.Redis
        return kind.from_url(url, **{**self.options, **options})


async def got(reply: Any) -> Any:
    """The reply of either colour of client."""
    return await reply if inspect.isawaitable(reply) else reply


async def every(items: Any) -> list[Any]:
    """All that an iterator of either colour gives."""
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


async def error_of(call: Callable[[], Any]) -> BaseException:
    """What a call of either colour raises."""
    try:
        await got(call())
    except redis.RedisError as error:
        return error
    raise AssertionError("nothing was raised")


def seen(value: Any) -> Any:
    """Everything an app can see of a value: its type at every level, an exception's fields and causes."""
    if isinstance(value, BaseException):
        return (
            type(value),
            repr(value),
            str(value),
            seen(value.args),
            seen(vars(value)),
            seen(value.__cause__),
        )
    if isinstance(value, dict):
        return type(value), [(seen(key), seen(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [seen(item) for item in value]
    if isinstance(value, set):
        return type(value), {seen(item) for item in value}
    return type(value), value


class Told(msgspec.Struct):
    """What the scenario returned the three times, and what was recorded."""

    result: Any
    calls: list[Recorded]


def thrice(valkey: Valkey, client: Client, scenario: Scenario, **options: Any) -> Told:
    """Run live, while recording, and in replay with nothing listening: always the same."""

    async def once() -> Any:
        opened = client.open(valkey.url, **options)
        try:
            return await scenario(opened)
        finally:
            await got(opened.aclose() if client.asynchronous else opened.close())

    live = asyncio.run(once())
    valkey.fresh()
    with using(RecordingPort()) as recording:
        recorded = asyncio.run(once())
    valkey.door.shut()
    with using(ReplayPort(recording.calls)) as replay:
        replayed = asyncio.run(once())
    assert seen(recorded) == seen(live)
    assert seen(replayed) == seen(live)
    assert replay.unused == []
    return Told(live, recording.calls)


def commands(told: Told) -> list[list[Any]]:
    """The recorded commands."""
    asked = [call.asked for call in told.calls]
    return [request.arguments for request in asked if isinstance(request, RedisCommand)]
