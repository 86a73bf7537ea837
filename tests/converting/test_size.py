"""However many spans, in whatever order and by whoever the work is done: the same store."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from benchmarks.converting import endless, lines
from tests.converting.begun import wait_for, work
from tests.converting.conftest import Run, cassettes, contents
from timetracer_otel.converters import converting, inputs, spilling, tasks
from timetracer_otel.converters.converting import Converted, convert
from timetracer_otel.converters.executors import Dask, Executor, Processes
from timetracer_otel.converters.inputs import find
from timetracer_otel.converters.tasks import Store
from timetracer_otel.errors import ConfigurationError

TRACES, SPANS = 60, 12


@pytest.fixture
def traces(directory: Path) -> Path:
    """Many traces, their spans mixed, with a damaged line among them."""
    found = list(lines(TRACES, SPANS))
    path = Path("traces.jsonl")
    path.write_bytes(b"".join([*found[:1], b"{damaged\n", *found[1:]]))
    return path


@pytest.fixture
def expected(traces: Path, run: Run) -> dict[str, bytes]:
    """What one process makes of them in memory."""
    done = run("convert", traces, "-o", "expected")
    assert done.exit_code == 0, done.output
    assert len(cassettes("expected")) == 2 * TRACES
    return contents("expected")


def test_order_says_nothing(traces: Path, expected: dict[str, bytes], run: Run) -> None:
    shuffled = traces.read_bytes().splitlines(keepends=True)
    random.Random(7).shuffle(shuffled)  # noqa: S311  # no secret
    Path("shuffled.jsonl").write_bytes(b"".join(shuffled))
    run("convert", "shuffled.jsonl", "-o", "store")
    assert contents("store") == expected


def test_what_does_not_fit_in_memory_waits_on_disk(
    traces: Path, expected: dict[str, bytes], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "MEMORY", 50_000)
    monkeypatch.setattr(converting, "BATCH", 1000)  # every part has to be dealt out again
    batches: list[int] = []
    write = spilling.batches

    def noting(*arguments: object) -> Iterator[list[object]]:
        for runs in write(*arguments):  # type: ignore[arg-type]  # passed on as they are
            batches.append(len({run.trace_id for run in runs}))
            yield list(runs)

    monkeypatch.setattr(converting, "batches", noting)
    assert run("convert", traces, "-o", "store").exit_code == 0
    assert sum(batches) == TRACES
    assert len(batches) > TRACES // 2
    assert contents("store") == expected


_MEASURED = """
import sys
from timetracer_otel.cli import cli
from timetracer_otel.converters import converting, spilling
# a part is dealt out again and again: if one hash decided each time, it would stay whole and be read as one
converting.MEMORY, converting.BATCH, converting.PARTS, spilling._WAYS = 1_000_000, 250_000, 2, 2
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak(megabytes: int) -> int:
    """Megabytes of memory that a conversion of so many took which may hold one at a time."""
    path = Path(f"{megabytes}.jsonl")
    with path.open("wb") as file:
        for block in endless(SPANS):
            file.write(block)
            if file.tell() > megabytes * 1_000_000:
                break
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, "convert", path, "-o", f"store{megabytes}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1]) // 1000


def test_memory_does_not_grow_with_the_input() -> None:
    assert peak(20) <= peak(4) + 5


def test_processes_share_the_work(
    traces: Path, expected: dict[str, bytes], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_PIECE", 100_000)
    done = run("convert", traces, "-o", "store", "--workers", "2")
    assert done.exit_code == 0, done.output
    assert contents("store") == expected
    assert done.stderr == run("convert", traces, "-o", "again").stderr  # the line's number too


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Dask cluster with two processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as running:  # type: ignore[no-untyped-call]  # it has none
        yield running.scheduler_address


def test_a_dask_cluster_shares_the_work(
    traces: Path, expected: dict[str, bytes], cluster: str, run: Run
) -> None:
    pieces = traces.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(pieces):
        Path(f"piece{number}.jsonl").write_bytes(line)
    done = run(
        *("convert", *(Path(f"piece{number}.jsonl").absolute() for number in range(len(pieces)))),
        *("-o", Path("store").absolute(), "--dask", cluster),
    )
    assert done.exit_code == 0, done.output
    assert contents("store") == expected


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ConfigurationError, match=r"--dask tcp://127\.0\.0\.1:1: no scheduler there"):
        Dask("tcp://127.0.0.1:1", patience=0.5)


