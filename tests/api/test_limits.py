"""What is kept and what is not: sizes, sampling, errors, bodies, and a store that cannot be written."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import httpx
import pytest
import redis
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.api.conftest import Recorder
from tests.replaying.recorded import CALLERS
from tests.services.upstream import Upstream
from tests.services.valkey import Valkey
from timetracer_otel import ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.exporters import assembler
from timetracer_otel.exporters.outbox import Outbox
from timetracer_otel.messages import HttpResponse, RedisCommand, RedisReply
from timetracer_otel.store import FolderStore

Recording = Callable[..., Recorder]


def kinds(cassette: Cassette) -> list[str]:
    return [gap.kind for gap in cassette.gaps]


def bodies(cassette: Cassette) -> list[int | None]:
    """The size of each answer's body that was kept."""
    return [
        None if call.answer.body is None else len(call.answer.body)
        for call in cassette.calls()
        if isinstance(call.answer, HttpResponse)
    ]


def test_a_body_over_the_limit_is_a_gap_and_whole_for_the_app(
    recording: Recording, upstream: Upstream
) -> None:
    recorder = recording(max_body_kb=1)
    with recorder.tracer.start_as_current_span("job"):
        assert len(httpx.get(f"{upstream.url}/large/1024").content) == 999
        assert len(httpx.get(f"{upstream.url}/large/1100").content) == 1073
        echoed = httpx.post(f"{upstream.url}/status/200", content=b"x" * 1025)
    assert echoed.status_code == 200
    cassette = recorder.cassette()
    assert bodies(cassette) == [999, None, len(echoed.content)]
    requests: list[Any] = [call.request for call in cassette.calls()]
    assert [None if request.body is None else len(request.body) for request in requests] == [0, 0, None]
    assert kinds(cassette) == ["body over limit", "body over limit"]


def test_inbound_bodies_over_the_limit_are_gaps(recording: Recording) -> None:
    recorder = recording(max_body_kb=1)

    async def endpoint(request: Request) -> Response:
        return Response(await request.body() * 2)

    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])

    async def send() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return [len((await client.post("/", content=b"x" * size)).content) for size in (512, 600, 1025)]

    assert asyncio.run(send()) == [1024, 1200, 2050]
    kept = []
    for cassette in recorder.cassettes():
        request, response = cassette.inbound_request, cassette.inbound_response
        assert request is not None
        assert isinstance(response, HttpResponse)
        kept.append(
            (request.body is not None, response.body is not None, [gap.detail for gap in cassette.gaps])
        )
    assert kept == [
        (True, True, []),
        (True, False, ["response body, 1200 bytes"]),
        (False, False, ["request body, 1025 bytes", "response body, 2050 bytes"]),
    ]


def test_a_trace_over_its_limit_keeps_what_came_before(recording: Recording, valkey: Valkey) -> None:
    recorder = recording(max_trace_kb=3)
    client: Any = redis.Redis.from_url(valkey.url)
    with recorder.tracer.start_as_current_span("job"):
        assert [len(client.echo("x" * 600)) for _ in range(4)] == [600] * 4
    cassette = recorder.cassette()
    answers = [call.answer for call in cassette.calls()]
    assert answers[0] == RedisReply(b"x" * 600)
    assert answers[-1:] != [RedisReply(b"x" * 600)]
    assert set(kinds(cassette)) == {"over limit"}


def test_what_waits_to_be_written_is_bounded_and_given_back(recording: Recording, upstream: Upstream) -> None:
    recorder = recording(max_pending_mb=1, max_body_kb=1024)
    for _ in range(2):
        with recorder.tracer.start_as_current_span("job"):
            sizes = [len(httpx.get(f"{upstream.url}/large/600000").content) for _ in range(2)]
        assert sizes == [599992, 599992]
        recorder.cassettes()
    cassettes = recorder.cassettes()
    assert [bodies(cassette) for cassette in cassettes] == [[599992], [599992]]
    assert [kinds(cassette) for cassette in cassettes] == [["over limit"], ["over limit"]]


def trace_ids(recorder: Recorder, ids: Sequence[int]) -> list[int]:
    """Which of those traces are kept."""
    for trace_id in ids:
        caller = trace.SpanContext(trace_id, 1, is_remote=True, trace_flags=trace.TraceFlags(1))
        context = trace.set_span_in_context(trace.NonRecordingSpan(caller))
        with recorder.tracer.start_as_current_span("job", context=context):
            pass
    return sorted(int(cassette.entry.trace_id, 16) for cassette in recorder.cassettes())


SOME = [int(hashlib.sha256(b"%d" % number).hexdigest()[:32], 16) for number in range(41)]


