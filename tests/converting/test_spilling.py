"""What waits on disk comes back in batches of whole traces, none larger than it may be."""

from __future__ import annotations

from pathlib import Path

from timetracer_otel.converters.runs import Origin, Piece, Run
from timetracer_otel.converters.spilling import SPAN, Parts, batches, size_of
from timetracer_otel.formats.limits import Limits

ORIGIN = Origin(b"{}", "", b"{}", "")
TRACES, PIECES, RAW = 3_000, 4, b'"' + b"x" * 98 + b'"'
MEMORY = 40_000


def run(trace: int, first: int = 0, count: int = PIECES) -> Run:
    pieces = [Piece(f"{number:016x}", "", 2, 0, 1, 2, False, RAW) for number in range(first, first + count)]
    return Run(f"{trace:032x}", ORIGIN, pieces, marked=False)


def parts(folder: Path, runs: list[Run], count: int) -> list[Path]:
    """The files of runs dealt out, each run as it comes."""
    found = Parts(folder / "parts", count, MEMORY)
    for one in runs:
        found.add([one], size_of([one]))
    found.flush()
    return list(found.files())


def test_a_part_that_is_too_large_is_dealt_out_again_and_again(tmp_path: Path) -> None:
    halves = [run(trace, half, PIECES // 2) for half in (0, PIECES // 2) for trace in range(TRACES)]
    seen: list[int] = []
    sizes: list[int] = []
    for path in parts(tmp_path, halves, 2):
        for batch in batches([path], MEMORY, tmp_path / f"again-{path.name}", 2):
            traces = {one.trace_id for one in batch}
            assert sum(len(one.pieces) for one in batch) == PIECES * len(traces)  # they are whole
            seen += [int(trace, 16) for trace in traces]
            sizes.append(size_of(batch) - SPAN * PIECES * len(traces))
    assert sorted(seen) == list(range(TRACES))
    assert max(sizes) <= MEMORY
    assert not [path for path in tmp_path.rglob("again-*/**/*") if path.is_file()]


def test_a_trace_too_large_for_a_batch_is_a_batch_of_its_own(tmp_path: Path) -> None:
    runs = [run(trace) for trace in range(200)] + [run(7, first, 100) for first in range(0, 1000, 100)]
    (path,) = parts(tmp_path, runs, 1)
    found = list(batches([path], MEMORY, tmp_path / "again", 1))
    large = next(batch for batch in found if any(int(one.trace_id, 16) == 7 for one in batch))
    assert {int(one.trace_id, 16) for one in large} == {7}
    # what was sent twice is there once
    assert sorted(piece.span_id for one in large for piece in one.pieces) == [
        f"{number:016x}" for number in range(1000)
    ]
    assert sorted({int(one.trace_id, 16) for batch in found for one in batch}) == list(range(200))


def test_of_a_trace_that_nobody_can_hold_only_so_much_is_held(tmp_path: Path) -> None:
    (path,) = parts(tmp_path, [run(7, first, 100) for first in range(0, 10_000, 100)], 1)
    (batch,) = batches([path], MEMORY, tmp_path / "again", 1, Limits(max_spans=1_000))
    assert sum(len(one.pieces) for one in batch) == 1_100
    (batch,) = batches([path], MEMORY, tmp_path / "again", 1, Limits(max_bytes=50_000))
    assert sum(len(one.pieces) for one in batch) == 600
