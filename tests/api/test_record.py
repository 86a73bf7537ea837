"""``with timetracer_otel.record(...)`` around any code, with no OpenTelemetry set up."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import sqlalchemy
from opentelemetry import trace
from sqlalchemy.ext.asyncio import create_async_engine

import timetracer_otel
from tests.services.upstream import Upstream
from tests.services.valkey import Valkey
from timetracer_otel import config
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import ConfigurationError
from timetracer_otel.span import SpanKind, StatusCode


def told(recording: timetracer_otel.record, upstream: str = "") -> list[tuple[str, str]]:
    """The calls of a recording: integration and title."""
    return [
        (call.integration, call.request.title().replace(upstream, "") if call.request else "")
        for call in written(recording).calls()
    ]


def written(recording: timetracer_otel.record) -> Cassette:
    assert recording.path is not None
    return Cassette.load(recording.path)


def test_everything_a_block_says_is_one_cassette(tmp_path: Path, upstream: Upstream, valkey: Valkey) -> None:
    with timetracer_otel.record(tmp_path, name="nightly import") as recording:
        httpx.get(f"{upstream.url}/json")
        redis.Redis.from_url(valkey.url).set("a", 1)
        with sqlalchemy.create_engine("sqlite://").connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
    cassette = written(recording)
    assert recording.path is not None
    assert recording.path.name == f"nightly_import__{cassette.entry.trace_id[:16]}.json"
    assert told(recording, upstream.url) == [
        ("httpx", "GET /json"),
        ("redis", "SET a 1"),
        ("sqlalchemy", "SELECT 1"),
    ]
    assert (cassette.title, cassette.gaps, cassette.has_error) == ("nightly import", [], False)
    assert [(span.name, span.kind) for span in cassette.spans] == [
        ("nightly import", SpanKind.INTERNAL),
        ("GET", SpanKind.CLIENT),
        ("SET", SpanKind.CLIENT),
        ("SELECT", SpanKind.CLIENT),
    ]


def test_an_asynchronous_block(tmp_path: Path, upstream: Upstream) -> None:
    async def work() -> timetracer_otel.record:
        async with (
            timetracer_otel.record(tmp_path) as recording,
            httpx.AsyncClient(base_url=upstream.url) as client,
        ):
            await asyncio.gather(*(client.get("/json", params={"n": n}) for n in range(3)))
            engine = create_async_engine("sqlite+aiosqlite://")
            async with engine.connect() as connection:
                await connection.execute(sqlalchemy.text("SELECT 2"))
            await engine.dispose()
        return recording

    recording = asyncio.run(work())
    assert sorted(told(recording, upstream.url)) == [
        ("httpx", "GET /json?n=0"),
        ("httpx", "GET /json?n=1"),
        ("httpx", "GET /json?n=2"),
        ("sqlalchemy", "SELECT 2"),
    ]
    assert sorted(call.lane for call in written(recording).calls() if call.integration == "httpx") == [
        1,
        2,
        3,
    ]


def test_a_block_around_an_event_loop(tmp_path: Path, upstream: Upstream) -> None:
    async def work() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(f"{upstream.url}/json")

    with timetracer_otel.record(tmp_path) as recording:
        asyncio.run(work())
    assert told(recording, upstream.url) == [("httpx", "GET /json")]


def test_threads_of_the_block_are_part_of_it(tmp_path: Path, upstream: Upstream) -> None:
    def work(number: int) -> None:
        httpx.get(f"{upstream.url}/json/{number}")

    with timetracer_otel.record(tmp_path) as recording:
        thread = threading.Thread(target=work, args=(0,))
        thread.start()
        with ThreadPoolExecutor(2) as executor:
            list(executor.map(work, (1, 2)))
        thread.join()
    assert sorted(told(recording, upstream.url)) == [("httpx", f"GET /json/{number}") for number in range(3)]


def test_an_exception_leaves_the_block_and_is_recorded(tmp_path: Path, upstream: Upstream) -> None:
    recording = timetracer_otel.record(tmp_path)
    prices: dict[str, float] = {}
    with pytest.raises(KeyError, match="price"), recording:
        prices[f"price of {httpx.get(upstream.url).status_code}"]
    cassette = written(recording)
    assert (cassette.entry.status.code, cassette.entry.status.message) == (
        StatusCode.ERROR,
        "KeyError: 'price of 404'",
    )
    assert [
        event.attributes["exception.type"] for event in cassette.entry.events if event.name == "exception"
    ] == ["KeyError"]
    assert len(cassette.calls()) == 1


def test_a_call_that_fails_is_recorded_with_its_exception(tmp_path: Path) -> None:
    with timetracer_otel.record(tmp_path) as recording, pytest.raises(httpx.ConnectError):
        httpx.get("http://127.0.0.1:1/")
    [call] = written(recording).calls()
    assert getattr(call.answer, "type_name", None) == "httpx.ConnectError"


def test_one_after_the_other_are_two_cassettes(tmp_path: Path, upstream: Upstream) -> None:
    recordings = []
    for number in range(2):
        with timetracer_otel.record(tmp_path, name=f"number {number}") as recording:
            httpx.get(f"{upstream.url}/json/{number}")
        recordings.append(recording)
        httpx.get(f"{upstream.url}/between")
    assert [told(recording, upstream.url) for recording in recordings] == [
        [("httpx", "GET /json/0")],
        [("httpx", "GET /json/1")],
    ]
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_a_block_within_a_block_is_a_cassette_of_its_own(tmp_path: Path, upstream: Upstream) -> None:
    with timetracer_otel.record(tmp_path, name="outer") as outer:
        httpx.get(f"{upstream.url}/before")
        with timetracer_otel.record(tmp_path, name="inner") as inner:
            httpx.get(f"{upstream.url}/within")
        httpx.get(f"{upstream.url}/after")
    assert told(outer, upstream.url) == [("httpx", "GET /before"), ("httpx", "GET /after")]
    assert told(inner, upstream.url) == [("httpx", "GET /within")]


def test_the_app_s_own_spans_stay_nobody_s_without_opentelemetry(tmp_path: Path, upstream: Upstream) -> None:
    with timetracer_otel.record(tmp_path) as recording:
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        with trace.get_tracer("app").start_as_current_span("work"):
            httpx.get(f"{upstream.url}/json")
    assert told(recording, upstream.url) == [("httpx", "GET /json")]


def test_an_empty_block_is_a_cassette_too(tmp_path: Path) -> None:
    with timetracer_otel.record(tmp_path) as recording:
        pass
    assert (told(recording), written(recording).title) == ([], "record")


def test_clock_and_chance_are_recorded_with_it(tmp_path: Path) -> None:
    with timetracer_otel.record(tmp_path) as recording:
        assert isinstance(time.time(), float)
        assert uuid.uuid4().version == 4
    events = [event for event in written(recording).entry.events if event.name == "timetracer.value"]
    assert [str(event.attributes["source"]).partition("@")[0] for event in events] == ["clock", "uuid.uuid4"]
    entry = written(recording).entry
    moments = [event.time_unix_nano for event in events]
    assert entry.start_time_unix_nano <= moments[0] <= moments[1] <= entry.end_time_unix_nano


def test_settings_are_those_of_the_process_or_those_given(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMETRACER_DIR", str(tmp_path / "from the environment"))
    with timetracer_otel.record() as recording:
        pass
    assert recording.path is not None
    assert recording.path.is_relative_to(tmp_path / "from the environment")
    settings: Settings = config.load({}, compression="gzip", capture_bodies="never")
    with timetracer_otel.record(tmp_path, settings=settings) as recording:
        httpx.get(f"{upstream.url}/json")
    assert recording.path is not None
    assert recording.path.suffixes == [".json", ".gz"]
    assert [gap.kind for gap in written(recording).gaps] == ["bodies not captured"]


def test_a_malformed_setting_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMETRACER_SAMPLE_RATE", "often")
    with pytest.raises(ConfigurationError, match="TIMETRACER_SAMPLE_RATE is 'often'"):
        timetracer_otel.record(tmp_path)


def test_a_folder_that_cannot_be_written_costs_a_warning_and_no_more(
    tmp_path: Path, upstream: Upstream, caplog: pytest.LogCaptureFixture, fresh_reports: None
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with timetracer_otel.record(tmp_path / "file" / "cassettes") as recording:
        answer: Any = httpx.get(f"{upstream.url}/json").json()
    assert answer["price"] == 12.5
    assert recording.path is None
    [line] = [record.getMessage() for record in caplog.records if record.name == "timetracer_otel"]
    assert line.startswith("timetracer-otel: writing a cassette: NotADirectoryError")


def test_each_call_of_a_decorated_function_is_a_cassette(tmp_path: Path, upstream: Upstream) -> None:
    @timetracer_otel.record(tmp_path, name="import")
    def run_import(number: int) -> int:
        """Ask for a thing."""
        return httpx.get(f"{upstream.url}/json/{number}").status_code

    @timetracer_otel.record(tmp_path, name="asynchronous import")
    async def run_async_import(number: int) -> int:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{upstream.url}/json/{number}")).status_code

    results = [run_import(1), run_import(number=2), asyncio.run(run_async_import(3))]

    cassettes = sorted(map(Cassette.load, tmp_path.rglob("*.json")), key=lambda cassette: cassette.started)
    titles = [
        (one.title, [call.request.title() for call in one.calls() if call.request]) for one in cassettes
    ]
    assert (results, run_import.__doc__) == ([200, 200, 200], "Ask for a thing.")
    assert titles == [
        ("import", [f"GET {upstream.url}/json/1"]),
        ("import", [f"GET {upstream.url}/json/2"]),
        ("asynchronous import", [f"GET {upstream.url}/json/3"]),
    ]


def test_a_generator_is_not_decorated(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"use 'with record\(\.\.\.\)' around its use"):

        @timetracer_otel.record(tmp_path)
        def numbers() -> Iterator[int]:
            yield 1