@pytest.mark.parametrize(("rate", "least", "most"), [(0.0, 0, 0), (0.5, 10, 30), (1.0, 41, 41)])
def test_a_fraction_of_the_traces_is_kept_always_the_same(
    tmp_path: Path, rate: float, least: int, most: int
) -> None:
    kept = []
    for folder in ("one process", "another"):
        recorder = Recorder(FolderStore(tmp_path / folder), sample_rate=rate)
        kept.append(trace_ids(recorder, SOME))
        recorder.provider.shutdown()
    assert kept[0] == kept[1]
    assert least <= len(kept[0]) <= most


def test_a_trace_that_is_not_sampled_is_not_kept_later_either(
    recording: Recording, upstream: Upstream
) -> None:
    recorder = recording(sample_rate=0.0)
    with recorder.tracer.start_as_current_span("job") as job:
        assert httpx.get(f"{upstream.url}/json").status_code == 200
    recorder.provider.force_flush()
    with trace.use_span(job):
        httpx.get(f"{upstream.url}/json/late")
    assert recorder.cassettes() == []


@pytest.mark.parametrize(("rate", "kept"), [(0.0, 0), (1.0, 4)])
def test_requests_are_sampled_as_other_traces_are(
    recording: Recording, upstream: Upstream, rate: float, kept: int
) -> None:
    recorder = recording(sample_rate=rate)

    async def endpoint(request: Request) -> Response:
        return Response(httpx.get(f"{upstream.url}/json").content)

    assert send_to(app_of(endpoint), 4) == [200] * 4
    assert len(recorder.cassettes()) == kept


def test_half_of_the_requests_are_kept_each_with_all_its_calls(
    recording: Recording, upstream: Upstream
) -> None:
    recorder = recording(sample_rate=0.5)

    async def endpoint(request: Request) -> Response:
        return Response(httpx.get(f"{upstream.url}/json").content)

    assert send_to(app_of(endpoint), 40) == [200] * 40
    cassettes = recorder.cassettes()
    assert 5 < len(cassettes) < 35
    assert {(cassette.title, len(cassette.calls())) for cassette in cassettes} == {("GET /", 1)}


def send_to(app: Starlette, times: int) -> list[int]:
    """Ask an app so often; the statuses."""

    async def send() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return [(await client.get("/")).status_code for _ in range(times)]

    return asyncio.run(send())


def test_only_traces_with_an_error_are_kept(recording: Recording, upstream: Upstream) -> None:
    recorder = recording(errors_only=True)
    with recorder.tracer.start_as_current_span("fine"):
        httpx.get(f"{upstream.url}/json")
    with pytest.raises(httpx.ConnectError), recorder.tracer.start_as_current_span("failing"):
        httpx.get("http://127.0.0.1:1/")
    with recorder.tracer.start_as_current_span("marked") as span:
        span.set_status(trace.StatusCode.ERROR)
    assert [cassette.title for cassette in recorder.cassettes()] == ["failing", "marked"]


@pytest.mark.parametrize(
    ("when", "fine", "failing", "gaps"),
    [
        ("always", [74], [74], []),
        ("on_error", [None], [74], []),
        ("never", [None], [None], ["bodies not captured"]),
    ],
)
def test_bodies_are_kept_when_asked(
    recording: Recording, upstream: Upstream, when: str, fine: list[Any], failing: list[Any], gaps: list[str]
) -> None:
    recorder = recording(capture_bodies=when)
    for error in (False, True):
        with recorder.tracer.start_as_current_span("job") as span:
            httpx.get(f"{upstream.url}/large/100")
            if error:
                span.set_status(trace.StatusCode.ERROR)
    assert [bodies(cassette) for cassette in recorder.cassettes()] == [fine, failing]
    assert kinds(recorder.cassettes()[1]) == gaps


def test_a_store_that_cannot_be_written_costs_one_warning_and_is_counted(
    tmp_path: Path, upstream: Upstream, caplog: pytest.LogCaptureFixture, fresh_reports: None
) -> None:
    (tmp_path / "file").write_text("not a folder")
    recorder = Recorder(FolderStore(tmp_path / "file" / "cassettes"))
    for _ in range(3):
        with recorder.tracer.start_as_current_span("job"):
            assert httpx.get(f"{upstream.url}/json").json()["price"] == 12.5
    recorder.provider.shutdown()
    lines = [record.getMessage() for record in caplog.records if record.name == "timetracer_otel"]
    first, last = lines
    assert first.startswith("timetracer-otel: writing a cassette: NotADirectoryError")
    assert last == "timetracer-otel: 0 cassettes written; 3 failed; writing a cassette (3 times)"
    counted = recorder.processor.statistics()
    assert (counted.written, counted.failed, counted.dropped, counted.lost) == (0, 3, 0, 3)


