"""A cassette that is kept beside code and read in reviews: one file, which changes only where what it says
does.

Ids follow from names and places instead of chance, every thing has a line of its own, and a new
recording that says what the file says already leaves it alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any, Final

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError, CodecError
from timetracer_otel.formats import Compression, Encoding
from timetracer_otel.formats.compression import compress
from timetracer_otel.store import FolderStore

_COMPRESSIONS: Final[dict[str, Compression]] = {".gz": "gzip", ".zst": "zstd"}
_PAIR: Final = re.compile(
    rb'\{\n\s*"key": ("(?:[^"\\]|\\.)*"),\n\s*"value": \{\n\s*("\w+": [^\n]*[^\n\[{])\n\s*\}\n\s*\}'
)
"""An attribute with a plain value, as it is laid out. No text of a document holds the end of a line."""
_ID: Final = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-f])")
_OF_THE_PROCESS: Final = frozenset(
    {names.GIT_REVISION, "service.instance.id", "process.pid", "process.command_line"}
)
"""What a resource says of the process that recorded: another each time, and nothing of the test."""
_TIMED: Final = frozenset({names.HTTP_RESPONSE_CHUNKS})
_DATES: Final = frozenset({"http.response.header.date", "http.request.header.traceparent"})


class FileStore(FolderStore):
    """One file: each cassette that is written takes the place of the one before.

    Args:
        path: the file; its suffixes say how it is written: ``.json``, ``.pb``, ``.json.gz``, ``.pb.zst``.
        name: what the ids are made of.
    """

    def __init__(self, path: str | PathLike[str], name: str) -> None:
        suffixes = Path(path).suffixes
        encoding: Encoding = "protobuf" if ".pb" in suffixes else "json"
        compression: Compression = "none"
        for suffix in suffixes:
            compression = _COMPRESSIONS.get(suffix, compression)
        super().__init__(path, encoding=encoding, compression=compression)
        self._name = name
        self.fresh = False
        """Write the file also where it says the same already."""
        self.changed = False
        """The file was written, and not left alone."""

    def write(self, cassette: Cassette) -> Path:
        """Write the cassette in place of what is there, unless that says the same.

        Raises:
            OSError: it could not be written; what was there still is.
            CodecError: it holds an attribute value that OTLP cannot carry.
            CassetteLimitError: it holds an attribute value nested too deeply.
        """
        cassette = steady(cassette, self._name)
        if self.fresh or not self._says_the_same(cassette):
            data = cassette.dump(self._encoding)
            if self._encoding == "json":
                data = _PAIR.sub(rb'{"key": \1, "value": {\2}}', msgspec.json.format(data, indent=1)) + b"\n"
            self._replace(compress(data, self._compression))
            self.changed = True
        return self.path

    def add(self, cassette: Cassette) -> Path:
        """As :meth:`write`.

        Raises:
            OSError: as :meth:`write`.
            CodecError: as :meth:`write`.
            CassetteLimitError: as :meth:`write`.
        """
        return self.write(cassette)

    def _says_the_same(self, cassette: Cassette) -> bool:
        if not self.path.exists():
            return False
        try:
            return said(Cassette.load(self.path)) == said(cassette)
        except (CassetteError, CodecError):
            return False  # what is there is no cassette: a good one takes its place

    def _replace(self, data: bytes) -> None:
        temporary = self._write_temporary(str(self.path.parent), data)
        try:
            os.replace(temporary, self.path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def steady(cassette: Cassette, name: str) -> Cassette:
    """The cassette with ids that are the same for each recording of the same: they are made of the name,
    and of the names of spans and their order among those of equal name.
    """
    for span in cassette.spans:
        resource = span.resource
        resource.attributes = {
            key: value for key, value in resource.attributes.items() if key not in _OF_THE_PROCESS
        }
    trace_id = _hash(name, 32)
    ids = {cassette.entry.trace_id.encode(): trace_id.encode()}
    seen: Counter[tuple[str, ...]] = Counter()
    for span in _in_order(cassette):
        parent = cassette.parent(span)
        above = "" if parent is None else ids.get(parent.span_id.encode(), b"").decode()
        place = (above, span.name)
        seen[place] += 1
        ids[span.span_id.encode()] = _hash(f"{trace_id}/{above}/{span.name}/{seen[place]}", 16).encode()
    # also where they were told: in headers of requests, in gaps, in links
    data = _ID.sub(lambda found: ids.get(found[0], found[0]), cassette.dump())
    return Cassette.load(data)


def said(cassette: Cassette) -> list[Any]:
    """What a cassette says, without when, and without what was drawn from clocks and chance but not said."""
    return [
        [
            span.span_id,
            span.parent_span_id,
            span.name,
            span.kind,
            span.status,
            {key: _timeless(key, value) for key, value in span.attributes.items() if key not in _DATES},
            [_event(event) for event in span.events],
        ]
        for span in sorted(cassette.spans, key=lambda span: span.span_id)
    ]


def _in_order(cassette: Cassette) -> list[Any]:
    """The spans, those above before those below, calls in the order in which they were made."""
    found, left = [], [cassette.entry]
    while left:
        span = left.pop(0)
        found.append(span)
        below = cassette.children(span.span_id)
        left.extend(sorted(below, key=lambda one: (_index(one), one.start_time_unix_nano)))
    return found


def _index(span: Any) -> int:
    index = span.attributes.get(names.CALL_INDEX)
    return index if isinstance(index, int) else 0


def _timeless(key: str, value: Any) -> Any:
    if key in _TIMED and isinstance(value, list):
        return [piece[0] if isinstance(piece, list) and piece else piece for piece in value]
    return value


def _event(event: Any) -> Any:
    attributes = event.attributes
    if event.name == names.EVENT_VALUE:
        return event.name, attributes.get("source"), attributes.get("lane")
    return event.name, {key: value for key, value in attributes.items() if key != "exception.stacktrace"}


def _hash(text: str, size: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:size]
