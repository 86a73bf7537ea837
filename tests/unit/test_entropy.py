"""``uuid``, ``random``, ``secrets`` and ``os.urandom``, recorded and replayed."""

# ruff: noqa: S311  # chance that is no secret is what is tested

from __future__ import annotations

import asyncio
import copy
import functools
import os
import random
import secrets
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from os import urandom as early_urandom
from random import choice as early_choice
from random import random as early_random
from typing import Any
from uuid import uuid1 as early_uuid1
from uuid import uuid4 as early_uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from timetracer_otel import values
from timetracer_otel.nondeterminism import Event, ValueRecorder, ValueReplayer, drawing_from, entropy
from timetracer_otel.nondeterminism.draws import time_uuid
from timetracer_otel.nondeterminism.recording import MAX_VALUE_BYTES

early_system_random = random.SystemRandom()


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    entropy.install()
    yield
    entropy.uninstall()


def recorder(limit: int = 10_000) -> ValueRecorder:
    return ValueRecorder(lambda: 0, limit=limit)


def session(*events: Event, trace_id: str = "4bf9") -> ValueReplayer:
    return ValueReplayer(events, lane=lambda: 0, trace_id=trace_id, start_ns=1_000_000_000 * 10**9)


def drawn_in(source: ValueRecorder | ValueReplayer, draw: Callable[[], Any]) -> Any:
    with drawing_from(source):
        return draw()


def asked_by(module: str, expression: str) -> Any:
    """The expression as evaluated by a function of that module."""
    return eval(expression, {"__name__": module, "os": os, "random": random, "uuid": uuid})  # noqa: S307  # a frame of that module


SHUFFLED = list(range(20))


def shuffled() -> list[int]:
    cards = list(SHUFFLED)
    random.shuffle(cards)
    return cards