def waiting_bytes(recorder: Recorder) -> int:
    """What the traces not yet written hold by the recorder's own count."""
    return outbox_of(recorder).budget.held


def outbox_of(recorder: Recorder) -> Outbox:
    assert recorder.processor.recorder is not None
    return recorder.processor.recorder.outbox


def test_an_answer_after_the_grace_period_is_not_counted_for_ever(
    recording: Recording, upstream: Upstream, valkey: Valkey
) -> None:
    reading = threading.Event()

    def read() -> None:
        with httpx.stream("GET", f"{upstream.url}/gate/late") as response:
            reading.set()
            response.read()

    recorder = recording(grace_seconds=0)
    with recorder.tracer.start_as_current_span("job"):
        threads = [
            threading.Thread(target=read),
            threading.Thread(target=redis.Redis.from_url(valkey.url).blpop, args=(["late"],)),
        ]
        for thread in threads:
            thread.start()
        assert reading.wait(60)
        with suppress_instrumentation(), redis.Redis.from_url(valkey.url) as other:
            while not other.info("clients")["blocked_clients"]:
                threads[1].join(0.01)
    assert kinds(recorder.cassette()) == ["read in part", "no answer", "span never ended"]
    with suppress_instrumentation(), redis.Redis.from_url(valkey.url) as other:
        other.rpush("late", 1)
    for _ in range(3):
        upstream.gate("late")
    for thread in threads:
        thread.join()
    recorder.provider.force_flush()
    assert waiting_bytes(recorder) == 0


