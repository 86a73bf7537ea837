"""Spans that wait for the rest of their trace: in memory while they are few, on disk when they are many.

They are dealt out by trace, so that any part of them fits in memory and holds whole traces.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from timetracer_otel.converters.runs import Origin, Piece, Run
from timetracer_otel.formats.limits import DEFAULT, Limits

_LENGTH: Final = 4
_WAYS: Final = 16
_HASHES: Final = 2**32
SPAN: Final = 400
"""Bytes of memory that a span takes beside its text, and its share of a run."""


class _Stored(msgspec.Struct, array_like=True, gc=False):
    """A run on disk, its origin by number."""

    trace_id: str
    origin: int
    pieces: list[Piece]
    marked: bool
    named: bool


class _Block(msgspec.Struct, array_like=True, gc=False):
    """What is written to a part at a time."""

    origins: list[Origin]
    runs: list[_Stored]


_encode_into: Final = msgspec.msgpack.Encoder().encode_into
_decode: Final = msgspec.msgpack.Decoder(_Block).decode


class Parts:
    """Runs dealt out to a number of parts, each a file of a folder once there are many.

    Args:
        folder: where; made when it is needed.
        count: how many parts.
        memory: bytes that wait in memory before they are written.
        dealt: how many parts there were when these were one of them: the digits of the hash that decided
            then are the same for all of them.
    """

    def __init__(self, folder: Path, count: int, memory: int, dealt: int = 1) -> None:
        self.folder = folder
        self._count = count
        self._memory = memory
        self._dealt = dealt
        self._waiting: list[list[Run]] = [[] for _ in range(count)]
        self._size = 0
        self._written = False

    def add(self, runs: Iterable[Run], size: int) -> None:
        """Deal out runs.

        Args:
            runs: which.
            size: about how many bytes of memory they take.

        Raises:
            OSError: they could not be written.
        """
        for run in runs:
            # another start value would not do: it changes all hashes by the same bits
            self._waiting[zlib.crc32(run.trace_id.encode()) // self._dealt % self._count].append(run)
        self._size += size
        if self._size > self._memory:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OSError: it could not be written.
        """
        if not self._size:
            return
        if not self._written:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._written = True
        data = bytearray()  # one for all: fresh memory costs as much as what is done in it
        for number, runs in enumerate(self._waiting):
            if runs:
                _pack(runs, data)
                runs.clear()
                with (self.folder / str(number)).open("ab") as file:
                    file.write(data)
        self._size = 0

    @property
    def in_memory(self) -> list[Run] | None:
        """All runs, where none had to be written."""
        return None if self._written else [run for runs in self._waiting for run in runs]

    def files(self) -> Iterator[Path]:
        """The files of those parts that hold something."""
        for number in range(self._count):
            path = self.folder / str(number)
            if path.exists():
                yield path


def _pack(runs: list[Run], data: bytearray) -> None:
    """Put the block of those runs, its length before it, in place of what is in there."""
    numbers: dict[Origin, int] = {}
    stored = [
        _Stored(run.trace_id, numbers.setdefault(run.origin, len(numbers)), run.pieces, run.marked, run.named)
        for run in runs
    ]
    _encode_into(_Block(list(numbers), stored), data, _LENGTH)
    data[:_LENGTH] = (len(data) - _LENGTH).to_bytes(_LENGTH, "big")


def size_of(runs: Iterable[Run]) -> int:
    """About how many bytes of memory runs take."""
    return sum(len(piece.raw) + SPAN for run in runs for piece in run.pieces)


def read(files: Sequence[Path]) -> Iterator[list[Run]]:
    """The runs in files, some at a time, in the order they were written.

    Raises:
        OSError: they cannot be read.
    """
    for path in files:
        with path.open("rb") as file:
            while head := file.read(_LENGTH):
                block = _decode(file.read(int.from_bytes(head, "big")))
                origins = block.origins
                yield [
                    Run(run.trace_id, origins[run.origin], run.pieces, run.marked, run.named)
                    for run in block.runs
                ]


def batches(
    files: Sequence[Path], memory: int, scratch: Path, dealt: int, limits: Limits = DEFAULT
) -> Iterator[list[Run]]:
    """The runs of one part in batches that fit in memory, each of whole traces.

    Args:
        files: of that part.
        memory: bytes that a batch may hold; a single trace may be larger.
        scratch: a folder for what has to be dealt out again.
        dealt: how many parts there are.
        limits: what a trace may hold. Of one that holds more there is as much as shows that it does.

    Raises:
        OSError: a file cannot be read or written.
    """
    if sum(path.stat().st_size for path in files) <= memory:
        yield [run for runs in read(files) for run in runs]
        return
    if dealt >= _HASHES or _are_of_one_trace(files):
        yield _bounded(files, limits)
        return
    again = Parts(scratch / str(dealt), _WAYS, memory, dealt)
    for runs in read(files):
        again.add(runs, size_of(runs))
    again.flush()
    for path in again.files():
        yield from batches([path], memory, scratch / f"{dealt}-{path.name}", dealt * _WAYS, limits)
        path.unlink()


def _are_of_one_trace(files: Sequence[Path]) -> bool:
    trace_id = ""
    for runs in read(files):
        for run in runs:
            if trace_id and run.trace_id != trace_id:
                return False
            trace_id = run.trace_id
    return True


def _bounded(files: Sequence[Path], limits: Limits) -> list[Run]:
    """All runs; of each trace no span twice, and not many more than it may hold."""
    found: list[Run] = []
    seen: dict[str, set[str]] = {}
    sizes: dict[str, int] = {}
    for runs in read(files):
        for run in runs:
            ids = seen.setdefault(run.trace_id, set())
            size = sizes.get(run.trace_id, 0)
            if len(ids) > limits.max_spans or size > limits.max_bytes:
                continue
            pieces = [piece for piece in run.pieces if piece.span_id not in ids]
            ids.update([piece.span_id for piece in pieces])
            sizes[run.trace_id] = size + sum([len(piece.raw) for piece in pieces])
            found.append(Run(run.trace_id, run.origin, pieces, run.marked, run.named))
    return found


def remove(folder: Path) -> None:
    """Remove a folder with all below it; what is not there any more is no error."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def abandoned(store: Path, name: str) -> Iterator[Path]:
    """Folders of conversions on this machine that were killed.

    Args:
        store: where such folders are made.
        name: what their names begin with; host and process id follow.
    """
    if not store.is_dir():
        return
    for path in store.glob(f"{name}*"):
        pid = path.name.removeprefix(name)
        if pid.isdigit() and not _is_alive(int(pid)):
            yield path


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
