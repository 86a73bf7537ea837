"""A conversion from beginning to end."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from timetracer_otel.converters.assembling import MAX_PROBLEMS, Assembled
from timetracer_otel.converters.executors import Executor
from timetracer_otel.converters.inputs import STDIN, Input, pieces
from timetracer_otel.converters.reading import Kind
from timetracer_otel.converters.selecting import Selection
from timetracer_otel.converters.spilling import Parts, abandoned, batches, remove
from timetracer_otel.converters.tasks import (
    BATCH,
    MEMORY,
    PARTS,
    Problem,
    Reading,
    Store,
    WasRead,
    Writing,
    deal_out,
    read_input,
    write_part,
)
from timetracer_otel.errors import ConversionError

T = TypeVar("T")
R = TypeVar("R")

_SCRATCH: Final = f".converting-{platform.node()[:40]}-"


class Progress(Protocol):
    """Told how far a conversion is."""

    def begin(self, what: str, total: int | None) -> None:
        """A step begins.

        Args:
            what: a word or two.
            total: how much there is to do; ``None`` where nobody knows.
        """
        ...

    def advance(self, amount: int, spans: int = 0) -> None:
        """So much more of it is done, with so many spans."""
        ...


class Converted(msgspec.Struct):
    """What a conversion came to.

    Attributes:
        read: what became of the inputs.
        written: what became of the traces.
    """

    read: WasRead = msgspec.field(default_factory=WasRead)
    written: Assembled = msgspec.field(default_factory=Assembled)


def convert(
    inputs: Sequence[Input],
    store: Store,
    *,
    kind: Kind = "auto",
    selection: Selection | None = None,
    strict: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
    on_problem: Callable[[Problem], None] | None = None,
    converted: Converted | None = None,
) -> Converted:
    """Turn traces into cassettes.

    Spans of a trace may be anywhere in the inputs. What waits for the rest of its trace is written to a
    hidden folder of the store when it is more than fits in memory.

    Args:
        inputs: see :func:`~timetracer_otel.converters.inputs.find`.
        store: where to.
        kind: what the inputs are; by default the content of each says so.
        selection: which cassettes; all by default.
        strict: end with the first thing that cannot be read, before anything is written.
        executor: does the work; this process by default.
        progress: told how far it is.
        on_problem: told of each thing that could not be read, as it is met.
        converted: takes what it came to, so that it is there after an interruption too.

    Raises:
        ConversionError: the store cannot be written; with ``strict`` something could not be read.
    """
    if os.path.isfile(store.path):  # said now, not when all is read
        raise ConversionError(
            f"{store.path}: it cannot be written: a file, where a folder of cassettes is to be"
        )
    work = _Conversion(store, kind, selection or Selection(), strict, progress, on_problem)
    if converted is not None:
        work.converted = converted
    with _scratch(store.path) as scratch:
        if executor is None:
            work.alone(inputs, scratch)
        else:
            work.shared(inputs, scratch, executor)
    return work.converted


class _Conversion:
    def __init__(
        self,
        store: Store,
        kind: Kind,
        selection: Selection,
        strict: bool,  # ours alone
        progress: Progress | None,
        on_problem: Callable[[Problem], None] | None,
    ) -> None:
        self._store = store
        self._kind: Kind = kind
        self._selection = selection
        self._strict = strict
        self._progress = progress
        self._on_problem = on_problem
        self.converted = Converted()

    def alone(self, inputs: Sequence[Input], scratch: Path) -> None:
        """All in this process; small inputs never touch the disk on their way."""
        self._begin("reading", sum(one.size for one in inputs) or None)
        parts = Parts(scratch / "0", PARTS, MEMORY)
        with _writing(self._store.path):
            for number, one in enumerate(inputs):
                self._took(deal_out(self._reading(one, number, scratch), parts, self._advance))
            runs = parts.in_memory
            assembler = self._store.assembler(self._selection)
            written = self.converted.written
            self._begin("writing", self.converted.read.spans)
            if runs is not None:
                assembler.write(runs, self._count, written)
                return
            parts.flush()
            for path in parts.files():
                for batch in batches([path], BATCH, scratch / f"again-{path.name}", PARTS):
                    assembler.write(batch, self._count, written)
                path.unlink()

    def shared(self, inputs: Sequence[Input], scratch: Path, executor: Executor) -> None:
        """By an executor; what comes from standard input is read here."""
        ranges = pieces(inputs)
        tasks = [self._reading(one, number, scratch) for number, one in enumerate(ranges)]
        results: dict[int, WasRead] = {}
        self._begin("reading", sum(one.size for one in ranges) or None)
        for task in tasks:
            if task.input.path == STDIN:
                results[task.number] = read_input(task)
        others = [task for task in tasks if task.input.path != STDIN]

        def was_read(place: int, result: WasRead) -> None:
            results[others[place].number] = result
            self._advance(others[place].input.size, result.spans)

        _spread(executor, read_input, others, was_read)
        lines = 0
        for number, one in enumerate(ranges):
            lines = lines if one.begin else 0
            self._took(_moved(results[number], lines))
            lines += results[number].lines
        files: dict[int, list[str]] = {}
        for number in range(len(ranges)):
            for part in results[number].files:
                files.setdefault(part, []).append(str(scratch / str(number) / str(part)))
        self._begin("writing", self.converted.read.spans)
        writings = [
            Writing(names, str(scratch / f"again-{part}"), self._store, self._selection)
            for part, names in sorted(files.items())
        ]

        def was_written(_: int, assembled: Assembled) -> None:
            self.converted.written.add(assembled)
            self._advance(assembled.spans, assembled.spans)

        try:
            _spread(executor, write_part, writings, was_written)
        finally:
            self.converted.written.problems.sort()

    def _reading(self, one: Input, number: int, scratch: Path) -> Reading:
        return Reading(one, self._kind, number, str(scratch), self._strict)

    def _took(self, result: WasRead) -> None:
        total = self.converted.read
        total.lines += result.lines
        total.damaged += result.damaged
        total.spans += result.spans
        for problem in result.problems:
            if self._on_problem is not None:
                self._on_problem(problem)
            if len(total.problems) < MAX_PROBLEMS:
                total.problems.append(problem)

    def _begin(self, what: str, total: int | None) -> None:
        if self._progress is not None:
            self._progress.begin(what, total)

    def _advance(self, amount: int, spans: int = 0) -> None:
        if self._progress is not None:
            self._progress.advance(amount, spans)

    def _count(self, spans: int) -> None:
        self._advance(spans, spans)


def _spread(
    executor: Executor, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int, R], None]
) -> None:
    """Have tasks done. Where that is interrupted, those that have begun are done to their end: they need the
    scratch folder, and what they write is counted.
    """
    try:
        for number, result in executor.map(function, tasks):
            done(number, result)
    except BaseException:
        for number, result in executor.end():
            done(number, result)
        raise


def _moved(result: WasRead, lines: int) -> WasRead:
    """The same with lines numbered from the beginning of the file, not of the range."""
    for at, problem in enumerate(result.problems):
        if problem.place:
            result.problems[at] = Problem(problem.name, problem.place + lines, problem.reason)
    return result


@contextmanager
def _writing(store: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConversionError(
            f"{error.filename or store}: it cannot be written: {error.strerror or error}"
        ) from error


@contextmanager
def _scratch(store: str) -> Iterator[Path]:
    """A hidden folder of the store for what waits; removed in the end."""
    root = Path(store)
    for left in abandoned(root, _SCRATCH):
        remove(left)
    folder = root / f"{_SCRATCH}{os.getpid()}"
    try:
        yield folder
    finally:
        remove(folder)
