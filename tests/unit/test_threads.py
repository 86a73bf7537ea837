"""Work in threads and executors belongs to the request that started it."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.pool import ThreadPool
from types import FunctionType
from typing import Any, NamedTuple, cast

import anyio
import anyio.to_thread
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from timetracer_otel import lanes, nondeterminism, ports
from timetracer_otel.integrations import threads
from timetracer_otel.nondeterminism import Event, ValueReplayer

TRACER = TracerProvider().get_tracer("test")
app_variable: contextvars.ContextVar[str] = contextvars.ContextVar("app_variable", default="unset")


class Session:
    """As much of a replay session as threads see of it."""

    def __init__(self) -> None:
        self.lanes = lanes.LaneTable()

    def new_lane(self) -> lanes.Lane:
        return self.lanes.new()


class Seen(NamedTuple):
    """What a function finds around it."""

    session: object
    span: int
    lane: int


NOTHING = Seen(None, 0, 0)


def look() -> Seen:
    lane = lanes.thread_lane.get()
    span = trace.get_current_span().get_span_context().span_id
    return Seen(ports.session.get(), span, 0 if lane is None else lane.number)


@contextmanager
def request() -> Iterator[Seen]:
    """A request that is being replayed; gives what code in it sees."""
    session = Session()
    token = ports.session.set(cast("ports.Port", session))
    try:
        with TRACER.start_as_current_span("entry") as span:
            yield Seen(session, span.get_span_context().span_id, 0)
    finally:
        ports.session.reset(token)


@pytest.fixture(autouse=True, params=["alone", "before OpenTelemetry's", "after OpenTelemetry's"])
def installed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ours alone, and with opentelemetry-instrumentation-threading in either order."""
    instrumentor = ThreadingInstrumentor()
    with ExitStack() as undo:
        undo.callback(threads.uninstall)
        if request.param == "after OpenTelemetry's":
            instrumentor.instrument()
            undo.callback(instrumentor.uninstrument)
        threads.install()
        if request.param == "before OpenTelemetry's":
            instrumentor.instrument()
            undo.callback(instrumentor.uninstrument)
        yield


def in_thread(work: Callable[[], Any]) -> Any:
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


class OwnRun(threading.Thread):
    seen: Seen

    def run(self) -> None:
        self.seen = look()


def test_a_thread() -> None:
    with request() as here:
        assert in_thread(look) == here._replace(lane=1)


def test_a_thread_whose_class_has_a_run_of_its_own() -> None:
    with request() as here:
        thread = OwnRun()
        thread.start()
        thread.join()
    assert thread.seen == here._replace(lane=1)
    assert "run" not in vars(thread)


def test_a_timer() -> None:
    seen = []
    with request() as here:
        timer = threading.Timer(0, lambda: seen.append(look()))
        timer.start()
        timer.join()
    assert seen == [here._replace(lane=1)]


def test_a_thread_started_twice_fails_as_ever() -> None:
    with request():
        thread = OwnRun()
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
    assert "run" not in vars(thread)


def test_a_thread_that_a_thread_starts() -> None:
    with request() as here:
        assert in_thread(lambda: in_thread(look)) == here._replace(lane=2)


def test_an_executor() -> None:
    with ThreadPoolExecutor(2) as pool, request() as here:
        futures = [pool.submit(look) for _ in range(3)]
        assert [each.result() for each in futures] == [here._replace(lane=lane) for lane in (1, 2, 3)]


def test_map_of_an_executor() -> None:
    def double(number: int) -> tuple[int, Seen]:
        return 2 * number, look()

    with ThreadPoolExecutor(2) as pool, request() as here:
        assert list(pool.map(double, [1, 2])) == [(2, here._replace(lane=1)), (4, here._replace(lane=2))]


def test_a_thread_pool_of_multiprocessing_made_in_the_request() -> None:
    with request() as here, ThreadPool(1) as pool:
        assert pool.apply(look)._replace(lane=0) == here


def test_a_worker_serves_each_request_with_its_own_context() -> None:
    with ThreadPoolExecutor(1) as pool:
        with request() as first:
            one = pool.submit(look).result()
        none = pool.submit(look).result()
        with request() as second:
            two = pool.submit(look).result()
    assert (one, none, two) == (first._replace(lane=1), NOTHING, second._replace(lane=1))


def test_two_requests_that_share_an_executor() -> None:
    both_inside = threading.Barrier(2)

    def meet() -> Seen:
        both_inside.wait(60)
        return look()

    def serve() -> tuple[Seen, Seen]:
        with request() as here:
            return here._replace(lane=1), pool.submit(meet).result()

    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(2) as server:
        for expected, seen in [each.result() for each in [server.submit(serve), server.submit(serve)]]:
            assert seen == expected


def test_outside_a_request_nothing_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def carry(lane: object) -> None:
        raise AssertionError("nothing to hand on")

    monkeypatch.setattr(threads, "Carried", carry)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(look).result() == NOTHING
    assert in_thread(look) == NOTHING


def test_within_a_call_that_is_already_seen_nothing_is_handed_on() -> None:
    with request(), ports.inside():
        assert in_thread(look).session is None


def test_a_trace_that_is_recorded_without_a_replay_session() -> None:
    recorder = Session()
    before = ports.set_process_ports(cast("ports.Port", recorder), None)
    try:
        with ThreadPoolExecutor(1) as pool, TRACER.start_as_current_span("entry") as span:
            seen = [in_thread(look), pool.submit(look).result()]
    finally:
        ports.set_process_ports(*before)
    here = span.get_span_context().span_id
    assert seen == [Seen(None, here, 1), Seen(None, here, 2)]


