"""redis, replies: what the app sees live is what it sees recording and in replay, types included."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.redis.scenarios import Client, Scenario, commands, error_of, every, got, thrice
from tests.services.valkey import Valkey
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.messages import RedisCommand, RedisReply


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


def test_a_changed_argument_is_a_miss(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return await got(r.get("a"))

    told = thrice(valkey, client, scenario)

    async def other() -> Any:
        opened = client.open(valkey.url)
        with pytest.raises(MissError):
            await got(opened.get("b"))
        await got(opened.aclose() if client.asynchronous else opened.close())

    with using(ReplayPort(told.calls)):
        asyncio.run(other())


def test_what_the_app_does_to_a_reply_is_not_recorded(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        await got(r.rpush("list", "a", "b"))
        reply = await got(r.lrange("list", 0, -1))
        reply.append("mine")
        return reply

    told = thrice(valkey, client, scenario)

    assert told.calls[-1].answered == RedisReply([b"a", b"b"])


def test_a_response_callback_of_the_app(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        r.set_response_callback("GET", lambda reply: {"wrapped": reply})
        return [await got(r.set("k", "v")), await got(r.get("k"))]

    assert thrice(valkey, client, scenario).result == [True, {"wrapped": b"v"}]


def test_a_reply_of_a_class_of_the_apps_own_is_refused_in_replay(client: Client, valkey: Valkey) -> None:
    class Own:
        pass

    async def scenario() -> Any:
        opened = client.open(valkey.url)
        try:
            opened.set_response_callback("GET", lambda _reply: Own())
            return await got(opened.get("k"))
        finally:
            await got(opened.aclose() if client.asynchronous else opened.close())

    with using(RecordingPort()) as port:
        assert isinstance(asyncio.run(scenario()), Own)
    with using(ReplayPort(port.calls)), pytest.raises(ReplayError, match=r"Own.*values\.register"):
        asyncio.run(scenario())


# -- iterators, scripts, blocking commands, locks


async def scans(r: Any) -> Any:
    for number in range(30):
        await got(r.set(f"key:{number}", number))
        await got(r.sadd("set", number))
        await got(r.hset("hash", f"f{number}", number))
    return [
        sorted(await every(r.scan_iter("key:*", count=7))),
        sorted(await every(r.sscan_iter("set"))),
        sorted(await every(r.hscan_iter("hash"))),
        sorted((await got(r.scan(count=1000)))[1]),
    ]


async def scripts(r: Any) -> Any:
    double = r.register_script("return redis.call('incrby', KEYS[1], ARGV[1] * 2)")
    return [
        await got(double(keys=["n"], args=[4])),
        await got(double(keys=["n"], args=[4])),
        await got(r.eval("return {1, 'two', {3, false}}", 0)),
        await error_of(lambda: r.evalsha("0" * 40, 0)),
        await error_of(lambda: r.eval("return redis.error_reply('MINE no')", 0)),
    ]


async def blocking(r: Any) -> Any:
    await got(r.rpush("queue", "job"))
    return [await got(r.blpop(["queue"], timeout=5)), await got(r.blpop(["queue"], timeout=0.01))]


async def locks(r: Any) -> Any:
    lock = r.lock("lock", timeout=10)
    other = r.lock("lock", timeout=10)
    return [
        await got(lock.acquire(token="mine")),
        await got(other.acquire(blocking=False, token="yours")),
        await got(lock.owned()),
        await got(lock.extend(5)),
        await got(lock.release()),
        await error_of(lock.release),
    ]


@pytest.mark.parametrize("scenario", [scans, scripts, blocking, locks])
def test_what_is_made_of_commands(any_client: Client, valkey: Valkey, scenario: Scenario) -> None:
    thrice(valkey, any_client, scenario)


def test_a_script_is_loaded_when_the_server_does_not_know_it(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return await got(r.register_script("return 7")())

    told = thrice(valkey, client, scenario)

    assert [command[0] for command in commands(told)] == ["EVALSHA", "SCRIPT LOAD", "EVALSHA"]
