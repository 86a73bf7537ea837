"""When a trace is complete, and what belongs to it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import timetracer_otel
from tests.api.conftest import Recorder
from tests.services.upstream import Upstream
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import ReplayError
from timetracer_otel.exporters import assembler
from timetracer_otel.messages import HttpRequest, HttpResponse

Recording = Callable[..., Recorder]


def asked(cassette: Cassette) -> list[str]:
    """The paths of a cassette's calls."""
    return [httpx.URL(call.request.url).path for call in cassette.calls() if call.request]  # type: ignore[attr-defined]  # HTTP


def gaps(cassette: Cassette) -> list[tuple[str, str]]:
    return [(gap.kind, gap.detail) for gap in cassette.gaps]


def test_a_thread_that_calls_after_the_trace_was_written_is_appended(
    recording: Recording, upstream: Upstream
) -> None:
    recorder, go = recording(), threading.Event()

    def late() -> None:
        go.wait()
        httpx.get(f"{upstream.url}/late")

    with recorder.tracer.start_as_current_span("job"):
        httpx.get(f"{upstream.url}/early")
        thread = threading.Thread(target=late)
        thread.start()
    assert asked(recorder.cassette()) == ["/early"]
    go.set()
    thread.join()
    cassette = recorder.cassette()
    assert asked(cassette) == ["/early", "/late"]
    assert gaps(cassette) == []


def test_what_was_masked_is_masked_in_what_is_appended_and_the_other_way_round(
    recording: Recording, upstream: Upstream
) -> None:
    recorder, go = recording(), threading.Event()

    def late() -> None:
        go.wait()
        httpx.post(f"{upstream.url}/echo", content=b"early-S3cret", headers={"X-Api-Key": "later-S3cret"})

    with recorder.tracer.start_as_current_span("job"):
        httpx.post(f"{upstream.url}/echo", content=b"later-S3cret", headers={"X-Api-Key": "early-S3cret"})
        thread = threading.Thread(target=late)
        thread.start()
    [early] = recorder.cassette().calls()
    assert isinstance(early.request, HttpRequest)
    assert early.request == msgspec.structs.replace(early.request, body=b"later-S3cret")
    go.set()
    thread.join()
    bodies = [
        call.request.body for call in recorder.cassette().calls() if isinstance(call.request, HttpRequest)
    ]
    assert bodies == [b"[REDACTED]", b"[REDACTED]"]


def test_a_call_under_way_when_the_entry_ends_is_waited_for(recording: Recording, upstream: Upstream) -> None:
    recorder = recording(grace_seconds=3600)
    with recorder.tracer.start_as_current_span("job"):
        thread = threading.Thread(target=lambda: httpx.get(f"{upstream.url}/gate/a"))
        thread.start()
    for _ in range(3):
        upstream.gate("a")
    thread.join()
    [call] = recorder.cassette().calls()
    assert isinstance(call.answer, HttpResponse)
    assert (call.answer.body, call.answer.complete) == (b"data: 0\n\ndata: 1\n\ndata: 2\n\n", True)