def test_the_apps_own_variables_are_not_handed_on() -> None:
    token = app_variable.set("of the request")
    try:
        with ThreadPoolExecutor(1) as pool, request():
            assert (pool.submit(app_variable.get).result(), in_thread(app_variable.get)) == ("unset", "unset")
    finally:
        app_variable.reset(token)


def test_arguments_results_and_exceptions_pass_through() -> None:
    def divide(dividend: int, /, *, divisor: int) -> float:
        return dividend / divisor

    with ThreadPoolExecutor(1) as pool, request():
        assert pool.submit(divide, 6, divisor=4).result() == 1.5
        with pytest.raises(ZeroDivisionError, match="division by zero"):
            pool.submit(divide, 6, divisor=0).result()


def test_an_error_leaves_the_worker_clean() -> None:
    def fail() -> None:
        raise LookupError

    with ThreadPoolExecutor(1) as pool:
        with request():
            assert isinstance(pool.submit(fail).exception(), LookupError)
        assert pool.submit(look).result() == NOTHING


def test_asyncio_to_thread_gets_a_lane_within_its_copied_context() -> None:
    async def main() -> list[tuple[Seen, str]]:
        app_variable.set("of the request")
        return [await asyncio.to_thread(lambda: (look(), app_variable.get())) for _ in range(2)]

    with request() as here:
        assert asyncio.run(main()) == [
            (here._replace(lane=1), "of the request"),
            (here._replace(lane=2), "of the request"),
        ]


def test_run_in_executor() -> None:
    async def main() -> list[Seen]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(None, look) for _ in range(2)))

    with request() as here:
        assert asyncio.run(main()) == [here._replace(lane=1), here._replace(lane=2)]


def test_a_function_submitted_within_a_context_that_the_app_copied() -> None:
    with ThreadPoolExecutor(1) as pool, request() as here:
        copied = contextvars.copy_context()
        ways = [pool.submit(copied.run, look), pool.submit(functools.partial(copied.run, look))]
        assert [each.result() for each in ways] == [here._replace(lane=1), here._replace(lane=2)]
        assert copied.run(look) == here


def test_a_function_submitted_within_an_empty_context() -> None:
    with ThreadPoolExecutor(1) as pool, request() as here:
        assert pool.submit(contextvars.Context().run, look).result() == here._replace(lane=1)


def test_threads_of_anyio_get_a_lane_and_keep_nothing() -> None:
    async def main() -> tuple[Seen, list[Seen], Seen]:
        with request() as here:
            inside = [await anyio.to_thread.run_sync(look) for _ in range(2)]
        return here, inside, await anyio.to_thread.run_sync(look)

    here, inside, after = anyio.run(main)
    assert inside == [here._replace(lane=1), here._replace(lane=2)]
    assert after == NOTHING


def test_looking_up_a_name_takes_no_lane() -> None:
    async def main() -> Seen:
        loop = asyncio.get_running_loop()
        await loop.getaddrinfo("127.0.0.1", 80)
        await loop.run_in_executor(None, socket.getaddrinfo, "127.0.0.1", 80)
        loop.set_debug(True)
        await loop.getaddrinfo("127.0.0.1", 80)
        return await asyncio.to_thread(look)

    with request() as here:
        assert asyncio.run(main()) == here._replace(lane=1)


def test_a_thread_draws_the_values_of_its_session() -> None:
    def values(start: int) -> ValueReplayer:
        events = [
            Event("uuid.uuid4@tests", uuid.UUID(int=start, version=4), 1),
            Event("clock@tests", start, 1),
        ]
        lane: Callable[[], int] = lambda: look().lane  # noqa: E731  # shorter
        return ValueReplayer(events, lane=lane, trace_id="4bf9", start_ns=0)

    def draw() -> tuple[int, int]:
        both_inside.wait(60)
        return uuid.uuid4().int & 0xFF, time.time_ns()

    def serve(start: int) -> tuple[int, int]:
        with request(), nondeterminism.drawing_from(values(start)):
            return pool.submit(draw).result()

    both_inside = threading.Barrier(2)
    nondeterminism.install()
    try:
        with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(2) as server:
            assert list(server.map(serve, [10, 20])) == [(10, 10), (20, 20)]
    finally:
        nondeterminism.uninstall()


def test_a_lane_that_cannot_be_had_does_not_reach_the_app() -> None:
    class Broken:
        def new_lane(self) -> lanes.Lane:
            raise RuntimeError("no lanes")

    token = ports.session.set(cast("ports.Port", Broken()))
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(pow, 2, 3).result() == 8
            assert in_thread(lambda: 5) == 5
    finally:
        ports.session.reset(token)


def test_uninstalling_leaves_what_others_installed() -> None:
    threads.install()
    threads.uninstall()
    threads.uninstall()
    with request() as here, ThreadPoolExecutor(1) as pool:
        seen = [in_thread(look), pool.submit(look).result()]
    instrumented = ThreadingInstrumentor().is_instrumented_by_opentelemetry
    assert seen == [Seen(None, here.span if instrumented else 0, 0)] * 2
    assert not threads.installed()


def test_it_outlasts_the_other_being_undone_and_done_again() -> None:
    instrumentor = ThreadingInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
    for _ in range(2):
        with request() as here, ThreadPoolExecutor(1) as pool:
            assert in_thread(look) == here._replace(lane=1)
            assert pool.submit(look).result() == here._replace(lane=2)
        instrumentor.instrument()
    instrumentor.uninstrument()
    threads.uninstall()
    assert type(vars(threading.Thread)["start"]) is type(vars(ThreadPoolExecutor)["submit"]) is FunctionType
    assert type(vars(anyio.to_thread)["run_sync"]) is FunctionType