DRAWS: dict[str, Callable[[], Any]] = {
    "os.urandom": lambda: os.urandom(12),
    "uuid.uuid1": lambda: uuid.uuid1(),
    "uuid.uuid1 of a node": lambda: uuid.uuid1(node=1, clock_seq=2),
    "uuid.uuid4": uuid.uuid4,
    "secrets.token_bytes": secrets.token_bytes,
    "secrets.token_hex": secrets.token_hex,
    "secrets.token_urlsafe": lambda: secrets.token_urlsafe(20),
    "secrets.randbelow": lambda: secrets.randbelow(10**9),
    "secrets.choice": lambda: secrets.choice(range(10**6)),
    "secrets.randbits": lambda: secrets.randbits(70),
    "random.random": lambda: random.random(),
    "random.randint": lambda: random.randint(1, 10**6),
    "random.randrange": lambda: random.randrange(10**9),
    "random.choice": lambda: random.choice("abcdefghijklmnopqrstuvwxyz"),
    "random.choices": lambda: random.choices("abcdef", k=12),
    "random.shuffle": shuffled,
    "random.sample": lambda: random.sample(range(1000), 10),
    "random.uniform": lambda: random.uniform(1, 2),
    "random.triangular": lambda: random.triangular(),
    "random.gauss": lambda: [random.gauss(0, 1) for _ in range(3)],
    "random.normalvariate": lambda: random.normalvariate(0, 1),
    "random.getrandbits": lambda: random.getrandbits(100),
    "random.randbytes": lambda: random.randbytes(9),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
    "random.Random without a seed": lambda: random.Random().random(),
    "uuid4 taken early": early_uuid4,
    "uuid1 taken early": lambda: early_uuid1(),
    "os.urandom taken early": lambda: early_urandom(12),
    "random.random taken early": lambda: early_random(),
    "random.choice taken early": lambda: early_choice("abcdefghijklmnopqrstuvwxyz"),
    "SystemRandom made early": lambda: early_system_random.randint(1, 10**9),
    **({"os.getrandom": lambda: os.getrandom(12)} if hasattr(os, "getrandom") else {}),
    # since Python 3.14
    **{
        f"uuid.{name}": functools.partial(lambda name: getattr(uuid, name)(), name)
        for name in ("uuid6", "uuid7")
        if hasattr(uuid, name)
    },
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_what_was_recorded_is_replayed(draw: Callable[[], Any]) -> None:
    recording = recorder()
    recorded = drawn_in(recording, lambda: [draw(), draw()])
    written = [(event.source, values.dumps(event.value), event.lane) for event in recording.events()]
    replaying = session(*(Event(source, values.loads(text), lane) for source, text, lane in written))
    replayed = drawn_in(replaying, lambda: [draw(), draw()])
    assert replayed == recorded
    assert [type(value) for value in replayed] == [type(value) for value in recorded]
    assert (replaying.remaining(), replaying.invented) == ({}, 0)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_what_was_not_recorded_repeats_in_every_replay_of_the_cassette(draw: Callable[[], Any]) -> None:
    def of(trace_id: str) -> Any:
        value = drawn_in(session(trace_id=trace_id), lambda: [draw() for _ in range(3)])
        return [each.int & (1 << 64) - 1 if type(each) is uuid.UUID else each for each in value]

    assert of("4bf9") == of("4bf9")
    assert of("4bf9") != of("8a3c")


@given(st.data())
def test_any_numbers_come_back(data: st.DataObject) -> None:
    entropy.install()
    recorded = [
        Event("uuid.uuid4@tests", uuid.UUID(int=data.draw(st.integers(0, 2**128 - 1)), version=4), 0),
        Event("os.urandom(5)@tests", data.draw(st.binary(min_size=5, max_size=5)), 0),
        Event("random.getrandbits(90)@tests", data.draw(st.integers(0, 2**90 - 1)), 0),
        Event("random.random@tests", data.draw(st.floats(0, 1, exclude_max=True)), 0),
    ]
    events = [Event(event.source, values.loads(values.dumps(event.value)), 0) for event in recorded]
    with drawing_from(session(*events)):
        given_ = [uuid.uuid4(), os.urandom(5), random.getrandbits(90), random.random()]
    assert given_ == [event.value for event in recorded]


def test_a_value_is_noted_once_under_the_outermost_function() -> None:
    recording = recorder()
    with drawing_from(recording):
        made = uuid.uuid4()
        token = secrets.token_hex(8)
        raw = os.urandom(3)
    assert recording.events() == (
        Event("uuid.uuid4@tests", made, 0),
        Event("secrets.token_hex(8)@tests", bytes.fromhex(token), 0),
        Event("os.urandom(3)@tests", raw, 0),
    )


def test_the_apps_own_objects_are_chosen_not_copied() -> None:
    orders = [object(), object(), object()]
    recording = recorder()
    chosen = drawn_in(recording, lambda: [random.choice(orders) for _ in range(5)])
    again = drawn_in(session(*recording.events()), lambda: [random.choice(orders) for _ in range(5)])
    assert [orders.index(each) for each in again] == [orders.index(each) for each in chosen]


def test_values_of_another_size_are_not_given() -> None:
    recorded = Event("os.urandom(16)@tests", b"sixteen bytes ok", 0)
    with drawing_from(session(recorded)):
        assert (len(os.urandom(32)), os.urandom(16)) == (32, b"sixteen bytes ok")


@pytest.mark.parametrize("value", ["[redacted]", None, b"short", 7], ids=repr)
def test_what_cannot_be_a_value_in_a_cassette_is_passed_over(value: object) -> None:
    sources = ["os.urandom(16)@tests", "uuid.uuid4@tests", "uuid.uuid1@tests", "random.random@tests"]
    replaying = session(*(Event(source, value, 0) for source in sources))
    with drawing_from(replaying):
        made = (len(os.urandom(16)), uuid.uuid4().version, uuid.uuid1().version, type(random.random()))
    assert made == (16, 4, 1, float)
    assert replaying.invented == 4


def test_a_generator_with_a_seed_of_its_own_is_its_own() -> None:
    recording = recorder()
    expected = random.Random(42).random()
    with drawing_from(recording):
        assert random.Random(42).random() == expected
    assert recording.events() == ()


def test_recording_changes_no_sequence_that_the_app_seeded() -> None:
    def sequence() -> list[Any]:
        random.seed(7)
        return [random.gauss(0, 1), random.gauss(0, 1), random.random(), shuffled(), random.getrandbits(9)]

    without = sequence()
    assert drawn_in(recorder(), sequence) == without


@pytest.mark.parametrize(
    "module", ["opentelemetry.sdk.trace", "asyncio.events", "tempfile", "wrapt", "hypothesis"]
)
def test_the_machinery_draws_for_itself(module: str) -> None:
    recording = recorder()
    with drawing_from(recording):
        asked_by(module, "os.urandom(4), random.random(), random.getrandbits(64), uuid.uuid4(), uuid.uuid1()")
    assert recording.events() == ()


def test_span_ids_stay_unique_in_replays_side_by_side() -> None:
    def ids() -> tuple[int, int]:
        generator = RandomIdGenerator()
        return generator.generate_trace_id(), generator.generate_span_id()

    assert drawn_in(session(), ids) != drawn_in(session(), ids)


def test_a_library_that_draws_more_often_does_not_shift_the_apps_values() -> None:
    first, second = uuid.UUID(int=1, version=4), uuid.UUID(int=2, version=4)
    with drawing_from(session(Event("uuid.uuid4@tests", first, 0), Event("uuid.uuid4@tests", second, 0))):
        assert uuid.uuid4() == first
        asked_by("httpx._multipart", "uuid.uuid4()")
        assert uuid.uuid4() == second


def test_each_lane_has_its_own_values() -> None:
    lane = 1
    events = [Event("random.random@tests", 0.25, 2), Event("random.random@tests", 0.125, 1)]
    replaying = ValueReplayer(events, lane=lambda: lane, trace_id="4bf9", start_ns=0)
    with drawing_from(replaying):
        first = random.random()
        lane = 2
        assert (first, random.random()) == (0.125, 0.25)


def test_what_one_task_alone_drew_is_for_a_task_of_another_number() -> None:
    lane = 7
    events = [
        *(Event("random.random@tests", value, 4) for value in (0.25, 0.5)),
        *(Event("random.getrandbits(8)@tests", value, lane) for lane, value in ((0, 1), (4, 2))),
        Event("uuid.uuid4@tests", uuid.UUID(int=9, version=4), 0),
    ]
    replaying = ValueReplayer(events, lane=lambda: lane, trace_id="4bf9", start_ns=0)
    with drawing_from(replaying):
        assert random.random() == 0.25
        lane = 8  # which comes too late for it
        assert random.random() not in (0.25, 0.5)
        lane = 7
        assert random.random() == 0.5
        assert replaying.invented == 1
        random.getrandbits(8)  # of two tasks: which of them would it be?
        uuid.uuid4()  # the request's own
        assert replaying.invented == 3
        lane = 0
        assert (random.getrandbits(8), uuid.uuid4()) == (1, uuid.UUID(int=9, version=4))


def test_sessions_in_threads_side_by_side_have_their_own_values() -> None:
    both_inside = threading.Barrier(2)
    tokens = [[uuid.UUID(int=number, version=4) for number in range(start, start + 3)] for start in (10, 20)]

    def replay(mine: list[uuid.UUID]) -> list[uuid.UUID]:
        with drawing_from(session(*(Event("uuid.uuid4@tests", each, 0) for each in mine))):
            made = []
            for _ in mine:
                both_inside.wait(60)
                made.append(uuid.uuid4())
            return made

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(replay, tokens)) == tokens


