"""Records and replays GETs of httpx with one tool; a process each, since every tool patches httpx.

Reads what to do from its input, a line of JSON a time, and answers each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.load import ANSWER

MANY = 1000
"""Calls that are measured often enough at once."""


class Task(msgspec.Struct, frozen=True):
    """What to replay.

    Attributes:
        calls: as many GETs as there are in the cassette.
        equal: all of the same URL, else each of its own.
        asynchronous: with ``httpx.AsyncClient``.
        times: the whole is done that often.
    """

    calls: int
    equal: bool
    asynchronous: bool
    times: int = 1

    @property
    def name(self) -> str:
        return f"{self.calls}-{self.equal}-{self.asynchronous}"


class Took(msgspec.Struct, frozen=True):
    """Seconds of CPU, of one time: opening the cassette until the first call can be made; all calls."""

    opening: float
    calls: float


Tool = Callable[[Path], AbstractContextManager[Any]]
"""Records into a folder; or replays what was recorded there."""


def ours() -> tuple[Tool, Tool]:
    from opentelemetry import trace
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.sdk.trace import TracerProvider

    import timetracer_otel
    from timetracer_otel.config import Settings

    trace.set_tracer_provider(TracerProvider())
    HTTPXClientInstrumentor().instrument()
    tracer = trace.get_tracer("benchmarks")
    settings = Settings(export_replay=True)  # the standard spans are real ones

    @contextlib.contextmanager
    def replay(folder: Path) -> Any:
        with (
            timetracer_otel.replay(folder, settings=settings),
            tracer.start_as_current_span("GET /", kind=trace.SpanKind.SERVER),
        ):
            yield

    return timetracer_otel.record, replay


def timetracer() -> tuple[Tool, Tool]:
    from timetracer.cassette.io import read_cassette, write_cassette  # type: ignore[import-not-found]
    from timetracer.config import TraceConfig  # type: ignore[import-not-found]
    from timetracer.context import reset_session, set_session  # type: ignore[import-not-found]
    from timetracer.plugins.httpx_plugin import enable_httpx  # type: ignore[import-not-found]
    from timetracer.session import ReplaySession, TraceSession  # type: ignore[import-not-found]

    enable_httpx()

    @contextlib.contextmanager
    def active(session: Any) -> Any:
        token = set_session(session)
        try:
            yield
        finally:
            reset_session(token)

    @contextlib.contextmanager
    def record(folder: Path) -> Any:
        config = TraceConfig(cassette_dir=str(folder))
        session = TraceSession(config=config)
        with active(session):
            yield
        session.finalize()
        write_cassette(session, config)

    @contextlib.contextmanager
    def replay(folder: Path) -> Any:
        (path,) = map(str, folder.rglob("*.json"))
        with active(ReplaySession(cassette=read_cassette(path), cassette_path=path)):
            yield

    return record, replay


def vcrpy() -> tuple[Tool, Tool]:
    import vcr  # type: ignore[import-not-found]

    def record(folder: Path) -> Any:
        return vcr.use_cassette(str(folder / "calls.yaml"), record_mode="all")

    def replay(folder: Path) -> Any:
        return vcr.use_cassette(str(folder / "calls.yaml"), record_mode="none")

    return record, replay


def transport() -> tuple[Tool, Tool]:
    """No tool: httpx with the standard spans, over a transport whose answer is ready. What no tool
    that keeps the clients' own work and the standard spans can be faster than.
    """
    from opentelemetry import trace
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.sdk.trace import TracerProvider

    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]

    class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield ANSWER

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield ANSWER

    def handle_request(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=head, stream=Body())

    async def handle_async_request(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=head, stream=Body())

    httpx.HTTPTransport.handle_request = handle_request  # type: ignore[method-assign, assignment]
    httpx.AsyncHTTPTransport.handle_async_request = handle_async_request  # type: ignore[method-assign, assignment]
    trace.set_tracer_provider(TracerProvider())
    HTTPXClientInstrumentor().instrument()
    tracer = trace.get_tracer("benchmarks")

    def block(folder: Path) -> Any:
        return tracer.start_as_current_span("GET /", kind=trace.SpanKind.SERVER)

    return block, block


TOOLS = {"ours": ours, "transport": transport, "timetracer": timetracer, "vcrpy": vcrpy}


def run(task: Task, tool: Tool, folder: Path, base: str) -> Took:
    """Make the calls, recorded or replayed by the tool, with one client; the mean of all times."""
    urls = [f"{base}/rates" + ("" if task.equal else f"?item={number}") for number in range(task.calls)]
    if task.asynchronous:
        return asyncio.run(_run_async(urls, tool, folder, task.times))
    opening = calls = 0.0
    with httpx.Client() as client:
        for _ in range(task.times):
            begin = time.thread_time()
            with tool(folder):
                opened = time.thread_time()
                got = [client.get(url).json()["usd"] for url in urls]
                done = time.thread_time()
            assert got == [1.1] * len(urls), got
            opening, calls = opening + opened - begin, calls + done - opened
    return Took(opening / task.times, calls / task.times)


async def _run_async(urls: list[str], tool: Tool, folder: Path, times: int) -> Took:
    opening = calls = 0.0
    async with httpx.AsyncClient() as client:
        for _ in range(times):
            begin = time.thread_time()
            with tool(folder):
                opened = time.thread_time()
                got = [(await client.get(url)).json()["usd"] for url in urls]
                done = time.thread_time()
            assert got == [1.1] * len(urls), got
            opening, calls = opening + opened - begin, calls + done - opened
    return Took(opening / times, calls / times)


def main() -> None:
    name, base, folder = sys.argv[1:]
    record, replay = TOOLS[name]()
    for line in sys.stdin:
        task = msgspec.json.decode(line, type=Task)
        there = Path(folder, task.name)
        once = msgspec.structs.replace(task, times=1)
        if not there.exists():
            there.mkdir(parents=True)
            run(once, record, there, base)
            if task.calls < MANY:
                run(once, replay, there, base)  # to warm up
        took = run(task, replay, there, base)
        print(json.dumps([took.opening, took.calls]), flush=True)


if __name__ == "__main__":
    main()