def test_a_span_that_comes_too_late_is_a_trace_of_its_own(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = recording()
    with recorder.tracer.start_as_current_span("job") as job:
        pass
    recorder.cassettes()
    monkeypatch.setattr(assembler, "LATE_SECONDS", -1.0)
    with recorder.tracer.start_as_current_span("much later", context=trace.set_span_in_context(job)):
        pass
    assert [cassette.title for cassette in recorder.cassettes()] == ["job", "much later"]


def test_a_span_that_never_ends_is_a_gap(recording: Recording, upstream: Upstream) -> None:
    recorder = recording(grace_seconds=0)
    with recorder.tracer.start_as_current_span("job"):
        lost = recorder.tracer.start_span("lost")
        httpx.get(f"{upstream.url}/json")
    cassette = recorder.cassette()
    assert gaps(cassette) == [("span never ended", "lost")]
    assert asked(cassette) == ["/json"]
    assert [span.end_time_unix_nano for span in cassette.spans if span.name == "lost"] == [0]
    lost.end()
    assert gaps(recorder.cassette()) == [("span never ended", "lost")]


def test_a_span_in_a_generator_that_is_never_finished_is_a_gap(recording: Recording) -> None:
    recorder = recording()

    def pages() -> Generator[int]:
        with recorder.tracer.start_as_current_span("pages"):
            yield 1
            yield 2

    def job() -> Generator[int]:
        with recorder.tracer.start_as_current_span("job"):
            unfinished = pages()
            assert next(unfinished) == 1
            with recorder.tracer.start_as_current_span("page"):
                pass
        return unfinished

    # the generator leaves its span behind as the current one, as generators do
    context = contextvars.copy_context()
    unfinished = context.run(job)
    cassette = recorder.cassette()
    assert gaps(cassette) == [("span never ended", "pages")]
    assert [span.name for span in cassette.spans] == ["job", "pages", "page"]
    context.run(unfinished.close)


def test_a_stream_that_is_closed_unread_is_recorded_as_such(recording: Recording, upstream: Upstream) -> None:
    recorder = recording(grace_seconds=3600)
    with (
        recorder.tracer.start_as_current_span("job"),
        httpx.stream("GET", f"{upstream.url}/chunks/3") as response,
    ):
        assert response.status_code == 200
    cassette = recorder.cassette()
    [call] = cassette.calls()
    assert isinstance(call.answer, HttpResponse)
    assert (call.answer.status, call.answer.complete, gaps(cassette)) == (200, False, [])


@pytest.mark.parametrize("pieces", [0, 2])
def test_a_stream_that_nobody_closes_is_what_was_read_of_it(
    recording: Recording, upstream: Upstream, pieces: int
) -> None:
    def work() -> list[bytes]:
        client = httpx.Client()
        url = f"{upstream.url}/gate/events"
        response = client.send(client.build_request("GET", url), stream=True)
        stream = response.iter_raw()
        read = []
        for _ in range(pieces):
            upstream.gate("events")
            read.append(next(stream))
        kept.append(stream)
        return read

    kept: list[Iterator[bytes]] = []
    recorder = recording(grace_seconds=3600)
    with recorder.tracer.start_as_current_span("job"):
        recorded = work()
    cassette = recorder.cassette()
    [call] = cassette.calls()
    assert isinstance(call.answer, HttpResponse)
    assert (call.answer.complete, call.answer.pieces()) == (False, recorded)
    title = f"GET {upstream.url}/gate/events"
    assert gaps(cassette) == [("read in part", f"answer of {title}, never closed")]
    for _ in range(3):
        upstream.gate("events")
    assert len(b"".join(kept.pop())) == (3 - pieces) * len(b"data: 0\n\n")  # the app reads on
    upstream.stop()
    with timetracer_otel.replay(cassette) as session:
        replayed = work()
        with pytest.raises(ReplayError) as refused:
            next(kept.pop())
    assert (replayed, session.misses, session.unused) == (recorded, [], [])
    assert str(refused.value).startswith(
        f"the response body of {title} was recorded up to byte {pieces * 9}, where the app stopped reading"
    )


def test_a_stream_over_the_limit_that_nobody_closes_is_a_gap(
    recording: Recording, upstream: Upstream
) -> None:
    recorder = recording(grace_seconds=3600, max_trace_kb=1)
    with recorder.tracer.start_as_current_span("job"):
        client = httpx.Client()
        response = client.send(client.build_request("GET", f"{upstream.url}/large/4000"), stream=True)
        next(response.iter_raw())
    cassette = recorder.cassette()
    title = f"answer of GET {upstream.url}/large/4000"
    assert gaps(cassette) == [("read in part", f"{title}, never closed"), ("over limit", title)]
    assert [call.answer for call in cassette.calls()] == [None]


def serve(app: Any, path: str) -> bytes:
    """What the app answers to one request, in this process."""

    async def send() -> bytes:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.get(path)).content

    return asyncio.run(send())


def app_of(endpoint: Callable[[Request], Any]) -> Starlette:
    return Starlette(routes=[Route("/", endpoint)])


def test_work_after_the_response_belongs_to_the_request(recording: Recording, upstream: Upstream) -> None:
    recorder = recording()

    async def endpoint(request: Request) -> Response:
        async def afterwards() -> None:
            async with httpx.AsyncClient() as client:
                await client.get(f"{upstream.url}/afterwards")

        return PlainTextResponse("done", background=BackgroundTask(afterwards))

    assert serve(app_of(endpoint), "/") == b"done"
    cassette = recorder.cassette()
    assert (cassette.title, asked(cassette), gaps(cassette)) == ("GET /", ["/afterwards"], [])


