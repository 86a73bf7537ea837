"""Whole traces to cassettes in a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.converters.making import STRUCTURE_ONLY_GAP, cassette_of, mark_entry
from timetracer_otel.converters.names import Names
from timetracer_otel.converters.runs import (
    Origin,
    Piece,
    Run,
    document_of,
    origin_of,
    resource_of,
    scope_of,
    span_of,
)
from timetracer_otel.converters.selecting import Selection
from timetracer_otel.converters.splitting import process_of, split
from timetracer_otel.errors import CassetteError, CodecError
from timetracer_otel.formats import Compression, Encoding, json_writer
from timetracer_otel.formats.compression import compress
from timetracer_otel.formats.limits import DEFAULT, Limits
from timetracer_otel.redaction import KnownSecrets, Redactor
from timetracer_otel.redaction.everywhere import mask_cassette
from timetracer_otel.span import Resource, Scope, Span
from timetracer_otel.store import FolderStore
from timetracer_otel.tree import check_depth

_MAX_KNOWN: Final = 10_000
_STRUCTURE_ONLY: Final = STRUCTURE_ONLY_GAP.value()
_ENTRY: Final = names.ENTRY_FRAMEWORK.encode()
MAX_PROBLEMS: Final = 1000
"""Problems that are told one by one; all are counted."""
_SHALLOW: Final = 900
"""So many spans cannot be nested too deeply."""


class Assembled(msgspec.Struct):
    """What became of some traces.

    Attributes:
        traces: how many there were.
        cassettes: written, or there already.
        unchanged: of these, those that were there already as they are now.
        unwanted: cassettes that were not wanted.
        structure_only: cassettes that hold no payload.
        spans: in all traces.
        unwritten: traces, or parts of one, that could not be written.
        problems: for the first of these, which and why.
    """

    traces: int = 0
    cassettes: int = 0
    unchanged: int = 0
    unwanted: int = 0
    structure_only: int = 0
    spans: int = 0
    unwritten: int = 0
    problems: list[str] = msgspec.field(default_factory=list)

    def add(self, other: Assembled) -> None:
        """Add what became of others."""
        self.traces += other.traces
        self.cassettes += other.cassettes
        self.unchanged += other.unchanged
        self.unwanted += other.unwanted
        self.structure_only += other.structure_only
        self.spans += other.spans
        self.unwritten += other.unwritten
        self.problems += other.problems[: MAX_PROBLEMS - len(self.problems)]

    def failed(self, problem: str) -> None:
        """Count one that could not be written.

        Args:
            problem: which, and why.
        """
        self.unwritten += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


class _Known:
    """An origin, read; one object for each."""

    __slots__ = ("origin", "process", "resource", "scope")

    def __init__(self, origin: Origin, resource: Resource, scope: Scope, process: int) -> None:
        self.origin = origin
        self.resource = resource
        self.scope = scope
        self.process = process


class _Trace:
    """The spans of one trace, and by their ids where each comes from."""

    __slots__ = ("marked", "origins", "pieces", "trace_id")

    def __init__(self, trace_id: str, marked: bool) -> None:  # ours alone
        self.trace_id = trace_id
        self.marked = marked
        self.pieces: dict[str, Piece] = {}
        self.origins: dict[str, _Known] = {}


class Assembler:
    """Makes cassettes of traces and writes them.

    Args:
        store: where to.
        encoding: the store's.
        compression: the store's.
        selection: which ones.
        redactor: masks secrets in payloads that stand under others' names; ``None`` when masking is off.
        limits: what one cassette may hold.
    """

    def __init__(
        self,
        store: FolderStore,
        encoding: Encoding,
        compression: Compression,
        selection: Selection,
        redactor: Redactor | None,
        limits: Limits = DEFAULT,
    ) -> None:
        self._store = store
        self._encoding = encoding
        self._compression = compression
        self._selection = selection
        self._redactor = redactor
        self._limits = limits
        self._names = Names(store.names)
        self._origins: dict[Origin, _Known] = {}
        self._processes: dict[Hashable, int] = {}

    def write(
        self, runs: list[Run], done: Callable[[int], None] | None = None, found: Assembled | None = None
    ) -> Assembled:
        """Write the cassettes of whole traces.

        Args:
            runs: all runs of those traces, in any order; the list is emptied, so that each trace's memory is
                free when it is written.
            done: told how many spans were dealt with, trace by trace.
            found: takes the counts, so that they are there after an interruption too.

        Raises:
            OSError: the store cannot be written.
        """
        found = found or Assembled()
        traces: dict[str, list[Run]] = {}
        for run in runs:
            traces.setdefault(run.trace_id, []).append(run)
        runs.clear()
        for trace_id in sorted(traces):
            of_trace = traces.pop(trace_id)
            count = sum([len(run.pieces) for run in of_trace])
            self._trace(trace_id, of_trace, found)
            found.traces += 1
            found.spans += count
            if done is not None:
                done(count)
        return found

    def _trace(self, trace_id: str, runs: list[Run], found: Assembled) -> None:
        if len(self._origins) > _MAX_KNOWN:
            self._origins.clear()
            self._processes.clear()
        trace = _Trace(trace_id, any(run.marked for run in runs))
        processes: dict[str, int] = {}
        pieces, origins = trace.pieces, trace.origins
        for run in runs:
            origin = self._origin(run.origin)
            process = origin.process
            for piece in run.pieces:
                span_id = piece.span_id
                if span_id not in pieces:  # exporters send again what they think was lost
                    pieces[span_id] = piece
                    origins[span_id] = origin
                    processes[span_id] = process
        limits = self._limits
        if len(pieces) > limits.max_spans:
            found.failed(f"trace {trace_id}: it has more spans than {limits.max_spans}")
            return
        if sum([len(piece.raw) for piece in pieces.values()]) > limits.max_bytes:
            found.failed(f"trace {trace_id}: it is larger than {limits.max_bytes} bytes")
            return
        parts = split(pieces, processes, self._recorded(trace))
        if trace.marked or self._may_say_secrets(trace, runs):
            self._with_payloads(trace, parts, found)
            return
        for part in parts:
            try:
                cassette = self._entry(trace, part)
                encode = partial(self._structure, trace, part, cassette.entry)
                self._write(part, cassette, encode, found, structure_only=True)
            except (CassetteError, CodecError) as error:
                _failed(trace, part, error, found)

    def _may_say_secrets(self, trace: _Trace, runs: list[Run]) -> bool:
        """False when the spans can be written as they stand: those of most traces."""
        redactor = self._redactor
        if redactor is None:
            return False
        if any(run.named for run in runs):
            return True
        return redactor.may_be_written_in(b"".join([piece.raw for piece in trace.pieces.values()]))

    def _recorded(self, trace: _Trace) -> list[str]:
        """Ids of the spans that were recorded as entries."""
        if not trace.marked:
            return []
        return [
            span_id
            for span_id, piece in trace.pieces.items()
            if _ENTRY in piece.raw and names.ENTRY_FRAMEWORK in self._span(trace, piece).attributes
        ]

    def _with_payloads(self, trace: _Trace, parts: list[list[Piece]], found: Assembled) -> None:
        """Write the parts of a trace that says more than who called whom. They are made before the first
        is written: a secret that one gives away is masked in all.
        """
        secrets: set[str] = set()
        made: list[tuple[list[Piece], Cassette]] = []
        for part in parts:
            with _told(trace, part, found):
                spans = [self._span(trace, piece) for piece in part]
                made.append((part, cassette_of(spans, self._redactor, secrets)))
        known = KnownSecrets(secrets) if secrets else None
        for part, cassette in made:
            if _says_nothing(cassette):
                continue
            with _told(trace, part, found):
                if known is not None:
                    mask_cassette(cassette, known)
                encode = partial(cassette.dump, self._encoding, self._compression)
                structure_only = cassette.why_not is not None
                self._write(part, cassette, encode, found, structure_only=structure_only)

    def _write(
        self,
        part: list[Piece],
        cassette: Cassette,
        encode: Callable[[], bytes],
        found: Assembled,
        *,
        structure_only: bool,
    ) -> None:
        failed = self._selection.errors and any(piece.failed for piece in part)
        if not self._selection.wants(cassette, failed=failed):
            found.unwanted += 1
            return
        found.unchanged += not self._keep(encode(), cassette)
        found.cassettes += 1
        found.structure_only += structure_only

    def _entry(self, trace: _Trace, part: list[Piece]) -> Cassette:
        """The cassette of the entry alone: what its name and a selection need."""
        if len(part) > _SHALLOW:
            check_depth({piece.span_id: piece for piece in part[1:]})
        entry = self._span(trace, part[0])
        mark_entry(entry, part)
        if names.GAPS not in entry.attributes:  # else they are merged
            entry.attributes[names.GAPS] = [_STRUCTURE_ONLY]
            return Cassette.from_spans([entry], entry_id=entry.span_id)
        cassette = Cassette.from_spans([entry])
        cassette.add_gaps([STRUCTURE_ONLY_GAP])
        return cassette

    def _structure(self, trace: _Trace, part: list[Piece], entry: Span) -> bytes:
        """A cassette whose spans stay as they are written; only its entry says one thing more."""
        if self._encoding != "json":
            rest = [self._span(trace, piece) for piece in part[1:]]
            cassette = Cassette.from_spans([entry, *rest], entry_id=entry.span_id)
            return cassette.dump(self._encoding, self._compression)
        origins = trace.origins
        groups: defaultdict[_Known, list[bytes]] = defaultdict(list)
        for piece in part:
            groups[origins[piece.span_id]].append(piece.raw)
        groups[origins[entry.span_id]][0] = json_writer.encode_span(entry)
        document = document_of([(known.origin, raws) for known, raws in groups.items()])
        return compress(document, self._compression)

    def _keep(self, data: bytes, about: Cassette) -> bool:
        """Write a cassette; what an earlier one of the same entry span holds beside it is kept. False when it
        was there already.
        """
        places = self._store.places(about)
        path = self._store.find(about) if self._names.may_hold(places) else None
        if path is not None:
            before = self._store.read(path)
            if before == data:
                return False
            earlier, now = Cassette.load(before), Cassette.load(data)
            if earlier.replayable and not now.replayable:
                return False  # a recording holds more than its trace
            rest = [span for span in earlier.spans if now.span(span.span_id) is None]
            if rest:
                now.append(rest)
                now.add_gaps(earlier.gaps)
                data = now.dump(self._encoding, self._compression)
                if before == data:
                    return False
        self._store.put(data, about, fresh=path is None, places=places)
        return True

    def _span(self, trace: _Trace, piece: Piece) -> Span:
        known = trace.origins[piece.span_id]
        span = span_of(piece, known.resource, known.scope, self._limits)
        span.trace_id = trace.trace_id
        return span

    def _origin(self, origin: Origin) -> _Known:
        known = self._origins.get(origin)
        if known is None:
            resource = resource_of(origin, self._limits)
            scope = scope_of(origin, self._limits)
            process = self._processes.setdefault(process_of(resource), len(self._processes))
            made = self._masked(origin, resource, scope)
            known = self._origins[origin] = _Known(made, resource, scope, process)
        return known

    def _masked(self, origin: Origin, resource: Resource, scope: Scope) -> Origin:
        """What made the spans, without secrets; the same where it has none. Both are changed."""
        if self._redactor is None:
            return origin
        texts = self._redactor.texts
        before = resource.attributes, scope.attributes
        resource.attributes, scope.attributes = map(texts, before)
        return origin if before == (resource.attributes, scope.attributes) else origin_of(resource, scope)


@contextmanager
def _told(trace: _Trace, part: list[Piece], found: Assembled) -> Iterator[None]:
    """What keeps a part from becoming a cassette is counted."""
    try:
        yield
    except (CassetteError, CodecError) as error:
        _failed(trace, part, error, found)


def _failed(trace: _Trace, part: list[Piece], error: Exception, found: Assembled) -> None:
    found.failed(f"trace {trace.trace_id}, span {part[0].span_id}: {error}")


def _says_nothing(cassette: Cassette) -> bool:
    """The start-up of an app that asked nobody anything: it is recorded, and of no use."""
    entry = cassette.entry
    return (
        names.ENTRY_FRAMEWORK in entry.attributes
        and cassette.inbound_request is None
        and not cassette.calls()
    )