def test_sessions_in_tasks_side_by_side_have_their_own_values() -> None:
    tokens = [[uuid.UUID(int=number, version=4) for number in range(start, start + 3)] for start in (10, 20)]

    async def draw() -> uuid.UUID:
        await asyncio.sleep(0)
        return uuid.uuid4()

    async def replay(mine: list[uuid.UUID]) -> list[uuid.UUID]:
        with drawing_from(session(*(Event("uuid.uuid4@tests", each, 0) for each in mine))):
            return [
                await draw(),
                await asyncio.create_task(draw()),
                await asyncio.to_thread(lambda: uuid.uuid4()),
            ]

    async def both() -> list[list[uuid.UUID]]:
        return await asyncio.gather(*(replay(mine) for mine in tokens))

    assert asyncio.run(both()) == tokens


def test_the_spare_number_of_gauss_is_not_shared_between_sessions() -> None:
    recording = recorder()
    recorded = drawn_in(recording, lambda: [random.gauss(0, 1), random.gauss(0, 1)])
    random.gauss(0, 1)  # leaves a spare
    assert (
        drawn_in(session(*recording.events()), lambda: [random.gauss(0, 1), random.gauss(0, 1)]) == recorded
    )


def test_errors_are_the_functions_own() -> None:
    calls: list[Callable[[], Any]] = [
        lambda: os.urandom(-1),
        lambda: os.urandom("1"),  # type: ignore[arg-type]  # an error is what is wanted
        lambda: random.getrandbits(-1),
        lambda: random.getrandbits("1"),  # type: ignore[arg-type]  # as above
        lambda: random.choice([]),
    ]

    def errors() -> list[tuple[type[Exception], str]]:
        return [(info.type, str(info.value)) for info in map(_raised, calls)]

    recorded, replayed = drawn_in(recorder(), errors), drawn_in(session(), errors)
    entropy.uninstall()
    assert recorded == replayed == errors()


