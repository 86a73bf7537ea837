"""redis-py, synchronous: each case with each protocol version, decoded and as bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.redis_clients import FLAVOURS
from tests.fidelity.apps.seen import kind, raised, seen

CASES = Cases("redis", "redis", tuple(FLAVOURS))
AS_BYTES = tuple(name for name in FLAVOURS if name.endswith("bytes"))


def keys(client: redis.Redis) -> str:
    """A prefix of the client's own, so that the flavours do not meet."""
    options = client.get_connection_kwargs()
    return f"{options['protocol']}{'t' if options['decode_responses'] else 'b'}:"


@CASES("GET, SET, INCR, APPEND, a key that is missing")
def strings(client: redis.Redis) -> Any:
    key = keys(client) + "string"
    return seen(
        [
            client.set(key, "ü"),
            client.get(key),
            client.incr(key + ":n", 41),
            client.incr(key + ":n"),
            client.append(key, "!"),
            client.strlen(key),
            client.get("missing"),
            client.exists(key, "missing"),
            client.delete(key, "missing"),
        ]
    )


@CASES("SET NX, SET GET, EXPIRE, TTL, PERSIST, GETDEL")
def options(client: redis.Redis) -> Any:
    key = keys(client) + "options"
    return seen(
        [
            client.set(key, "first", nx=True),
            client.set(key, "second", nx=True),
            client.set(key, "third", get=True),
            client.expire(key, 1000),
            client.ttl(key),
            client.persist(key),
            client.ttl(key),
            client.ttl("missing"),
            client.getdel(key),
        ]
    )


@CASES("MSET, MGET with a missing key")
def mget(client: redis.Redis) -> Any:
    prefix = keys(client)
    return seen(
        [
            client.mset({prefix + "m1": "1", prefix + "m2": "2"}),
            client.mget(prefix + "m1", "no", prefix + "m2"),
        ]
    )


@CASES("hashes: HSET, HGETALL, HMGET, HINCRBYFLOAT, HGETALL of nothing")
def hashes(client: redis.Redis) -> Any:
    key = keys(client) + "hash"
    return seen(
        [
            client.hset(key, mapping={"name": "Ada", "born": 1815, "ü": "x"}),
            client.hgetall(key),
            client.hmget(key, ["name", "missing"]),
            client.hincrbyfloat(key, "born", 0.5),
            client.hgetall("missing"),
            client.hkeys(key),
        ]
    )


@CASES("sorted sets: ZADD, ZRANGE with scores, ZSCORE, ZRANGEBYSCORE, ZPOPMIN")
def sorted_sets(client: redis.Redis) -> Any:
    key = keys(client) + "zset"
    return seen(
        [
            client.zadd(key, {"a": 1, "b": 2.5, "c": float("inf")}),
            client.zrange(key, 0, -1, withscores=True),
            client.zrange(key, 0, -1),
            client.zrange(key, 0, -1, desc=True, withscores=True),
            client.zscore(key, "b"),
            client.zscore(key, "missing"),
            client.zrangebyscore(key, "-inf", 2.5, withscores=True),
            client.zrank(key, "b"),
            client.zincrby(key, 0.1, "a"),
            client.zpopmin(key),
        ]
    )


@CASES("lists: RPUSH, LRANGE, LPOP with count, LPOP of nothing")
def lists(client: redis.Redis) -> Any:
    key = keys(client) + "list"
    return seen(
        [
            client.rpush(key, "a", "b", "c"),
            client.lrange(key, 0, -1),
            client.lpop(key, 2),
            client.lpop("missing"),
            client.llen(key),
            client.lindex(key, 7),
        ]
    )


@CASES("sets: SADD, SMEMBERS, SISMEMBER, SMISMEMBER, SINTER")
def sets(client: redis.Redis) -> Any:
    key = keys(client) + "set"
    return seen(
        [
            client.sadd(key, "a", "b", "c"),
            client.smembers(key),
            client.sismember(key, "a"),
            client.smismember(key, ["a", "z"]),
            client.sinter([key, "missing"]),
        ]
    )


@CASES("blocking reads: BLPOP with an answer and without")
def blocking(client: redis.Redis) -> Any:
    key = keys(client) + "queue"
    client.rpush(key, "job")
    return seen([client.blpop([key], timeout=1), client.blpop([key], timeout=0.05)])


