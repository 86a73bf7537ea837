"""Which recorded comparison is whose: those that were not written count, and are bounded."""

from __future__ import annotations

import pytest

from timetracer_otel import values
from timetracer_otel.nondeterminism.comparisons import (
    COMPARES,
    Comparison,
    MissingBefore,
    Recorded,
    noted,
    restored,
)


def test_what_is_written_says_how_many_were_not() -> None:
    written = noted(Recorded(good=True, signed=False), after=2)
    assert (written, restored(written)) == ({"value": True, "after": 2}, Recorded(good=True, signed=False))
    assert list(MissingBefore()(COMPARES, written)) == [None, None]
    signed = noted(Recorded(good=True, signed=True), after=0)
    assert (signed, restored(signed).signed) == ({"value": True, "signed": True}, True)


@pytest.mark.parametrize("after", [-1, 10**9, True, "2", None, 1.5])
def test_a_number_that_nobody_wrote_is_none(after: object) -> None:
    assert list(MissingBefore()(COMPARES, {"value": True, "after": after})) == []


def test_all_of_a_cassette_are_bounded() -> None:
    missing = MissingBefore()
    assert sum(len(list(missing(COMPARES, {"after": 3000}))) for _ in range(100)) == 9000


@pytest.mark.parametrize("noted", [{}, {"value": 1}, [True], "yes"])
def test_what_no_comparison_came_to_is_refused(noted: object) -> None:
    with pytest.raises(ValueError, match="not what a comparison came to"):
        restored(noted)


def test_what_was_compared_is_never_written() -> None:
    assert "S3same" not in values.dumps(Comparison(True, ("S3same-one", b"S3same-one")))
