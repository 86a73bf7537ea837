"""``TIMETRACER_REPLAY_PACE=recorded``: each answer takes as long as the recorded one did."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import sqlalchemy

import timetracer_otel
from tests.services.upstream import Upstream
from timetracer_otel import config
from timetracer_otel.cassette import Cassette

TOOK = 0.2


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    yield
    timetracer_otel.uninstall()


def by_httpx(url: str) -> Any:
    return httpx.get(url).json()


def by_httpx_asynchronously(url: str) -> Any:
    async def ask() -> Any:
        async with httpx.AsyncClient() as client:
            return (await client.get(url)).json()

    return asyncio.run(ask())


def by_requests(url: str) -> Any:
    return requests.get(url, timeout=30).json()


def by_sqlite3(url: str) -> Any:
    return sqlite3.connect(":memory:").execute("SELECT 7").fetchall()


def by_sqlalchemy(url: str) -> Any:
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        return connection.scalar(sqlalchemy.text("SELECT 7"))


@pytest.mark.parametrize(
    "ask",
    [by_httpx, by_httpx_asynchronously, by_requests, by_sqlite3, by_sqlalchemy],
    ids=lambda ask: ask.__name__,
)
def test_an_answer_takes_as_long_as_it_took(
    tmp_path: Path, upstream: Upstream, ask: Callable[[str], Any]
) -> None:
    with timetracer_otel.record(tmp_path) as recording:
        live = ask(f"{upstream.url}/json")
    assert recording.path is not None
    cassette = Cassette.load(recording.path)
    for call in cassette.calls():
        call.span.end_time_unix_nano = call.span.start_time_unix_nano + int(TOOK * 1e9)
    upstream.stop()

    began = time.monotonic()
    with timetracer_otel.replay(cassette, settings=config.load({"TIMETRACER_REPLAY_PACE": "recorded"})):
        assert ask(f"{upstream.url}/json") == live
    assert time.monotonic() - began >= TOOK
