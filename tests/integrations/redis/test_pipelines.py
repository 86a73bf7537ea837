"""redis, pipelines: transactions, watches and what they leave behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
import redis.asyncio

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.redis.scenarios import Client, Scenario, error_of, got, thrice
from tests.services.valkey import Valkey
from timetracer_otel.errors import MissError
from timetracer_otel.messages import RedisCommand, RedisReply


def state(pipe: Any) -> Any:
    """What an app can see of a pipeline."""
    return len(pipe), list(pipe.command_stack), pipe.watching, pipe.explicit_transaction, pipe.scripts


async def pipelines(r: Any) -> Any:
    found = []
    for transaction in (True, False):
        pipe = r.pipeline(transaction=transaction)
        pipe.set("a", 1).incr("a").get("a").hset("h", mapping={"x": 1}).hgetall("h").sadd("s", "m").smembers(
            "s"
        )
        found += [len(pipe), await got(pipe.execute()), state(pipe)]
        found += [await got(pipe.execute()), await got(pipe.get("a").execute())]
    return found


async def pipeline_errors(r: Any) -> Any:
    found = []
    for transaction in (True, False):
        pipe = r.pipeline(transaction=transaction)
        pipe.set("text", "x").lpush("text", 1).get("text")
        found += [await error_of(pipe.execute), state(pipe)]
        pipe.set("text", "x").lpush("text", 1).get("text")
        found += [await got(pipe.execute(raise_on_error=False)), state(pipe)]
        pipe.execute_command("NO SUCH")
        found += [await error_of(pipe.execute), state(pipe)]
    return found


async def pipeline_scripts(r: Any) -> Any:
    script = r.register_script("return ARGV[1]")
    pipe = r.pipeline()
    await got(script(args=["a"], client=pipe))
    return [await got(pipe.execute()), state(pipe)]


async def watched(r: Any) -> Any:
    found = []
    pipe = r.pipeline()
    await got(pipe.watch("n"))
    found.append(state(pipe))
    value = int(await got(pipe.get("n")) or 0)
    pipe.multi()
    found.append(state(pipe))
    pipe.set("n", value + 1)
    found += [await got(pipe.execute()), state(pipe)]
    await got(pipe.watch("n"))
    found += [await got(pipe.unwatch()), state(pipe)]
    await got(pipe.watch("n"))
    await got(pipe.reset())
    return [*found, state(pipe)]


async def disturbed(r: Any) -> Any:
    tries: list[Any] = []
    pipe = r.pipeline()
    while True:
        try:
            await got(pipe.watch("n"))
            value = int(await got(pipe.get("n")) or 0)
            if not tries:
                await got(r.set("n", 100))
            pipe.multi()
            pipe.set("n", value + 1)
            return [*tries, await got(pipe.execute()), await got(r.get("n")), state(pipe)]
        except redis.WatchError as error:
            tries += [error, state(pipe)]


async def transaction_helper(r: Any) -> Any:
    def sync(pipe: Any) -> str:
        value = int(pipe.get("n") or 0)
        pipe.multi()
        pipe.set("n", value + 1)
        return "done"

    async def coroutine(pipe: Any) -> str:
        value = int(await pipe.get("n") or 0)
        pipe.multi()
        pipe.set("n", value + 1)
        return "done"

    change = coroutine if isinstance(r, redis.asyncio.Redis) else sync
    return [
        await got(r.transaction(change, "n")),
        await got(r.transaction(change, "n", value_from_callable=True)),
        await got(r.get("n")),
    ]


@pytest.mark.parametrize(
    "scenario", [pipelines, pipeline_errors, pipeline_scripts, watched, disturbed, transaction_helper]
)
def test_pipelines(any_client: Client, valkey: Valkey, scenario: Scenario) -> None:
    thrice(valkey, any_client, scenario)


def test_a_pipeline_is_one_call(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return await got(r.pipeline().set("k", b"\xff").get("k").lpush("k", 1).execute(raise_on_error=False))

    [call] = thrice(valkey, client, scenario).calls

    assert call.asked == RedisCommand([["SET", "k", b"\xff"], ["GET", "k"], ["LPUSH", "k", 1]], True, True)
    assert isinstance(call.answered, RedisReply)
    assert call.answered.value == [True, b"\xff", None]
    [[path, failure]] = call.answered.extra["failures"]
    assert (path, failure["type"]) == ([2], "redis.exceptions.ResponseError")


def test_a_transaction_and_a_plain_pipeline_are_not_the_same(client: Client, valkey: Valkey) -> None:
    with using(RecordingPort()) as port:
        asyncio.run(_incr(client, valkey, transaction=True))
    with using(ReplayPort(port.calls)), pytest.raises(MissError):
        asyncio.run(_incr(client, valkey, transaction=False))


async def _incr(client: Client, valkey: Valkey, *, transaction: bool) -> Any:
    opened = client.open(valkey.url)
    try:
        return await got(opened.pipeline(transaction=transaction).incr("n").execute())
    finally:
        await got(opened.aclose() if client.asynchronous else opened.close())