def _raised(call: Callable[[], Any]) -> pytest.ExceptionInfo[Exception]:
    with pytest.raises((TypeError, ValueError, IndexError, OSError)) as info:
        call()
    return info


def test_what_is_noted_of_one_trace_is_bounded() -> None:
    recording = recorder(limit=3)
    made = drawn_in(recording, lambda: [random.random() for _ in range(5)])
    assert [event.value for event in recording.events()] == made[:3]
    assert recording.dropped == 2


def test_of_a_large_value_only_its_place_is_kept() -> None:
    recording = recorder()
    with drawing_from(recording):
        large, small = os.urandom(MAX_VALUE_BYTES + 1), os.urandom(1)
    assert len(large) == MAX_VALUE_BYTES + 1
    assert recording.events() == (
        Event(f"os.urandom({MAX_VALUE_BYTES + 1})@tests", None, 0),
        Event("os.urandom(1)@tests", small, 0),
    )
    assert recording.dropped == 1


def test_a_lane_that_cannot_be_told_does_not_reach_the_app() -> None:
    def broken() -> int:
        raise RuntimeError("no lanes")

    with drawing_from(ValueRecorder(broken)):
        assert len(os.urandom(4)) == 4


def test_uninstalling_gives_everything_back() -> None:
    entropy.install()
    entropy.uninstall()
    entropy.uninstall()
    assert type(os.urandom).__name__ == type(random.random).__name__ == "builtin_function_or_method"
    assert os.urandom is early_urandom is sys.modules["posix"].urandom
    assert random.random is early_random
    assert (uuid.uuid1 is early_uuid1, uuid.uuid1.__module__) == (True, "uuid")
    assert type(random._inst) is random.Random  # what random.choice is bound to
    recording = recorder()
    drawn_in(recording, lambda: [draw() for draw in DRAWS.values()])
    assert recording.events() == ()


def test_a_copy_of_the_shared_generator_is_an_ordinary_one() -> None:
    copied = copy.deepcopy(random._inst)  # what random.choice is bound to
    assert type(copied) is random.Random
    assert copied.getstate() == random.getstate()


@pytest.mark.parametrize("version", [1, 6, 7])
@given(nanoseconds=st.integers(0, 4_000_000_000 * 10**9), seed=st.integers())
def test_a_made_up_uuid_is_of_its_version_and_time(version: int, nanoseconds: int, seed: int) -> None:
    made = time_uuid(version, nanoseconds, random.Random(seed))
    later = time_uuid(version, nanoseconds + 10**6, random.Random(seed))
    assert (made.version, made.variant) == (version, uuid.RFC_4122)
    assert later.time > made.time if version == 1 else later > made
    if version == 1:
        assert made.time == nanoseconds // 100 + 0x01B21DD213814000
