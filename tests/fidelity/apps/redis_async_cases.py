"""redis-py, asynchronous: each case with each protocol version, decoded and as bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import redis
from redis.asyncio import Redis

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.redis_clients import FLAVOURS
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("redis, asynchronous", "redis-async", tuple(FLAVOURS))


def keys(client: Redis) -> str:
    """A prefix of the client's own, so that the flavours do not meet."""
    options = client.get_connection_kwargs()
    return f"async-{options['protocol']}{'t' if options['decode_responses'] else 'b'}:"


@CASES("strings, options, a key that is missing")
async def strings(client: Redis) -> Any:
    key = keys(client) + "string"
    return seen(
        [
            await client.set(key, "ü"),
            await client.get(key),
            await client.incr(key + ":n", 41),
            await client.set(key, "again", nx=True),
            await client.expire(key, 1000),
            await client.ttl(key),
            await client.mget(key, "missing"),
            await client.get("missing"),
        ]
    )


@CASES("hashes, sorted sets, lists, sets")
async def collections(client: Redis) -> Any:
    key = keys(client)
    return seen(
        [
            await client.hset(key + "h", mapping={"a": 1, "ü": "x"}),
            await client.hgetall(key + "h"),
            await client.zadd(key + "z", {"a": 1, "b": 2.5}),
            await client.zrange(key + "z", 0, -1, withscores=True),
            await client.zscore(key + "z", "b"),
            await client.rpush(key + "l", "a", "b"),
            await client.lrange(key + "l", 0, -1),
            await client.sadd(key + "s", "a", "b"),
            await client.smembers(key + "s"),
        ]
    )


@CASES("pipeline with and without a transaction, with an error")
async def pipeline(client: Redis) -> Any:
    key = keys(client) + "pipe"
    answer: list[Any] = []
    pipe: Any
    for transaction in (True, False):
        async with client.pipeline(transaction=transaction) as pipe:
            answer.append(seen(await pipe.set(key, "text").get(key).hgetall("missing").execute()))
            pipe.incr(key).get(key)
            try:
                answer.append(seen(await pipe.execute()))
            except redis.ResponseError as error:
                answer.append(raised(error))
            pipe.incr(key).get(key)
            results = await pipe.execute(raise_on_error=False)
            answer.append([raised(item) if isinstance(item, Exception) else seen(item) for item in results])
    return answer


@CASES("WATCH: changed by another, tried again")
async def watch(client: Redis) -> Any:
    key = keys(client) + "watched"
    await client.set(key, 1)
    tries: list[Any] = []
    async with client.pipeline() as pipe:
        while True:
            try:
                await pipe.watch(key)
                current = int(await pipe.get(key) or 0)
                if not tries:
                    await client.set(key, 100)
                pipe.multi()
                pipe.set(key, current + 1)
                tries.append(seen(await pipe.execute()))
                break
            except redis.WatchError as error:
                tries.append(raised(error))
    return [tries, seen(await client.get(key))]


@CASES("Lua: EVALSHA → NOSCRIPT → EVAL by register_script, then EVALSHA")
async def script(client: Redis) -> Any:
    key = keys(client) + "script"
    add = client.register_script(f"-- {key}\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])")
    return seen([await add(keys=[key], args=[5]), await add(keys=[key], args=[6])])


@CASES("SCAN in pages: scan_iter")
async def scan(client: Redis) -> Any:
    prefix = keys(client) + "scan:"
    await client.mset({f"{prefix}{number}": number for number in range(40)})
    return sorted([repr(key) async for key in client.scan_iter(match=prefix + "*", count=7)])


@CASES("WRONGTYPE")
async def wrong_type(client: Redis) -> Any:
    key = keys(client) + "wrong"
    await client.set(key, "text")
    try:
        return seen(await client.lpush(key, "x"))
    except redis.ResponseError as error:
        return [raised(error), seen(await client.get(key))]


@CASES("gather of four equal INCR, four answers", repeats=False)
async def gather(client: Redis) -> Any:
    key = keys(client) + "gather"
    return seen(await asyncio.gather(*(client.incr(key) for _ in range(4))))


@CASES("a lock with a random token")
async def lock(client: Redis) -> Any:
    async with client.lock(keys(client) + "lock", timeout=10) as held:
        return [await held.locked(), await held.owned()]


@CASES("ConnectionError: nothing listens")
async def no_server(client: Redis) -> Any:
    async with Redis(port=1, retry=None) as own:  # type: ignore[arg-type]  # None is no retry
        try:
            return seen(await own.get("k"))
        except redis.ConnectionError as error:
            return raised(error)
