"""Clusters and Sentinels: what an app gets from them is replayed with no server there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.redis.scenarios import got, seen
from tests.services.valkey_cluster import ValkeyProcess, cluster, sentinel

Job = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def recorded_and_replayed(job: Job, stop: Callable[[], None]) -> tuple[Any, list[str]]:
    """What the job gets while it is recorded and again with nothing there: the same; and what was asked."""
    with using(RecordingPort()) as recording:
        recorded = asyncio.run(job())
    stop()
    with using(ReplayPort(recording.calls)) as replay:
        replayed = asyncio.run(job())
    assert seen(replayed) == seen(recorded)
    assert replay.unused == []
    return recorded, [call.asked.title() for call in recording.calls if call.asked is not None]


def test_commands_and_pipelines_of_a_cluster(asynchronous: bool) -> None:
    node = cluster()
    module: Any = redis.asyncio.cluster if asynchronous else redis.cluster

    async def job() -> Any:
        client = module.RedisCluster(host="127.0.0.1", port=node.port)
        try:
            await got(client.set("tea", "green"))
            found = [await got(client.get("tea")), await got(client.mget_nonatomic("tea", "coffee"))]
            pipeline = client.pipeline()
            pipeline.incr("sold")
            pipeline.get("tea")
            pipeline.get("nothing")
            found.append(await got(pipeline.execute()))
            try:
                await got(client.incr("tea"))
            except redis.ResponseError as error:
                found.append((type(error), str(error)))  # it also names a connection, which a replay has not
            found.append([str(one.name) for one in client.get_nodes()])
            return found
        finally:
            await got(client.aclose() if asynchronous else client.close())

    stopped = False

    def stop() -> None:
        nonlocal stopped
        node.stop()
        stopped = True

    try:
        found, asked = recorded_and_replayed(job, stop)
    finally:
        if not stopped:
            node.stop()
    assert found[0] == b"green"
    assert found[2] == [1, b"green", None]
    assert [text for text in asked if not text.startswith(("CLUSTER", "COMMAND", "PING"))] == [
        "SET tea green",
        "GET tea",
        "MGET tea; MGET coffee",
        "INCRBY sold 1; GET tea; GET nothing",
        "INCRBY tea 1",
    ]


def test_a_server_found_by_a_sentinel(asynchronous: bool) -> None:
    server = ValkeyProcess()
    watcher = sentinel("orders", server.port)
    module: Any = redis.asyncio.sentinel if asynchronous else redis.sentinel

    async def job() -> Any:
        finder = module.Sentinel([("127.0.0.1", watcher.port)])
        address = await got(finder.discover_master("orders"))
        client = finder.master_for("orders")
        await got(client.set("tea", "green"))
        found = await got(client.get("tea"))
        await got(client.aclose() if asynchronous else client.close())
        for each in finder.sentinels:
            await got(each.aclose() if asynchronous else each.close())
        return address, found

    def stop() -> None:
        watcher.stop()
        server.stop()

    port = server.port
    (address, found), asked = recorded_and_replayed(job, stop)
    assert (address, found) == (("127.0.0.1", port), b"green")
    assert asked[-2:] == ["SET tea green", "GET tea"]
