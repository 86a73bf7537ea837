"""As :mod:`.interrupted_cases`, asyncio: tasks that are cancelled in mid-call, groups of exceptions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from typing import Any

import asyncpg
import grpc
import httpx
import redis
from redis.asyncio import Redis

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import postgres_url
from tests.fidelity.apps.grpc_clients import message, method
from tests.fidelity.apps.httpx_told import told, url
from tests.fidelity.apps.seen import raised, seen
from tests.services.grpc_server import struct

CASES = Cases("Interrupted and tried again, asynchronous", "interrupted-async")


async def cancelled(call: Awaitable[Any]) -> Any:
    """What is seen of a task that is cancelled while its call waits for an answer that never comes."""
    task = asyncio.ensure_future(call)
    done, waiting = await asyncio.wait({task}, timeout=0.3)
    seen_before = [len(done), len(waiting), task.cancel()]
    try:
        return await task
    except asyncio.CancelledError as problem:
        return [seen_before, raised(problem), task.cancelled()]


@CASES("task.cancel in mid-call: httpx")
async def httpx_cancel() -> Any:
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await cancelled(client.get(url("/hang/cancelled")))
        return [answer, told(await client.get(url("/json/after-the-cancel")))]


@CASES("task.cancel in mid-call: redis, BLPOP and a pipeline")
async def redis_cancel() -> Any:
    async with Redis.from_url(os.environ["REDIS_URL"]) as client:
        answer = [await cancelled(client.blpop(["interrupted:none"], timeout=60))]
        pipe: Any = client.pipeline(transaction=False)
        pipe.set("interrupted:a", 1).blpop(["interrupted:none"], 60)
        answer.append(await cancelled(pipe.execute()))
        return [*answer, seen([await client.ping(), await client.set("interrupted:a", 2)])]


@CASES("task.cancel in mid-call: asyncpg; the connection goes on")
async def asyncpg_cancel() -> Any:
    connection = await asyncpg.connect(postgres_url("asyncpg"))
    try:
        answer = await cancelled(connection.fetchval("SELECT 'slept' FROM pg_sleep(60)"))
        return [answer, connection.is_closed(), await connection.fetchval("SELECT 7")]
    finally:
        await connection.close()


@CASES("asyncio.timeout: redis; socket_timeout of its own")
async def redis_timeouts() -> Any:
    answer: list[Any] = []
    options: dict[str, Any] = {"socket_timeout": 0.2, "retry": None}
    async with Redis.from_url(os.environ["REDIS_URL"], **options) as client:
        for attempt in (client.blpop(["interrupted:none"], timeout=60), client.get("interrupted:missing")):
            try:
                answer.append(await attempt)
            except redis.TimeoutError as problem:
                answer.append(raised(problem))
    async with Redis.from_url(os.environ["REDIS_URL"]) as client:
        try:
            async with asyncio.timeout(0.3):
                await client.blpop(["interrupted:none"], timeout=60)
        except TimeoutError as problem:
            answer.append(raised(problem))
        return seen([*answer, await client.get("interrupted:missing")])


@CASES("TaskGroup: two calls fail, one of them while the group is cancelled; a third is cancelled")
async def two_fail() -> Any:
    async with httpx.AsyncClient(timeout=60) as client, Redis(port=1, retry=None) as nowhere:  # type: ignore[arg-type]  # None is no retry

        async def stubborn() -> Any:
            try:
                return await client.get(url("/hang/stubborn"))
            except asyncio.CancelledError:
                return await nowhere.get("last")

        try:
            async with asyncio.TaskGroup() as group:
                hanging = group.create_task(client.get(url("/hang/patient")))
                group.create_task(stubborn())
                group.create_task(client.get(os.environ["CLOSED_URL"]))
        except ExceptionGroup as problems:
            kinds = [raised(problem) for problem in problems.exceptions]
            return [
                str(problems),
                kinds,
                hanging.cancelled(),
                told(await client.get(url("/json/after-both"))),
            ]
    return None


@CASES("gather, return_exceptions: a call of each client fails beside one that does not")
async def gathered() -> Any:
    async with httpx.AsyncClient(timeout=60) as client, Redis.from_url(os.environ["REDIS_URL"]) as store:
        found = await asyncio.gather(
            client.get(os.environ["CLOSED_URL"]),
            store.execute_command("NO SUCH"),
            client.get(url("/json/beside")),
            store.incr("interrupted:visits"),
            return_exceptions=True,
        )
        return [
            told(one)
            if isinstance(one, httpx.Response)
            else raised(one)
            if isinstance(one, BaseException)
            else one
            for one in found
        ]


@CASES("httpx: two equal calls that the server breaks off, a third that it answers")
async def httpx_retries() -> Any:
    answer: list[Any] = []
    async with httpx.AsyncClient(timeout=60) as client:
        while len(answer) < 3:
            try:
                answer.append(told(await client.get(url("/stumble/async"))))
            except httpx.RemoteProtocolError as problem:
                answer.append(raised(problem))
    return answer


@CASES("asyncpg: a key that is taken, tried again in a transaction of its own")
async def asyncpg_retries() -> Any:
    answer: list[Any] = []
    connection = await asyncpg.connect(postgres_url("asyncpg"))
    try:
        await connection.execute("DROP TABLE IF EXISTS apg_interrupted")
        await connection.execute("CREATE TABLE apg_interrupted (id INTEGER PRIMARY KEY)")
        await connection.execute("INSERT INTO apg_interrupted VALUES (1), (2)")
        for number in (1, 2, 3):
            try:
                async with connection.transaction():
                    answer.append(await connection.execute("INSERT INTO apg_interrupted VALUES ($1)", number))
            except asyncpg.UniqueViolationError as problem:
                answer.append(raised(problem))
        return answer
    finally:
        await connection.close()


@CASES("gRPC: a stream that is cancelled in the middle")
async def grpc_cancel() -> Any:
    async with grpc.aio.insecure_channel(os.environ["GRPC_URL"]) as channel:
        stream = method(channel, "Forever")(struct(n=1))
        answer: list[Any] = [message(await stream.read()), message(await stream.read()), stream.cancel()]
        answer += [stream.cancelled(), str(await stream.code())]
        return [*answer, message(await method(channel, "Reserve")(struct(n=3)))]