@pytest.mark.parametrize("host", ["[::1", "shop:port", "]"])
def test_a_request_is_recorded_whatever_host_its_client_names(recording: Recording, host: str) -> None:
    recorder = recording()

    async def send() -> None:
        transport = httpx.ASGITransport(app_of(lambda request: PlainTextResponse("tea")))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            await client.get("/", headers={"Host": host})

    asyncio.run(send())
    cassette = recorder.cassette()
    assert isinstance(cassette.inbound_request, HttpRequest)
    assert (cassette.title, cassette.inbound_request.header("host"), gaps(cassette)) == ("GET /", host, [])


def test_a_task_that_outlives_its_request_is_appended(recording: Recording, upstream: Upstream) -> None:
    recorder = recording()
    tasks: list[asyncio.Task[None]] = []
    go = asyncio.Event()

    async def outliving() -> None:
        await go.wait()
        async with httpx.AsyncClient() as client:
            await client.get(f"{upstream.url}/outliving")

    async def endpoint(request: Request) -> Response:
        tasks.append(asyncio.create_task(outliving()))
        return PlainTextResponse("done")

    async def session() -> list[str]:
        transport = httpx.ASGITransport(app_of(endpoint))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            await client.get("/")
        before = asked(await asyncio.to_thread(recorder.cassette))
        go.set()
        await tasks[0]
        return before

    assert asyncio.run(session()) == []
    assert asked(recorder.cassette()) == ["/outliving"]


def test_calls_in_a_streamed_body_belong_to_the_request(recording: Recording, upstream: Upstream) -> None:
    recorder = recording()

    async def endpoint(request: Request) -> Response:
        async def pieces() -> Any:
            async with httpx.AsyncClient() as client:
                for number in range(2):
                    yield (await client.get(f"{upstream.url}/json/{number}")).content[:1]

        return StreamingResponse(pieces())

    assert serve(app_of(endpoint), "/") == b"{{"
    cassette = recorder.cassette()
    assert asked(cassette) == ["/json/0", "/json/1"]
    response = cassette.inbound_response
    assert isinstance(response, HttpResponse)
    assert (response.body, [size for size, _ in response.chunks or []]) == (b"{{", [1, 1])


def test_executors_threads_and_tasks_belong_to_the_request(recording: Recording, upstream: Upstream) -> None:
    recorder = recording()

    def get(name: str) -> int:
        return httpx.get(f"{upstream.url}/{name}").status_code

    async def endpoint(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as executor:
            await loop.run_in_executor(executor, get, "executor")
        await loop.run_in_executor(None, get, "default-executor")
        await asyncio.to_thread(get, "to-thread")
        thread = threading.Thread(target=get, args=("thread",))
        thread.start()
        thread.join()
        async with httpx.AsyncClient() as client, asyncio.TaskGroup() as group:
            group.create_task(client.get(f"{upstream.url}/task"))
        return PlainTextResponse("done")

    assert serve(app_of(endpoint), "/") == b"done"
    assert asked(recorder.cassette()) == ["/executor", "/default-executor", "/to-thread", "/thread", "/task"]


def test_requests_side_by_side_are_not_mixed(recording: Recording, upstream: Upstream) -> None:
    recorder, count = recording(), 20

    async def endpoint(request: Request) -> Response:
        async with httpx.AsyncClient() as client:
            number = request.query_params["n"]
            await asyncio.gather(*(client.get(f"{upstream.url}/{number}/{part}") for part in range(2)))
        return PlainTextResponse(number)

    async def session() -> list[bytes]:
        transport = httpx.ASGITransport(app_of(endpoint))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            answers = await asyncio.gather(*(client.get("/", params={"n": n}) for n in range(count)))
        return [answer.content for answer in answers]

    assert asyncio.run(session()) == [b"%d" % number for number in range(count)]
    seen = {}
    for cassette in recorder.cassettes():
        request = cassette.inbound_request
        assert request is not None
        seen[request.url] = sorted(asked(cassette))
    assert seen == {f"http://shop/?n={n}": [f"/{n}/0", f"/{n}/1"] for n in range(count)}


def test_an_exception_of_the_app_ends_its_trace(recording: Recording, upstream: Upstream) -> None:
    recorder = recording()

    async def endpoint(request: Request) -> Response:
        await asyncio.to_thread(httpx.get, f"{upstream.url}/json")
        raise LookupError("no such order")

    with contextlib.suppress(LookupError):
        serve(app_of(endpoint), "/")
    cassette = recorder.cassette()
    assert (asked(cassette), cassette.status, cassette.has_error) == (["/json"], 500, True)
    assert [
        event.attributes["exception.message"] for event in cassette.entry.events if event.name == "exception"
    ] == ["no such order"]