class StuckStore(FolderStore):
    """A folder whose disk answers when it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = threading.Event()
        self.free = threading.Event()

    def add(self, cassette: Cassette) -> Path:
        self.asked.set()
        assert self.free.wait(60)
        return super().add(cassette)


@pytest.fixture
def stuck(store: FolderStore) -> Iterator[StuckStore]:
    made = StuckStore(store.path)
    yield made
    made.free.set()


@pytest.mark.parametrize("first", ["answer", "span"])
def test_an_answer_that_comes_while_its_trace_is_written_is_not_counted_for_ever(
    recording: Recording, stuck: StuckStore, first: str
) -> None:
    recorder = recording(grace_seconds=0)
    outbox_of(recorder).store = stuck
    with recorder.tracer.start_as_current_span("job"):
        port = ports.current()
        assert port is not None
        exchange = port.begin(CALLERS["redis"], RedisCommand(["BLPOP", "late", 0]))
    assert stuck.asked.wait(60)
    for what in (first, *({"answer", "span"} - {first})):
        if what == "answer":
            exchange.finish(RedisReply([b"late", b"1"]))
        else:
            exchange.__exit__(None, None, None)
    stuck.free.set()
    assert kinds(recorder.cassette()) == ["no answer", "span never ended"]
    assert waiting_bytes(recorder) == 0


def test_what_comes_late_and_never_ends_is_not_counted_for_ever(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = recording(grace_seconds=0)
    with recorder.tracer.start_as_current_span("job") as job:
        pass
    assert len(recorder.cassettes()) == 1
    with trace.use_span(job):
        recorder.tracer.start_span("lost")
        port = ports.current()
        assert port is not None
        port.begin(CALLERS["redis"], RedisCommand(["BLPOP", "late", 0]))
    assert waiting_bytes(recorder) > 0
    monkeypatch.setattr(assembler, "LATE_SECONDS", -1.0)
    with recorder.tracer.start_as_current_span("next"):
        pass
    recorder.cassettes()
    late, _ = recorder.cassettes()
    assert [span.name for span in late.spans] == ["job", "lost", "BLPOP"]
    assert kinds(late) == ["no answer", "span never ended", "span never ended"]
    assert (waiting_bytes(recorder), outbox_of(recorder).assembler._open) == (0, {})


def test_what_was_read_of_an_answer_and_cannot_be_told_costs_that_answer(
    recording: Recording, fresh_reports: None
) -> None:
    def so_far() -> RedisReply:
        raise ValueError("closed by its library")

    recorder = recording(grace_seconds=0)
    with recorder.tracer.start_as_current_span("job"):
        port = ports.current()
        assert port is not None
        with port.begin(CALLERS["redis"], RedisCommand(["BLPOP", "late", 0])) as exchange:
            exchange.reading(so_far)
    assert kinds(recorder.cassette()) == ["no answer"]
    assert waiting_bytes(recorder) == 0


def test_a_trace_that_is_complete_when_it_was_flushed_is_written_once(
    recording: Recording, stuck: StuckStore
) -> None:
    recorder = recording()
    outbox = outbox_of(recorder)
    outbox.store = stuck
    with recorder.tracer.start_as_current_span("first"):
        pass
    assert stuck.asked.wait(60)
    with recorder.tracer.start_as_current_span("second") as entry:
        straggler = recorder.tracer.start_span("straggler")
    assert not outbox.flush(0)
    straggler.end()
    stuck.free.set()
    assert len(recorder.cassettes()) == 2
    assert len(outbox.assembler._written) == 2
    context = entry.get_span_context()
    late = recorder.tracer.start_span("late", trace.set_span_in_context(entry))
    assert outbox.assembler.find(context.trace_id, context.span_id) is not None
    late.end()
    assert [len(cassette.spans) for cassette in recorder.cassettes()] == [1, 3]
    assert waiting_bytes(recorder) == 0


def test_a_stream_over_its_limit_takes_no_room_from_other_traces(recording: Recording) -> None:
    recorder = recording(max_body_kb=1, max_pending_mb=1)
    go = asyncio.Event()
    passed = asyncio.Event()

    async def endpoint(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(2):
                yield b"x" * 1000
            passed.set()
            await go.wait()

        return StreamingResponse(pieces())

    async def send() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(endpoint))) as client:
            asking = asyncio.create_task(client.get("http://shop/"))
            await passed.wait()
            held = waiting_bytes(recorder)
            go.set()
            assert len((await asking).content) == 2000
        return held

    assert asyncio.run(send()) == 0
    assert [gap.detail for gap in recorder.cassette().gaps] == ["response body, 2000 bytes"]


def test_a_body_in_small_pieces_counts_what_is_kept_of_each_piece(recording: Recording) -> None:
    recorder = recording(max_body_kb=1)

    async def endpoint(request: Request) -> Response:
        received = [piece async for piece in request.stream()]

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(int(request.query_params["pieces"])):
                yield b"x"

        return StreamingResponse(pieces(), headers={"received": str(len(received))})

    async def send() -> list[str]:
        async def letters() -> AsyncIterator[bytes]:
            for _ in range(1000):
                yield b"y"

        transport = httpx.ASGITransport(app_of(endpoint))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            answers = [await client.post(f"/?pieces={pieces}", content=letters()) for pieces in (16, 17)]
        return [answer.text for answer in answers]

    assert asyncio.run(send()) == ["x" * 16, "x" * 17]
    seen = []
    for cassette in recorder.cassettes():
        request, response = cassette.inbound_request, cassette.inbound_response
        assert request is not None
        assert isinstance(response, HttpResponse)
        seen.append((request.body, response.body, [gap.detail for gap in cassette.gaps]))
    # 16 pieces count 16 + 15 * 64 bytes; how a request's body was cut is not kept
    assert seen == [(b"y" * 1000, b"x" * 16, []), (b"y" * 1000, None, ["response body, 17 bytes"])]


def app_of(endpoint: Callable[[Request], Any]) -> Starlette:
    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])])


def test_what_outlives_a_request_does_not_keep_what_it_said(recording: Recording) -> None:
    """A connection that a pool keeps has the context of the request in which it was opened."""
    recorder = recording()
    kept: list[Any] = []

    async def endpoint(request: Request) -> Response:
        await request.body()
        kept.append(contextvars.copy_context())
        if request.url.path == "/fails":
            raise LookupError(request.url.path)
        return Response(b"said " * 1000)

    app = Starlette(routes=[Route(path, endpoint, methods=["POST"]) for path in ("/", "/fails")])

    async def send() -> list[int]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return [
                (await client.post(path, content=b"asked " * 1000)).status_code for path in ("/", "/fails")
            ]

    assert asyncio.run(send()) == [200, 500]
    assert [len(cassette.inbound_request.body or b"") for cassette in recorder.cassettes()] == [6000, 6000]  # type: ignore[union-attr]  # they are requests
    held = held_by([context[ports.entry_variable] for context in kept])
    assert [one for one in held if isinstance(one, bytes | bytearray) and len(one) >= 5000] == []
    assert [one for one in held if isinstance(one, BaseException)] == []


def held_by(entries: Sequence[Any]) -> list[Any]:
    """All that is reached from requests, but not by way of what they share."""
    shared = {
        id(one) for one in (entries[0].recorder, entries[0].recorder.assembler, entries[0].recorder.outbox)
    }
    held, seen = [*entries], {id(one) for one in entries}
    for one in held:
        for other in gc.get_referents(one):
            if id(other) not in seen | shared and not isinstance(other, type | ModuleType | FunctionType):
                seen.add(id(other))
                held.append(other)
    return held
