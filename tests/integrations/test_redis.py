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
from timetracer_otel.errors import MissError, ReplayError
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


# -- errors


async def wrong_type(r: Any) -> Any:
    await got(r.set("text", "x"))
    return [await error_of(lambda: r.lpush("text", 1)), await error_of(lambda: r.incr("text"))]


async def unknown_command(r: Any) -> Any:
    return await error_of(lambda: r.execute_command("NO SUCH", "thing"))


async def unsendable(r: Any) -> Any:
    return await error_of(lambda: r.set("k", object))


async def read_only(r: Any) -> Any:
    return [
        await error_of(lambda: r.execute_command("EVAL_RO", "return redis.call('set', 'a', 1)", 0)),
        await error_of(lambda: r.acl_setuser("me", enabled=True, categories=["nonsense"])),
    ]


@pytest.mark.parametrize("scenario", [wrong_type, unknown_command, unsendable, read_only])
def test_errors_are_the_librarys_own(client: Client, valkey: Valkey, scenario: Scenario) -> None:
    thrice(valkey, client, scenario)


def test_a_server_that_is_not_there(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        valkey.door.shut()
        try:
            return [
                await error_of(lambda: r.get("k")),
                await error_of(lambda: r.pipeline().get("k").execute()),
            ]
        finally:
            valkey.door.open()

    errors = thrice(valkey, client, scenario, retry=None).result

    assert [type(error) for error in errors] == [redis.ConnectionError] * 2


def test_a_password_that_is_wrong(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return await error_of(lambda: r.get("k"))

    told = thrice(valkey, client, scenario, username="nobody", password="guess")

    assert type(told.result) is redis.AuthenticationError
    assert commands(told) == [["GET", "k"]]


def test_an_answer_that_takes_too_long(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return await error_of(lambda: r.blpop(["nothing"], timeout=5))

    told = thrice(valkey, client, scenario, socket_timeout=0.05, retry=None)

    assert type(told.result) is redis.TimeoutError


def test_a_cancelled_call_waits_to_be_cancelled_again(valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(r.blpop(["nothing"], timeout=5), 0.1)
        return await r.ping()

    thrice(valkey, Client(True, {}), scenario)


# -- pipelines


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
    tries = []
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


# -- clients


def test_a_client_of_one_connection(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return [await got(r.set("a", 1)), await got(r.get("a")), await got(r.pipeline().get("a").execute())]

    told = thrice(valkey, client, scenario, single_connection_client=True)

    assert told.result == [True, b"1", [b"1"]]


def test_context_managers_and_pools(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        pool = r.connection_pool
        if client.asynchronous:
            async with redis.asyncio.Redis(connection_pool=pool) as opened, opened.pipeline() as pipe:
                return [await opened.ping(), await pipe.ping().execute()]
        with redis.Redis(connection_pool=pool) as opened, opened.pipeline() as pipe:
            return [opened.ping(), pipe.ping().execute()]

    assert thrice(valkey, client, scenario).result == [True, [True]]


def test_calls_side_by_side(valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return await asyncio.gather(*(r.set(f"k{number}", number) for number in range(10)))

    assert thrice(valkey, Client(True, {}), scenario).result == [True] * 10


async def subscribe(r: Any) -> None:
    pubsub = r.pubsub()
    try:
        await got(pubsub.subscribe("news"))
    finally:
        await got(pubsub.aclose() if hasattr(pubsub, "aclose") else pubsub.close())


async def monitor(r: Any) -> None:
    if isinstance(r, redis.Redis):
        with r.monitor():
            pass
    else:
        async with r.monitor():
            pass


async def raw(r: Any) -> None:
    connection = await got(r.connection_pool.get_connection())
    try:
        await got(connection.send_command("RAW"))
    finally:
        await got(r.connection_pool.release(connection))


@pytest.mark.parametrize(
    ("scenario", "command"), [(subscribe, "SUBSCRIBE"), (monitor, "MONITOR"), (raw, "RAW")]
)
def test_what_is_not_recorded_is_refused_and_nothing_connects(
    client: Client, valkey: Valkey, scenario: Scenario, command: str
) -> None:
    async def act() -> None:
        opened = client.open(valkey.url)
        try:
            await scenario(opened)
        finally:
            await got(opened.aclose() if client.asynchronous else opened.close())

    before = valkey.door.arrived
    with (
        using(ReplayPort([])),
        pytest.raises(ReplayError, match=f"{command} cannot be answered from a cassette"),
    ):
        asyncio.run(act())

    assert valkey.door.arrived == before


def test_pubsub_works_while_recording(client: Client, valkey: Valkey) -> None:
    async def act() -> Any:
        opened = client.open(valkey.url)
        pubsub = opened.pubsub()
        try:
            await got(pubsub.subscribe("news"))
            first = await got(pubsub.get_message(timeout=5))
            return [
                first["type"],
                await got(opened.publish("news", "hi")),
                (await got(pubsub.get_message(timeout=5)))["data"],
            ]
        finally:
            await got(pubsub.aclose() if client.asynchronous else pubsub.close())
            await got(opened.aclose() if client.asynchronous else opened.close())

    with using(RecordingPort()) as port:
        assert asyncio.run(act()) == ["subscribe", 1, b"hi"]
    assert [call.asked.title() for call in port.calls] == ["PUBLISH news hi"]


# -- the message


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        (["GET", "k"], False),
        (["get", "k"], False),
        ([b"SET", "k", 1], True),
        (["GETEX", "k", "EX", 1], True),
        (["CONFIG GET", "maxmemory"], False),
        (["CONFIG", "SET", "maxmemory", 1], True),
        (["SCRIPT LOAD", "return 1"], False),
        (["EVALSHA", "abc", 0], True),
        (["EVALSHA_RO", "abc", 0], False),
        (["SORT", "k"], False),
        (["SORT", "k", "STORE", "other"], True),
        (["PUBLISH", "c", "m"], True),
        (["WATCH", "k"], False),
    ],
)
def test_which_commands_write(command: list[Any], writes: bool) -> None:
    assert RedisCommand(command).writes is writes


def test_a_pipeline_writes_when_one_of_its_commands_does() -> None:
    assert RedisCommand([["GET", "a"], ["SET", "a", 1]], pipeline=True).writes
    assert not RedisCommand([["GET", "a"], ["TTL", "a"]], pipeline=True).writes


def test_commands_are_equal_when_they_are_on_the_wire() -> None:
    assert RedisCommand(["config get", "1"]).canonical() == RedisCommand([b"CONFIG", "GET", 1]).canonical()
    assert RedisCommand(["GET", b"\xff"]).canonical() != RedisCommand(["GET", "\xff"]).canonical()
