"""The two steps of a conversion as tasks that any process can do: to read inputs, to write whole traces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import msgspec

from timetracer_otel.config import Settings
from timetracer_otel.converters.assembling import MAX_PROBLEMS, Assembled, Assembler
from timetracer_otel.converters.inputs import Input
from timetracer_otel.converters.reading import Kind, read
from timetracer_otel.converters.selecting import Selection
from timetracer_otel.converters.spilling import Parts, batches, remove
from timetracer_otel.errors import CassetteError, ConversionError
from timetracer_otel.formats import Compression, Encoding
from timetracer_otel.formats.streams import Source
from timetracer_otel.opening import writable
from timetracer_otel.redaction import Redactor

PARTS: Final = 64
MEMORY: Final = 48 * 1024 * 1024
"""Bytes of spans that one task holds, as :func:`~timetracer_otel.converters.spilling.size_of` counts them."""
BATCH: Final = 8 * 1024 * 1024
"""Bytes on disk of the traces that are assembled at a time."""


class Problem(msgspec.Struct, frozen=True):
    """Something that could not be read.

    Attributes:
        name: of which input.
        place: which line or message of it; 0 for the whole of it.
        reason: why.
    """

    name: str
    place: int
    reason: str

    def __str__(self) -> str:
        return f"{self.name}:{self.place}: {self.reason}" if self.place else f"{self.name}: {self.reason}"


class Reading(msgspec.Struct, frozen=True):
    """Read one input, and deal out its spans.

    Attributes:
        number: which of all, so that what is dealt out keeps their order.
        scratch: the folder to deal them out in.
        strict: end with the first problem.
    """

    input: Input
    kind: Kind
    number: int
    scratch: str
    strict: bool


class WasRead(msgspec.Struct):
    """What an input came to.

    Attributes:
        lines: lines or messages it had.
        damaged: of these, those of which something could not be read.
        problems: the first of these.
        spans: that could be read.
        files: the parts they were dealt out to; their numbers.
    """

    lines: int = 0
    damaged: int = 0
    problems: list[Problem] = msgspec.field(default_factory=list)
    spans: int = 0
    files: list[int] = msgspec.field(default_factory=list)


class Writing(msgspec.Struct, frozen=True):
    """Write the cassettes of the traces in one part.

    Attributes:
        files: where their spans are, in order.
        scratch: a folder of its own for what is dealt out again.
    """

    files: list[str]
    scratch: str
    store: Store
    selection: Selection


class Store(msgspec.Struct, frozen=True):
    """Where cassettes go, and how they are written."""

    path: str
    encoding: Encoding
    compression: Compression
    redact: bool
    redact_keys: tuple[str, ...] = ()
    redact_headers: tuple[str, ...] = ()
    region: str = ""
    endpoint: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Store:
        """The store that the settings name."""
        return cls(
            settings.dir,
            cast("Encoding", settings.encoding),
            cast("Compression", settings.compression),
            settings.redact,
            settings.redact_keys,
            settings.redact_headers,
            settings.s3_region,
            settings.s3_endpoint,
        )

    def assembler(self, selection: Selection) -> Assembler:
        """What writes there."""
        store = writable(
            self.path, self.encoding, self.compression, region=self.region, endpoint=self.endpoint
        )
        redactor = Redactor(self.redact_keys, self.redact_headers) if self.redact else None
        return Assembler(store, self.encoding, self.compression, selection, redactor)


def read_input(task: Reading) -> WasRead:
    """Do a :class:`Reading` in another process; everything is on disk then.

    Raises:
        ConversionError: the scratch folder cannot be written, or with ``strict`` there is a problem.
    """
    parts = Parts(Path(task.scratch) / str(task.number), PARTS, MEMORY)
    found = deal_out(task, parts)
    try:
        parts.flush()
    except OSError as error:
        raise ConversionError(f"{task.scratch}: {error.strerror or error}") from error
    found.files = [int(path.name) for path in parts.files()]
    return found


class _Counted:
    """A source that says how much of it was read."""

    def __init__(self, source: Source, told: Callable[[int, int], None]) -> None:
        self._source = source
        self._told = told

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        self._told(len(data), 0)
        return data


def deal_out(task: Reading, parts: Parts, progress: Callable[[int, int], None] | None = None) -> WasRead:
    """Read an input and deal out its spans.

    Args:
        task: which.
        parts: takes its spans.
        progress: told how many bytes, and how many spans, were read.

    Raises:
        ConversionError: with ``strict`` the first problem.
    """
    found = WasRead()
    name = task.input.name
    try:
        with task.input.open() as opened:
            source = opened if progress is None else _Counted(opened, progress)
            for piece in read(source, task.kind, "lines" if task.input.end else None):
                found.lines = piece.place
                if piece.damage:
                    found.damaged += 1
                    for reason in piece.damage:
                        _add(found, Problem(name, piece.place, reason), strict=task.strict)
                if piece.runs:
                    parts.add(piece.runs, piece.size)
                    found.spans += piece.spans
                    if progress is not None:
                        progress(0, piece.spans)
    except CassetteError as error:
        found.damaged += 1
        _add(found, Problem(name, 0, str(error)), strict=task.strict)
    except OSError as error:
        found.damaged += 1
        _add(found, Problem(name, 0, f"it cannot be read: {error.strerror or error}"), strict=task.strict)
    return found


def _add(found: WasRead, problem: Problem, *, strict: bool) -> None:
    if strict:
        raise ConversionError(f"{problem}; without --strict it would be skipped")
    if len(found.problems) < MAX_PROBLEMS:
        found.problems.append(problem)


def write_part(task: Writing) -> Assembled:
    """Do a :class:`Writing`.

    Raises:
        ConversionError: the store or the scratch folder cannot be written.
    """
    assembler = task.store.assembler(task.selection)
    found = Assembled()
    try:
        for runs in batches([Path(name) for name in task.files], BATCH, Path(task.scratch), PARTS):
            assembler.write(runs, found=found)
    except OSError as error:
        raise ConversionError(
            f"{error.filename or task.store.path}: it cannot be written: {error.strerror or error}"
        ) from error
    finally:
        remove(Path(task.scratch))
    for name in task.files:
        Path(name).unlink(missing_ok=True)
    return found
