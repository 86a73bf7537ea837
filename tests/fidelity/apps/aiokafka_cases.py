"""aiokafka: records that a request sends, and what it is told of them."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.seen import kind, raised

CASES = Cases("aiokafka", "aiokafka")


@asynccontextmanager
async def producer(**settings: Any) -> AsyncIterator[Any]:
    sender = aiokafka.AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_URL"], **settings)
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()


def place(sent: Any) -> Any:
    """Where a record is; of the clock's values only that they are there."""
    return {
        "class": kind(sent),
        "place": [sent.topic, sent.partition, sent.offset],
        "pair": [kind(sent.topic_partition), *sent.topic_partition],
        "timestamp": [kind(sent.timestamp), sent.timestamp_type],
    }


@CASES("send_and_wait: key, value, headers")
async def send_and_wait() -> Any:
    async with producer() as sender:
        headers = [("shop", b"rome"), ("shop", b"\x00\xff")]
        first = await sender.send_and_wait("aio-wait", b"\x00\xff", key=b"k", partition=0, headers=headers)
        second = await sender.send_and_wait("aio-wait", value=b"2", partition=0)
        return [place(first), place(second)]


@CASES("send: futures that are awaited later, in another order, or never")
async def futures() -> Any:
    async with producer() as sender:
        sent = [await sender.send("aio-futures", f"{n}".encode(), partition=n % 2) for n in range(4)]
        kinds = [isinstance(one, asyncio.Future) for one in sent]
        told = [place(await one) for one in reversed(sent)]
        await sender.send("aio-futures", b"unattended", partition=3)
        return [kinds, [one.done() for one in sent], told]


@CASES("keys spread over partitions")
async def spread() -> Any:
    async with producer() as sender:
        return [place(await sender.send_and_wait("aio-spread", b"1", key=b"key %d" % n)) for n in range(8)]


@CASES("many at once with gather")
async def gathered() -> Any:
    async with producer() as sender:
        sending = [sender.send_and_wait("aio-gather", b"%d" % n, partition=n) for n in range(4)]
        return [place(one) for one in await asyncio.gather(*sending)]


@CASES("serializers, no value, a timestamp that is given")
async def shapes() -> Any:
    def as_json(value: Any) -> bytes | None:
        return None if value is None else json.dumps(value).encode()

    async with producer(value_serializer=as_json, key_serializer=str.encode) as sender:
        first = await sender.send_and_wait("aio-shapes", {"n": 1}, key="ü", partition=0)
        stamped = await sender.send_and_wait(
            "aio-shapes", None, key="a", partition=0, timestamp_ms=1767225600000
        )
        return [place(first), place(stamped), stamped.timestamp]


@CASES("a callback of the future's, flush")
async def callbacks() -> Any:
    told: list[Any] = []
    async with producer(linger_ms=5) as sender:
        future = await sender.send("aio-flush", b"1", partition=0)
        future.add_done_callback(lambda done: told.append(place(done.result())))
        await sender.flush()
        await asyncio.wait([future])
        await asyncio.sleep(0)
        return [future.done(), told]


@CASES("compressed, acknowledged by all, by nobody")
async def acknowledged() -> Any:
    async with producer(acks="all", compression_type="gzip") as sender:
        by_all = place(await sender.send_and_wait("aio-acks", b"1" * 500, partition=0))
    async with producer(acks=0) as sender:
        by_nobody = await sender.send_and_wait("aio-acks", b"2", partition=1)
    return [by_all, kind(by_nobody)]


@CASES("a transaction that is committed, one that is aborted")
async def transactions() -> Any:
    async with producer(transactional_id="fidelity-aio") as sender:
        async with sender.transaction():
            sent = await sender.send_and_wait("aio-bank", b"1", partition=0)
        await sender.begin_transaction()
        await sender.send_and_wait("aio-bank", b"2", partition=0)
        await sender.abort_transaction()
        return place(sent)


@CASES("a record that is too large, a partition that is not there, values of wrong types")
async def errors() -> Any:
    told = []
    async with producer() as sender:
        calls: tuple[dict[str, Any], ...] = (
            {"value": b"x" * 2_000_000, "partition": 0},
            {"value": b"1", "partition": 99},
            {"value": "text", "partition": 0},
            {"value": b"1", "headers": 7},
            {},
        )
        for given in calls:
            try:
                await sender.send("aio-errors", **given)
            except Exception as error:  # its class is what is asked
                # how large it is depends on headers that tracing adds
                told.append([kind(error), re.sub("[0-9]{5,}", "N", str(error))])
    return told


@CASES("a start that fails, and another that does not")
async def failed_start() -> Any:
    lost = aiokafka.AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    try:
        await lost.start()
    except KafkaError as error:
        told = raised(error)
    finally:
        await lost.stop()
    async with producer() as sender:
        return [told, place(await sender.send_and_wait("aio-start", b"1", partition=0))]


@CASES("after the producer was stopped")
async def stopped() -> Any:
    async with producer() as sender:
        await sender.send_and_wait("aio-stopped", b"1", partition=0)
    try:
        await sender.send("aio-stopped", b"2", partition=0)
    except KafkaError as error:
        return raised(error)
    return None
