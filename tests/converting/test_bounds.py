"""What a conversion remembers has a bound, however much it meets."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from timetracer_otel.converters.assembling import MAX_PROBLEMS, Assembled
from timetracer_otel.converters.names import Names


def test_of_many_problems_the_first_are_named_and_all_are_counted() -> None:
    found = Assembled()
    for number in range(MAX_PROBLEMS + 5):
        found.failed(f"trace {number}: too large")
    of_another = Assembled()
    of_another.failed("trace 7: too deep")
    found.add(of_another)
    assert found.unwritten == MAX_PROBLEMS + 6
    assert found.problems == [f"trace {number}: too large" for number in range(MAX_PROBLEMS)]


def test_problems_of_several_processes_are_added_up_to_the_bound() -> None:
    found, other = Assembled(), Assembled()
    for number in range(MAX_PROBLEMS - 1):
        found.failed(f"a {number}")
    for number in range(3):
        other.failed(f"b {number}")
    found.add(other)
    assert found.problems[-2:] == [f"a {MAX_PROBLEMS - 2}", "b 0"]
    assert (len(found.problems), found.unwritten) == (MAX_PROBLEMS, MAX_PROBLEMS + 2)


def test_names_that_were_there_are_found_and_a_folder_is_listed_once() -> None:
    listed: list[str] = []

    def names(folder: str) -> Iterator[str]:
        listed.append(folder)
        yield from {"store/2026-11-20": ["a.json", "b.json"]}.get(folder, [])

    known = Names(names)
    assert known.may_hold(("store/2026-11-20/x.json", "store/2026-11-20/b.json"))
    assert known.may_hold(("store/2026-11-20/a.json",))
    assert not known.may_hold(("store/2026-11-21/a.json",))
    assert listed == ["store/2026-11-20", "store/2026-11-21"]


def test_of_a_folder_of_too_many_names_each_is_asked_for() -> None:
    known = Names(lambda folder: map(str, range(11)), most=10)
    assert known.may_hold(("store/other",))


def test_as_many_names_as_are_listed_take_a_megabyte() -> None:
    known = Names(lambda folder: (f"POST__checkout__{number:016x}.json" for number in range(100_000)))
    tracemalloc.start()
    try:
        assert known.may_hold(("store/POST__checkout__0000000000000001.json",))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
