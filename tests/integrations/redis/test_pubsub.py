"""Subscriptions: what the app reads from them, message by message, is what it read."""

from __future__ import annotations

from typing import Any

from tests.integrations.redis.scenarios import Client, commands, every, got, thrice
from tests.services.valkey import Valkey

Message = dict[str, Any]


async def next_message(reader: Any) -> Message | None:
    """The next message, waiting for it."""
    return await got(reader.get_message(timeout=None))  # type: ignore[no-any-return]  # either colour


def test_messages_come_in_order_after_the_confirmation(valkey: Valkey, any_client: Client) -> None:
    async def scenario(client: Any) -> Any:
        reader = client.pubsub()
        await got(reader.subscribe("news"))
        seen = [await next_message(reader)]
        for text in ("one", "two"):
            await got(client.publish("news", text))
            seen.append(await next_message(reader))
        await got(reader.unsubscribe("news"))
        seen.append(await next_message(reader))
        subscribed = reader.subscribed
        await got(reader.aclose() if any_client.asynchronous else reader.close())
        return seen, subscribed

    told = thrice(valkey, any_client, scenario)
    seen, subscribed = told.result
    assert [message["type"] for message in seen] == ["subscribe", "message", "message", "unsubscribe"]
    assert subscribed is False
    assert commands(told) == [
        ["SUBSCRIBE", "news"],
        ["PUBSUB", "MESSAGE", "news"],
        ["PUBLISH", "news", "one"],
        ["PUBSUB", "MESSAGE", "news"],
        ["PUBLISH", "news", "two"],
        ["PUBSUB", "MESSAGE", "news"],
        ["UNSUBSCRIBE", "news"],
        ["PUBSUB", "MESSAGE", "news"],
    ]


def test_patterns_and_channels_beside_each_other(valkey: Valkey, client: Client) -> None:
    async def scenario(client: Any) -> Any:
        reader = client.pubsub(ignore_subscribe_messages=True)
        await got(reader.psubscribe("order.*"))
        await got(reader.subscribe("order.7"))
        seen = [await next_message(reader), await next_message(reader)]
        await got(client.publish("order.7", "paid"))
        seen += [await next_message(reader), await next_message(reader)]
        await got(reader.aclose() if hasattr(reader, "aclose") else reader.close())
        return seen

    told = thrice(valkey, client, scenario)
    assert sorted(message["type"] for message in told.result if message) == ["message", "pmessage"]


def test_a_poll_that_finds_nothing_finds_nothing(valkey: Valkey, client: Client) -> None:
    async def scenario(client: Any) -> Any:
        reader = client.pubsub(ignore_subscribe_messages=True)
        await got(reader.subscribe("quiet"))
        found = [await next_message(reader)]
        found += [await got(reader.get_message(timeout=0.001)) for _ in range(3)]
        await got(client.publish("quiet", "at last"))
        found.append(await next_message(reader))
        await got(reader.aclose() if hasattr(reader, "aclose") else reader.close())
        return found

    told = thrice(valkey, client, scenario)
    assert [message and message["data"] for message in told.result] == [None, None, None, None, b"at last"]


def test_handlers_are_called(valkey: Valkey, client: Client) -> None:
    async def scenario(client: Any) -> Any:
        heard: list[Message] = []
        reader = client.pubsub(ignore_subscribe_messages=True)
        await got(reader.subscribe(news=heard.append))
        returned = [await next_message(reader)]
        await got(client.publish("news", "heard"))
        returned.append(await next_message(reader))
        await got(reader.aclose() if hasattr(reader, "aclose") else reader.close())
        return heard, returned

    told = thrice(valkey, client, scenario)
    heard, returned = told.result
    assert [message["data"] for message in heard] == [b"heard"]
    assert returned == [None, None]


def test_listening_until_the_last_subscription_is_gone(valkey: Valkey, client: Client) -> None:
    async def scenario(client: Any) -> Any:
        reader = client.pubsub()
        await got(reader.subscribe("a", "b"))
        await got(client.publish("a", "first"))
        await got(client.publish("b", "last"))
        await got(reader.unsubscribe())
        return await every(reader.listen())

    told = thrice(valkey, client, scenario)
    kinds = ["subscribe", "subscribe", "message", "message", "unsubscribe", "unsubscribe"]
    assert [message["type"] for message in told.result] == kinds