@CASES("streams: XADD, XRANGE, XREAD, XLEN")
def streams(client: redis.Redis) -> Any:
    key = keys(client) + "stream"
    return seen(
        [
            client.xadd(key, {"n": "1"}, id="1-1"),
            client.xadd(key, {"n": "2"}, id="1-2"),
            client.xrange(key),
            client.xread({key: "1-1"}),
            client.xread({key: "1-2"}),
            client.xlen(key),
        ]
    )


@CASES("binary value", only=AS_BYTES)
def binary(client: redis.Redis) -> Any:
    key = keys(client) + "binary"
    client.set(key, bytes(range(256)))
    return seen(client.get(key))


@CASES("value that is not UTF-8, decode_responses on: UnicodeDecodeError", only=("resp3-text",))
def not_utf8(client: redis.Redis) -> Any:
    key = keys(client) + "not utf-8"
    client.set(key, b"\xff\xfe")
    try:
        return seen(client.get(key))
    except UnicodeDecodeError as error:
        return [raised(error), client.set(key, "ok"), client.get(key)]


@CASES("JSON kept in a string; numbers sent as int, float, bytes")
def json_value(client: redis.Redis) -> Any:
    key = keys(client) + "json"
    client.set(key, json.dumps({"price": 1.5, "big": 2**70, "none": None}))
    client.mset({key + "i": 7, key + "f": 0.1, key + "b": b"raw"})
    return [seen(json.loads(client.get(key) or "")), seen(client.mget(key + "i", key + "f", key + "b"))]


@CASES("pipeline in a transaction")
def pipeline(client: redis.Redis) -> Any:
    key = keys(client) + "pipe"
    pipe: Any
    with client.pipeline() as pipe:
        pipe.set(key, "1").incr(key).hset(key + "h", "a", "b").hgetall(key + "h").zadd(key + "z", {"m": 1.5})
        pipe.zrange(key + "z", 0, -1, withscores=True)
        return seen(pipe.execute())


@CASES("pipeline without a transaction, used twice")
def plain_pipeline(client: redis.Redis) -> Any:
    key = keys(client) + "plain"
    pipe: Any = client.pipeline(transaction=False)
    first = pipe.set(key, "1").get(key).get("missing").execute()
    second = pipe.incr(key).smembers("missing").execute()
    return seen([first, second, pipe.execute()])


@CASES("pipeline with an error: raised, and raise_on_error=False")
def pipeline_error(client: redis.Redis) -> Any:
    key = keys(client) + "pipe-error"
    answer: list[Any] = []
    for transaction in (True, False):
        pipe: Any = client.pipeline(transaction=transaction)
        pipe.set(key, "text").incr(key).get(key)
        try:
            answer.append(seen(pipe.execute()))
        except redis.ResponseError as error:
            answer.append(raised(error))
        pipe.set(key, "text").incr(key).get(key)
        results = pipe.execute(raise_on_error=False)
        answer.append([raised(item) if isinstance(item, Exception) else seen(item) for item in results])
    return answer


@CASES("WATCH: changed by another, tried again")
def watch(client: redis.Redis) -> Any:
    key = keys(client) + "watched"
    client.set(key, 1)
    tries: list[Any] = []
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                current = int(pipe.get(key) or 0)
                if not tries:
                    client.set(key, 100)
                pipe.multi()
                pipe.set(key, current + 1)
                tries.append(seen(pipe.execute()))
                break
            except redis.WatchError as error:
                tries.append(raised(error))
    return [tries, seen(client.get(key))]


@CASES("client.transaction(), the helper around WATCH")
def transaction_helper(client: redis.Redis) -> Any:
    key = keys(client) + "helped"
    client.set(key, 5)

    def double(pipe: Any) -> None:
        current = int(pipe.get(key))
        pipe.multi()
        pipe.set(key, current * 2)

    return seen([client.transaction(double, key), client.get(key)])


@CASES("Lua: EVALSHA → NOSCRIPT → EVAL by register_script, then EVALSHA")
def script(client: redis.Redis) -> Any:
    key = keys(client) + "script"
    add = client.register_script(f"-- {key}\nreturn {{redis.call('INCRBY', KEYS[1], ARGV[1]), 'ok', false}}")
    return seen([add(keys=[key], args=[5]), add(keys=[key], args=[6]), client.eval("return 'x'", 0)])


