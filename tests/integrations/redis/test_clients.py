"""redis, clients: errors, connections, and what is refused in replay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
import redis.asyncio
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.redis.scenarios import Client, Scenario, commands, error_of, got, thrice
from tests.services.valkey import Valkey
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.redis import RedisIntegration

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

    told = thrice(valkey, client, scenario, socket_timeout=0.5, retry=None)

    assert type(told.result) is redis.TimeoutError


def test_a_cancelled_call_waits_to_be_cancelled_again(valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(r.blpop(["nothing"], timeout=5), 0.1)
        return await r.ping()

    thrice(valkey, Client(True, {}), scenario)


# -- clients


def test_a_client_of_one_connection(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        return [await got(r.set("a", 1)), await got(r.get("a")), await got(r.pipeline().get("a").execute())]

    told = thrice(valkey, client, scenario, single_connection_client=True)

    assert told.result == [True, b"1", [b"1"]]


def test_context_managers_and_pools(client: Client, valkey: Valkey) -> None:
    async def scenario(r: Any) -> Any:
        pipe: Any
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


@pytest.mark.parametrize(("scenario", "command"), [(monitor, "MONITOR"), (raw, "RAW")])
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
            first = await got(pubsub.get_message(timeout=60))
            return [
                first["type"],
                await got(opened.publish("news", "hi")),
                (await got(pubsub.get_message(timeout=60)))["data"],
            ]
        finally:
            await got(pubsub.aclose() if client.asynchronous else pubsub.close())
            await got(opened.aclose() if client.asynchronous else opened.close())

    with using(RecordingPort()) as port:
        assert asyncio.run(act()) == ["subscribe", 1, b"hi"]
    assert [call.asked.title() for call in port.calls] == [
        "SUBSCRIBE news",
        "PUBSUB MESSAGE news",
        "PUBLISH news hi",
        "PUBSUB MESSAGE news",
    ]


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_standard_span_is_current_where_the_call_is_seen(
    client: Client, valkey: Valkey, integration: RedisIntegration, ours_first: bool
) -> None:
    async def act() -> None:
        opened = client.open(valkey.url)
        pipe = opened.pipeline()
        await got(opened.get("k"))
        await got(pipe.watch("k"))
        pipe.multi()
        await got(pipe.get("k").execute())
        await got(opened.aclose() if client.asynchronous else opened.close())

    instrumentor = RedisInstrumentor()
    if not ours_first:
        wrapping.uninstall(integration)
    instrumentor.instrument(tracer_provider=TracerProvider())
    wrapping.install(integration)
    try:
        with using(RecordingPort()) as port:
            asyncio.run(act())
    finally:
        instrumentor.uninstrument()

    assert port.scopes == list(integration.scopes) * 3
    assert [call.asked.title() for call in port.calls] == ["GET k", "WATCH k", "GET k"]
