"""Calls that run out of time, are cancelled, or are tried again until they succeed: synchronous clients."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import postgres_url
from tests.fidelity.apps.grpc_clients import message, method
from tests.fidelity.apps.httpx_told import told, url
from tests.fidelity.apps.seen import raised, seen
from tests.services.grpc_server import struct

CASES = Cases("Interrupted and tried again", "interrupted")


@CASES("redis: socket_timeout while an answer is waited for, then a call that is answered")
def redis_read_timeout() -> Any:
    with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.2, retry=None) as client:
        answer: list[Any] = [client.set("interrupted", "1")]
        try:
            client.blpop(["interrupted:none"], timeout=20)
        except redis.TimeoutError as problem:
            answer.append(raised(problem))
        return seen([*answer, client.get("interrupted")])


@CASES("redis: socket_connect_timeout, and a connection refused, each tried three times")
def redis_connect_timeout() -> Any:
    full, answer, tried = urlsplit(os.environ["FULL_URL"]), [], []
    for place in ({"host": full.hostname, "port": full.port}, {"port": 1}):
        retry = Retry(NoBackoff(), 2)
        with redis.Redis(**place, socket_connect_timeout=0.05, retry=retry) as client:
            try:
                client.get("nowhere")
            except (redis.TimeoutError, redis.ConnectionError) as problem:
                answer.append(raised(problem))
            tried.append(retry.get_retries())
    return [answer, tried]


@CASES("redis: WATCH that another client breaks, tried again until it holds")
def redis_watch() -> Any:
    answer = []
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.set("interrupted:stock", 10)
        for attempt in range(3):
            with client.pipeline() as pipe:
                pipe.watch("interrupted:stock")
                left = int(pipe.get("interrupted:stock"))
                if attempt < 2:
                    client.decr("interrupted:stock")
                pipe.multi()
                pipe.set("interrupted:stock", left - 5)
                try:
                    answer.append(seen(pipe.execute()))
                except redis.WatchError as problem:
                    answer.append(raised(problem))
        return [answer, seen(client.get("interrupted:stock"))]


@CASES("httpx: two equal calls that the server breaks off, a third that it answers")
def httpx_retries() -> Any:
    answer: list[Any] = []
    with httpx.Client(timeout=20) as client:
        while len(answer) < 3:
            try:
                answer.append(told(client.get(url("/stumble/sync"))))
            except httpx.RemoteProtocolError as problem:
                answer.append(raised(problem))
    return answer


@CASES("psycopg: a statement that takes too long and a key that is taken, each tried again")
def psycopg_retries() -> Any:
    answer: list[Any] = []
    with psycopg.connect(postgres_url("psycopg"), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS pg_interrupted")
        connection.execute("CREATE TABLE pg_interrupted (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO pg_interrupted VALUES (1), (2)")
        for number in (1, 2, 3):
            try:
                answer.append(
                    connection.execute("INSERT INTO pg_interrupted VALUES (%s)", (number,)).rowcount
                )
                break
            except psycopg.errors.UniqueViolation as problem:
                answer.append(raised(problem))
        for patience in (50, 60_000):
            with contextlib.suppress(psycopg.errors.QueryCanceled), connection.transaction():
                connection.execute(f"SET LOCAL statement_timeout = {patience}")
                answer.append(seen(connection.execute("SELECT 'slept' FROM pg_sleep(0.5)").fetchall()))
    return answer


@CASES("gRPC: a future that another thread cancels")
def grpc_cancelled() -> Any:
    answer: list[Any] = []
    with grpc.insecure_channel(os.environ["GRPC_URL"]) as channel:
        future = method(channel, "Hang").future(struct(n=1))
        canceller = threading.Thread(target=future.cancel)
        canceller.start()
        canceller.join()
        try:
            future.result(timeout=30)
        except grpc.FutureCancelledError as problem:
            answer.append([raised(problem), future.cancelled(), str(future.code())])
        return [*answer, message(method(channel, "Reserve")(struct(n=2)))]
