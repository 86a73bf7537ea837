"""The wall clock, recorded and replayed."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from timetracer_otel import nondeterminism, values
from timetracer_otel.nondeterminism import Event, ValueRecorder, ValueReplayer, clock, drawing_from
from timetracer_otel.ports import failing

early_time = time.time
early_now = dt.datetime.now
early_datetime = dt.datetime
early_today = date.today

SECOND = 10**9
IN_2001 = 1_000_000_000 * SECOND
IN_2030 = 1_900_000_000 * SECOND


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    clock.install()
    yield
    clock.uninstall()


def recorder() -> ValueRecorder:
    return ValueRecorder(lambda: 0)


def session(*nanoseconds: int, start_ns: int = IN_2001) -> ValueReplayer:
    """A session in which this module looked at the clock at these times."""
    events = [Event("clock@tests", each, 0) for each in nanoseconds]
    return ValueReplayer(events, lane=lambda: 0, trace_id="4bf9", start_ns=start_ns)


def every_clock() -> list[Any]:
    return [
        time.time(),
        time.time_ns(),
        time.gmtime(),
        time.localtime(),
        time.strftime("%Y-%m-%d %H:%M:%S"),
        time.clock_gettime(time.CLOCK_REALTIME),
        dt.datetime.now(),
        dt.datetime.now(UTC),
        dt.datetime.now(tz=dt.timezone(dt.timedelta(hours=2))),
        dt.datetime.utcnow(),
        dt.datetime.today(),
        date.today(),
        early_time(),
        early_now(UTC),
        early_datetime.now(),
        early_today(),
        email.utils.formatdate(),
    ]


def asked_by(module: str) -> float:
    """``time.time()`` as called by a function of that module."""
    result: float = eval("time()", {"__name__": module, "time": time.time})  # noqa: S307  # a frame of that module
    return result


def test_what_was_recorded_is_replayed() -> None:
    recording = recorder()
    with drawing_from(recording):
        recorded = every_clock()
    replaying = ValueReplayer(recording.events(), lane=lambda: 0, trace_id="4bf9", start_ns=0)
    with drawing_from(replaying):
        replayed = every_clock()
    assert replayed == recorded
    assert [type(value) for value in replayed] == [type(value) for value in recorded]
    assert (replaying.remaining(), replaying.invented) == ({}, 0)


@given(st.lists(st.integers(min_value=0, max_value=4_000_000_000 * SECOND)))
def test_any_times_come_back_through_the_cassettes_text(times: list[int]) -> None:
    written = [(event.source, values.dumps(event.value), event.lane) for event in _events(times)]
    replaying = ValueReplayer(
        [Event(source, values.loads(text), lane) for source, text, lane in written],
        lane=lambda: 0,
        trace_id="4bf9",
        start_ns=0,
    )
    clock.install()
    with drawing_from(replaying):
        assert [time.time_ns() for _ in times] == times


def _events(times: list[int]) -> list[Event]:
    return [Event("clock@tests", each, 0) for each in times]


def test_each_look_at_the_clock_is_noted_in_nanoseconds_with_the_package_that_looked() -> None:
    recording = recorder()
    with drawing_from(recording):
        seen = [time.time_ns(), time.time_ns()]
    assert recording.events() == (Event("clock@tests", seen[0], 0), Event("clock@tests", seen[1], 0))


def test_replayed_times_are_exact() -> None:
    with drawing_from(session(*[IN_2001 + 123_456_789] * 4)):
        assert [time.time_ns(), time.time(), dt.datetime.now(UTC), date.today()] == [
            1_000_000_000_123_456_789,
            1_000_000_000.1234568,
            dt.datetime(2001, 9, 9, 1, 46, 40, 123_456, tzinfo=UTC),
            date.fromtimestamp(1_000_000_000),
        ]


def test_the_types_stay_the_same() -> None:
    class AppTime(dt.datetime):
        pass

    with drawing_from(session(IN_2001, IN_2001, IN_2001)):
        made = [type(dt.datetime.now()), type(date.today()), type(AppTime.now())]
    assert made == [dt.datetime, date, AppTime]
    assert dt.datetime is early_datetime
    assert isinstance(early_datetime(2026, 1, 1), dt.datetime)


def test_beyond_what_was_recorded_the_clock_goes_on_from_the_last_value() -> None:
    with drawing_from(session(IN_2030)):
        first, second, third = time.time_ns(), time.time_ns(), time.time_ns()
    assert first == IN_2030
    assert first <= second <= third < IN_2030 + 3600 * SECOND


def test_without_any_recorded_value_it_starts_when_the_entry_started() -> None:
    with drawing_from(session()):
        assert date.today().year == 2001


@pytest.mark.parametrize("value", ["now", None, -1, 1.5, 10**30, True], ids=repr)
def test_what_is_not_a_time_in_a_cassette_is_passed_over(value: object) -> None:
    replaying = ValueReplayer(
        [Event("clock@tests", value, 0)], lane=lambda: 0, trace_id="4bf9", start_ns=IN_2001
    )
    with drawing_from(replaying):
        assert date.today().year == 2001


@pytest.mark.parametrize(
    "module",
    [
        "opentelemetry.sdk.trace",
        "logging",
        "asyncio.events",
        "uvicorn.server",
        "http.server",
        "sqlalchemy.pool",
    ],
)
def test_the_machinery_has_the_real_clock(module: str) -> None:
    recording = recorder()
    with drawing_from(recording):
        asked_by(module)
    with drawing_from(session(IN_2001)):
        assert asked_by(module) > 1_700_000_000
    assert recording.events() == ()


@pytest.mark.parametrize("module", ["shop", "shop.orders", "itsdangerous.timed", "http.cookiejar"])
def test_the_app_and_the_libraries_that_it_uses_have_the_sessions(module: str) -> None:
    with drawing_from(session()):
        assert date.fromtimestamp(asked_by(module)).year == 2001


def test_a_header_that_a_server_dates_is_the_servers() -> None:
    source = "formatdate(usegmt=True)"
    with drawing_from(session()):
        years = [
            eval(source, {"__name__": module, "formatdate": email.utils.formatdate})[12:16]  # noqa: S307  # as above
            for module in ("gunicorn.util", "shop")
        ]
    assert years == [time.strftime("%Y", time.gmtime()), "2001"]


def test_a_library_that_looks_more_often_does_not_shift_the_apps_clock() -> None:
    with drawing_from(session(IN_2001, IN_2030)):
        first = time.time_ns()
        asked_by("some_library")
        assert (first, time.time_ns()) == (IN_2001, IN_2030)


def test_spans_in_a_replay_have_real_times() -> None:
    tracer = TracerProvider().get_tracer("test")
    before = time.time_ns()
    with drawing_from(session(IN_2001)), tracer.start_as_current_span("call") as span:
        pass
    assert before <= span.start_time <= span.end_time  # type: ignore[attr-defined]  # an SDK span


def test_other_clocks_are_not_touched() -> None:
    async def loop_time() -> float:
        return asyncio.get_running_loop().time()

    before = time.monotonic()
    with drawing_from(session(IN_2001)):
        assert before <= time.monotonic()
        assert before <= asyncio.run(loop_time())
        assert time.gmtime(0).tm_year == 1970


def test_sessions_in_threads_side_by_side_have_their_own_clocks() -> None:
    both_inside = threading.Barrier(2)

    def replay(start: int) -> list[int]:
        with drawing_from(session(start, start + 1, start + 2)):
            seen = []
            for _ in range(3):
                both_inside.wait(60)
                seen.append(time.time_ns())
            return seen

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(replay, [IN_2001, IN_2030])) == [
            [IN_2001, IN_2001 + 1, IN_2001 + 2],
            [IN_2030, IN_2030 + 1, IN_2030 + 2],
        ]


def test_sessions_in_tasks_side_by_side_have_their_own_clocks() -> None:
    async def replay(start: int) -> list[int]:
        with drawing_from(session(start, start + 1, start + 2)):
            seen = [time.time_ns()]
            await asyncio.sleep(0)
            seen.append(await asyncio.to_thread(look))
            await asyncio.sleep(0)
            return [*seen, await asyncio.create_task(look_in_a_task())]

    def look() -> int:
        return time.time_ns()

    async def look_in_a_task() -> int:
        return time.time_ns()

    async def both() -> list[list[int]]:
        return list(await asyncio.gather(replay(IN_2001), replay(IN_2030)))

    assert asyncio.run(both()) == [
        [IN_2001, IN_2001 + 1, IN_2001 + 2],
        [IN_2030, IN_2030 + 1, IN_2030 + 2],
    ]


def test_the_process_wide_source_is_asked_where_the_context_has_none() -> None:
    recording = recorder()
    before = nondeterminism.set_process_source(lambda: recording)
    try:
        seen = time.time_ns()
        with drawing_from(session(IN_2001)):
            assert time.time_ns() == IN_2001
    finally:
        nondeterminism.set_process_source(before)
    assert recording.events() == (Event("clock@tests", seen, 0),)


def test_a_source_that_cannot_be_found_leaves_the_clock_real() -> None:
    def broken() -> None:
        raise RuntimeError("no current span")

    before = nondeterminism.set_process_source(broken)
    try:
        assert time.time() > 1_700_000_000
    finally:
        nondeterminism.set_process_source(before)


def test_a_test_that_travels_keeps_precedence() -> None:
    with drawing_from(session(IN_2001)), time_machine.travel(IN_2030 // SECOND, tick=False):
        assert time.time_ns() == IN_2030
    assert clock.installed()
    assert time.time() > 1_700_000_000


def test_installing_twice_is_installing_once() -> None:
    clock.install()
    clock.uninstall()
    with drawing_from(session(IN_2001)):
        assert time.time() > 1_700_000_000
    assert time_machine.traveller_stack == []
    assert not clock.installed()
    clock.uninstall()


def test_where_time_machine_does_not_work_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_wheel() -> None:
        raise ImportError("No module named '_time_machine'")

    clock.uninstall()
    monkeypatch.setattr(clock, "_import_time_machine", no_wheel)
    monkeypatch.setattr(failing, "_reported", set())
    clock.install()
    clock.install()
    with drawing_from(session(IN_2001)):
        assert time.time() > 1_700_000_000
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(
        "timetracer-otel: the clock is not recorded; install time-machine>=3.4 on CPython: "
    )


def test_a_time_machine_that_changes_the_types_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Probe:
        """As before time-machine 3.3: a subclass's now() gives a plain datetime."""

        now = early_now

    clock.uninstall()
    monkeypatch.setattr(clock, "_Probe", Probe)
    monkeypatch.setattr(failing, "_reported", set())
    clock.install()
    assert not clock.installed()
    assert time_machine.traveller_stack == []
    assert "changes what datetime.now() returns" in caplog.text


def test_installing_does_not_load_pytest_into_the_app() -> None:
    program = (
        "import sys; from timetracer_otel import nondeterminism; "
        "before = 'time_machine' in sys.modules; nondeterminism.install(); "
        "print(before, 'time_machine' in sys.modules, 'pytest' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "False"]
