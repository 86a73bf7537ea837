"""Of calls that asked the same: which one is nearest, and how many are looked at to find it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.replaying.recorded import REDACTOR, Made, calls, get
from timetracer_otel.cassette import Call
from timetracer_otel.messages import HttpRequest, HttpResponse, SqlResult, SqlStatement
from timetracer_otel.replayers.matching import Matcher, RecordedCalls

paths = st.sampled_from(["", "pricing", "shipping"])
places = st.tuples(paths, st.sampled_from(["shop", "stock"]), st.integers(0, 2))


def path(below: str) -> tuple[str, ...]:
    return ("", below) if below else ("",)


@given(st.lists(places, max_size=10), st.lists(st.tuples(st.booleans(), places), max_size=12), st.booleans())
def test_the_nearest_in_place_then_database_then_lane_then_order_answers(
    recorded: list[tuple[str, str, int]], live: list[tuple[bool, tuple[str, str, int]]], reuse: bool
) -> None:
    made = [
        Made(SqlStatement("SELECT 1", namespace=database), SqlResult(), lane=lane, below=below)
        for below, database, lane in recorded
    ]
    matcher = Matcher(RecordedCalls(calls(*made)), REDACTOR, reuse=reuse)
    left = list(enumerate(recorded, start=1))
    for known, (below, database, lane) in live:
        match = matcher.match(
            SqlStatement("SELECT 1", namespace=database), path(below) if known else None, lane
        )
        best = min(
            (
                (known and below != its_below, database != its_database, lane != its_lane, index)
                for index, (its_below, its_database, its_lane) in left
            ),
            default=None,
        )
        if best is None:
            assert match is None
        else:
            assert match is not None
            assert (match.call.index, match.grade.value) == (best[-1], "moved" if best[0] else "exact")
            left = [one for one in left if reuse or one[0] != best[-1]]


class Counted(Call):
    """A call that counts how often its place is asked for."""

    asked = 0

    def __init__(self, call: Call) -> None:
        self._path: tuple[str, ...]
        super().__init__(call.span, call.path)

    @property
    def path(self) -> tuple[str, ...]:
        Counted.asked += 1
        return self._path

    @path.setter
    def path(self, value: tuple[str, ...]) -> None:
        self._path = value


def looked_at(number: int, *, backwards: bool) -> int:
    """Recorded calls that are looked at while that many equal ones are answered."""
    Counted.asked = 0
    recorded = [Counted(call) for call in calls(*(get("/EUR", lane=lane) for lane in range(number)))]
    matcher = Matcher(RecordedCalls(recorded), REDACTOR)
    lanes = range(number)[::-1] if backwards else [7_000] * number
    for lane in lanes:
        assert matcher.match(HttpRequest("GET", "http://rates/EUR"), ("",), lane) is not None
    return Counted.asked


def test_a_call_among_many_equal_ones_is_found_as_soon_as_among_few() -> None:
    for backwards in (True, False):
        assert looked_at(300, backwards=backwards) == 10 * looked_at(30, backwards=backwards)


def test_requests_with_bodies_that_were_not_recorded_are_read_once() -> None:
    reads = 0

    class Request(HttpRequest):
        def canonical(self) -> dict[str, object]:
            nonlocal reads
            reads += 1
            return super().canonical()

    recorded = calls(
        *(Made(HttpRequest("PUT", f"http://rates/{n}", [], None), HttpResponse(204)) for n in range(50))
    )
    for call in recorded:
        asked = call.request
        assert isinstance(asked, HttpRequest)
        call.request = Request(asked.method, asked.url, asked.headers, None)
    matcher = Matcher(RecordedCalls(recorded), REDACTOR)
    for number in range(50):
        assert matcher.match(HttpRequest("PUT", f"http://rates/{number}", [], b"large"), ("",), 0) is not None
    assert reads == 2 * 50  # for its key, and to see that it lacks something