@CASES("Lua: NoScriptError and an error raised by the script")
def script_errors(client: redis.Redis) -> Any:
    answer: list[Any] = []
    calls: list[Callable[[], Any]] = [
        lambda: client.evalsha("0" * 40, 0),
        lambda: client.eval("return redis.error_reply('MINE went wrong')", 0),
    ]
    for ask in calls:
        try:
            answer.append(seen(ask()))
        except redis.ResponseError as error:
            answer.append(raised(error))
    return answer


@CASES("SCAN in pages: scan_iter, hscan_iter, sscan_iter, zscan_iter")
def scan(client: redis.Redis) -> Any:
    prefix = keys(client) + "scan:"
    client.mset({f"{prefix}{number}": number for number in range(40)})
    client.hset(prefix + "h", mapping={f"f{number}": number for number in range(5)})
    client.sadd(prefix + "s", *range(5))
    client.zadd(prefix + "z", {"a": 1, "b": 2})
    return [
        sorted(map(repr, client.scan_iter(match=prefix + "[0-9]*", count=7))),
        sorted(map(repr, client.hscan_iter(prefix + "h"))),
        sorted(map(repr, client.sscan_iter(prefix + "s"))),
        sorted(map(repr, client.zscan_iter(prefix + "z"))),
    ]


@CASES("WRONGTYPE and an unknown command")
def wrong_type(client: redis.Redis) -> Any:
    key = keys(client) + "wrong"
    client.set(key, "text")
    answer: list[Any] = []
    for command in (("LPUSH", key, "x"), ("NOSUCHCOMMAND", "a"), ("GET",)):
        try:
            answer.append(seen(client.execute_command(*command)))
        except redis.ResponseError as error:
            answer.append(raised(error))
    return [answer, seen(client.get(key))]


@CASES("INFO, parsed")
def info(client: redis.Redis) -> Any:
    server = client.info("server")
    names = ("redis_version", "arch_bits", "process_id", "tcp_port", "run_id")
    return seen([{name: server[name] for name in names}, kind(server["uptime_in_seconds"])])


@CASES("CONFIG GET, TIME, DBSIZE, TYPE, OBJECT ENCODING", repeats=False)
def server_commands(client: redis.Redis) -> Any:
    key = keys(client) + "typed"
    client.set(key, 12)
    return seen(
        [
            client.config_get("maxmemory*"),
            client.time(),
            client.dbsize(),
            client.type(key),
            client.object("ENCODING", key),
            client.ping(),
            client.echo("ü"),
        ]
    )


@CASES("a lock with a random token")
def lock(client: redis.Redis) -> Any:
    with client.lock(keys(client) + "lock", timeout=10) as held:
        return [held.locked(), held.owned(), client.lock(keys(client) + "lock").acquire(blocking=False)]


@CASES("a connection of one's own: client side of CLIENT SETNAME, SELECT")
def own_connection(client: redis.Redis) -> Any:
    options = client.get_connection_kwargs()
    own = redis.Redis(
        host=options["host"],
        port=options["port"],
        db=1,
        client_name="fidelity",
        protocol=options["protocol"],
        decode_responses=options["decode_responses"],
        single_connection_client=True,
    )
    with own:
        return seen([own.set("k", "v"), own.get("k"), own.client_getname(), client.get("k")])


@CASES("published with nobody there")
def publish(client: redis.Redis) -> Any:
    return seen([client.publish("channel", "hello"), client.pubsub_numsub("channel")])


@CASES("ConnectionError: nothing listens")
def no_server(client: redis.Redis) -> Any:
    with redis.Redis(port=1, retry=None) as own:  # type: ignore[arg-type]  # None is no retry
        try:
            return seen(own.get("k"))
        except redis.ConnectionError as error:
            return raised(error)


@CASES("ThreadPoolExecutor, four calls at once", only=("resp3-text",))
def thread_pool(client: redis.Redis) -> Any:
    with ThreadPoolExecutor(4) as pool:
        return seen(list(pool.map(lambda number: client.set(f"pool:{number}", number), range(4))))