@contextmanager
def shared_by(workers: str, cluster: str) -> Iterator[Executor]:
    """Two processes of this machine, of a pool or of a cluster."""
    if workers == "processes":
        with Processes(2) as processes:
            yield processes
        return
    with Dask(cluster) as dask:
        yield dask


class Interrupting:
    """Progress that is interrupted, as by Ctrl-C, after some cassettes were written."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._writing = False

    def begin(self, what: str, total: int | None) -> None:
        self._writing = what == "writing"

    def advance(self, amount: int, spans: int = 0) -> None:
        if self._writing:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt


def test_an_interruption_loses_nothing_written(traces: Path, expected: dict[str, bytes], run: Run) -> None:
    converted = Converted()
    with pytest.raises(KeyboardInterrupt):
        convert(
            find([str(traces)]),
            Store("store", "json", "none", redact=True),
            progress=Interrupting(20),
            converted=converted,
        )
    before = contents("store")
    assert len(before) == converted.written.cassettes == 40
    assert before.items() <= expected.items()
    assert run("convert", traces, "-o", "store").exit_code == 0
    assert contents("store") == expected


def test_an_interruption_counts_what_processes_write_meanwhile(
    traces: Path, expected: dict[str, bytes]
) -> None:
    converted = Converted()
    with Processes(2) as executor, pytest.raises(KeyboardInterrupt):
        convert(
            find([str(traces.absolute())]),
            Store(str(Path("store").absolute()), "json", "none", redact=True),
            progress=Interrupting(5),
            executor=executor,
            converted=converted,
        )
    before = contents("store")
    assert 0 < len(before) == converted.written.cassettes < len(expected)
    assert before.items() <= expected.items()
    assert list(Path("store").glob(".*")) == []


@pytest.mark.parametrize("workers", ["processes", "dask"])
def test_what_had_begun_when_it_is_interrupted_is_done_and_counted(
    workers: str, cluster: str, tmp_path: Path
) -> None:
    """The others have begun and cannot be done before the interruption: who does not wait counts one."""
    done = []

    def interrupted(number: int, result: int) -> None:
        done.append(result)
        if not number:
            wait_for(tmp_path, "begun-[1-9]*")
            (tmp_path / "go on").touch()
            raise KeyboardInterrupt

    with shared_by(workers, cluster) as executor, pytest.raises(KeyboardInterrupt):
        converting._spread(executor, work, [(str(tmp_path), number) for number in range(20)], interrupted)

    assert sorted(f"begun-{number}" for number in done) == sorted(
        path.name for path in tmp_path.glob("begun-*")
    )
    assert len(done) > 1


def test_what_a_killed_conversion_left_is_removed(traces: Path, run: Run) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (ended.pid, os.getppid()):
        Path(f"store/{converting._SCRATCH}{pid}/0").mkdir(parents=True)
    assert run("convert", traces, "-o", "store").exit_code == 0
    hidden = [path.name for path in Path("store").glob(".*")]
    assert hidden == [f"{converting._SCRATCH}{os.getppid()}"]  # that one is alive


def test_a_trace_of_too_many_spans_costs_no_other(
    traces: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = tasks.Store.assembler

    def small(self: Store, selection: object) -> object:
        made = limits(self, selection)  # type: ignore[arg-type]  # passed on as it is
        made._limits = msgspec.structs.replace(made._limits, max_spans=SPANS)
        return made

    monkeypatch.setattr(tasks.Store, "assembler", small)
    from benchmarks.converting import trace
    from timetracer_otel.formats import encode

    with traces.open("ab") as file:
        file.write(encode(trace(1000, SPANS + 1)))
    done = run("convert", traces, "-o", "store")
    assert f"it has more spans than {SPANS}" in done.stderr
    assert len(cassettes("store")) == 2 * TRACES
