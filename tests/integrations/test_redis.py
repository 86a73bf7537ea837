"""redis: what the app sees live is what it sees while recording and in replay, types included.

A scenario is written once for both colours of client: ``await got(...)`` takes a reply from either.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
import redis
import redis.asyncio

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.services.valkey import Valkey
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.redis import RedisIntegration
from timetracer_otel.messages import RedisCommand, RedisReply

Scenario = Callable[[Any], Awaitable[Any]]


@pytest.fixture(autouse=True)
def integration() -> Iterator[RedisIntegration]:
    integration = RedisIntegration()
    wrapping.install(integration)
    yield integration
    wrapping.uninstall(integration)


class Client(msgspec.Struct):
    """A way to use redis-py."""

    asynchronous: bool
    options: dict[str, Any]

    def open(self, url: str, **options: Any) -> Any:
        kind = redis.asyncio.Redis if self.asynchronous else redis.Redis
        return kind.from_url(url, **{**self.options, **options})


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Client:
    """Either colour, with the library's defaults."""
    return Client(request.param, {})


@pytest.fixture(
    params=[(2, False), (2, True), (3, False), (3, True)], ids=["resp2", "resp2-str", "resp3", "resp3-str"]
)
def any_client(client: Client, request: pytest.FixtureRequest) -> Client:
    """Either colour, with either protocol, decoding or not."""
    protocol, decode = request.param
    return Client(client.asynchronous, {"protocol": protocol, "decode_responses": decode})


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


# -- replies


async def strings(r: Any) -> Any:
    return [
        await got(r.set("name", "Grüße")),
        await got(r.get("name")),
        await got(r.get("nothing")),
        await got(r.set("raw", bytes(range(128)), ex=100)),
        await got(r.get("raw")),
        await got(r.incr("count", 2**40)),
        await got(r.incrbyfloat("ratio", 0.1)),
        await got(r.exists("name", "count")),
        await got(r.mget("name", "nothing", "count")),
        await got(r.set("name", "other", nx=True)),
        await got(r.getrange("name", 0, 1)),
        await got(r.delete("name", "nothing")),
    ]


async def collections(r: Any) -> Any:
    return [
        await got(r.hset("hash", mapping={"a": 1, "b": "zwei"})),
        await got(r.hgetall("hash")),
        await got(r.hgetall("nothing")),
        await got(r.hmget("hash", ["a", "none"])),
        await got(r.rpush("list", "x", "y", "z")),
        await got(r.lrange("list", 0, -1)),
        await got(r.sadd("set", "p", "q")),
        await got(r.smembers("set")),
        await got(r.smismember("set", ["p", "r"])),
        await got(r.zadd("sorted", {"one": 1, "half": 0.5})),
        await got(r.zrange("sorted", 0, -1, withscores=True)),
        await got(r.zscore("sorted", "half")),
        await got(r.zpopmin("sorted")),
        await got(r.geoadd("geo", (13.361389, 38.115556, "Palermo"))),
        await got(r.geopos("geo", "Palermo", "nowhere")),
    ]


async def streams(r: Any) -> Any:
    return [
        await got(r.xadd("stream", {"n": 1}, id="1-1")),
        await got(r.xadd("stream", {"n": 2}, id="1-2")),
        await got(r.xrange("stream")),
        await got(r.xread({"stream": "0"}, count=1)),
        await got(r.xgroup_create("stream", "group", id="0")),
        await got(r.xreadgroup("group", "me", {"stream": ">"})),
        await got(r.xinfo_stream("stream")),
        await got(r.xread({"stream": "9"}, block=1)),
    ]


async def server(r: Any) -> Any:
    await got(r.config_set("slowlog-max-len", 8))
    return [
        await got(r.ping()),
        await got(r.echo("hello")),
        await got(r.config_get("maxmemory-policy")),
        await got(r.object("encoding", "nothing")),
        await got(r.lastsave()),
        (await got(r.info("keyspace"))),
        await got(r.type("nothing")),
        await got(r.execute_command("COMMAND", "INFO", "GET")),
        await got(r.client_id()) > 0,
    ]


@pytest.mark.parametrize("scenario", [strings, collections, streams, server])
def test_replies_keep_their_types(any_client: Client, valkey: Valkey, scenario: Scenario) -> None:
    told = thrice(valkey, any_client, scenario)

    assert all(call.answer is not None for call in told.calls)


def test_a_call_is_recorded_as_the_app_made_it(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return [await got(r.set("k", memoryview(b"\xff\x00"), px=1500)), await got(r.get("k"))]

    told = thrice(valkey, client, scenario)

    assert [(call.asked, call.answered) for call in told.calls] == [
        (RedisCommand(["SET", "k", b"\xff\x00", "PX", 1500]), RedisReply(True)),
        (RedisCommand(["GET", "k"]), RedisReply(b"\xff\x00")),
    ]
