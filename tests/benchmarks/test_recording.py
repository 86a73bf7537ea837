"""The recording benchmark runs; its figures are not looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from benchmarks import recording


def names(lines: Sequence[str]) -> list[str]:
    """Lines of a table without their numbers."""
    return [re.split(r"  +", line.strip())[0] for line in lines if line]


@pytest.mark.slow
def test_the_variants_are_asked_in_turn_and_compared() -> None:
    variants = ("bare", "stock", "stock-whole", "ours")
    lines = recording.report(variants, ("order",), rounds=1, seconds=0.02)

    assert names(lines) == [
        "recording GET /order/2",
        "requests a second",
        *variants,
        "ours / stock, requests a second",
        "stock / ours, CPU a request",
        "ours / stock-whole, requests a second",
        "stock-whole / ours, CPU a request",
        "ours / bare, requests a second",
        "bare / ours, CPU a request",
        "kept, of the requests answered",
        "stock",
        "stock-whole",
        "ours",
        "bytes of a cassette",
        *(
            f"GET /order/{{number}}, {encoding}, {compression}"
            for encoding in ("json", "protobuf")
            for compression in ("none", "gzip", "zstd")
        ),
    ]
    kept = next(line for line in lines if "budget 1.000" in line)
    assert kept.split() == ["ours", "1.000", "budget", "1.000"]
