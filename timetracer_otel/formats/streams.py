"""A file of any size as documents: decompressed as it is read, one line or one message at a time.

What comes before a damaged place is given; the error comes after it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from timetracer_otel.errors import CassetteError, CassetteFormatError
from timetracer_otel.formats.compression import GZIP_WINDOW, Compression, decompress, detect, zstd
from timetracer_otel.formats.limits import DEFAULT, Limits

Framing: TypeAlias = Literal["lines", "objects", "document", "protobuf", "messages"]
"""How documents follow one another: JSON, one a line; JSON objects laid out for people; one JSON document;
the resources of one protobuf message; messages with their length in four bytes before each (the Collector's
file exporter)."""

PIECE: Final = 1024 * 1024
_HEAD: Final = 64 * 1024
"""Bytes that framing is recognised by, where there are so many."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LENGTH: Final = 4
_MAX_LENGTH_BYTE: Final = 8  # so a message of up to 144 MB
_BINARY: Final = bytes({*range(32)} - set(b"\t\n\r\x0b\x0c"))
_RESOURCE_SPANS: Final = 0x0A
_FIRST_BYTE: Final = b"\x0a"
_OBJECTS: Final = re.compile(rb"\{\r?\n(?:[ \t].*\n)+\}\s*\{")
"""The first object, its braces at the beginning of a line, and the next."""
_DECODE: Final = msgspec.json.Decoder(msgspec.Raw).decode


class Source(Protocol):
    """What is read from: a file, or something like one."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, or fewer; none at the end."""
        ...


class Document(msgspec.Struct, frozen=True):
    """One document of a file.

    Attributes:
        data: its bytes; empty where it could not be had.
        place: which line or message of the file, from 1; of a document that is a file, 1.
        damage: why it could not be had.
        binary: it is protobuf.
    """

    data: bytes
    place: int
    damage: str = ""
    binary: bool = False


def pieces(source: Source) -> Iterator[bytes]:
    """What a file holds, decompressed where it is gzip or zstd, in pieces of about a megabyte.

    Raises:
        CassetteFormatError: it is damaged or cut short there; what came before was given.
        OSError: it cannot be read.
    """
    first = source.read(PIECE)
    while first and len(first) < _LENGTH and (more := source.read(PIECE)):
        first += more
    compression = detect(first)
    if compression == "none":
        while first:
            yield first
            first = source.read(PIECE)
        return
    try:
        yield from _READERS[compression](first, source)
    except (zlib.error, zstd.ZstdError) as error:
        raise CassetteFormatError(f"the {compression} data is damaged: {error}") from error


def _gunzip(rest: bytes, source: Source) -> Iterator[bytes]:
    frame = zlib.decompressobj(GZIP_WINDOW)
    while True:
        piece = frame.decompress(rest, PIECE)
        if piece:
            yield piece
        if frame.eof:
            rest = frame.unused_data or source.read(PIECE)
            while rest and not rest.strip(b"\0"):  # tapes and disks pad with zeros
                rest = source.read(PIECE)
            if not rest:
                return
            frame = zlib.decompressobj(GZIP_WINDOW)
            continue
        rest = frame.unconsumed_tail or source.read(PIECE)
        if not rest and not piece:
            raise _cut_short("gzip")


def _unzstd(rest: bytes, source: Source) -> Iterator[bytes]:
    frame = zstd.ZstdDecompressor()
    while True:
        piece = frame.decompress(rest, PIECE)
        if piece:
            yield piece
        if frame.eof:
            rest = frame.unused_data or source.read(PIECE)
            if not rest:
                return
            frame = zstd.ZstdDecompressor()
        elif not frame.needs_input:
            rest = b""
        else:
            rest = source.read(PIECE)
            if not rest:
                raise _cut_short("zstd")


def _cut_short(compression: Compression) -> CassetteFormatError:
    return CassetteFormatError(f"the {compression} data ends too early; the file was cut short")


_READERS: Final = {"gzip": _gunzip, "zstd": _unzstd}


def documents(
    data: Iterable[bytes], framing: Framing | None = None, limits: Limits = DEFAULT
) -> Iterator[Document]:
    """The documents in pieces of data. Damaged ones are given with the reason; the rest follows.

    Args:
        data: as :func:`pieces` gives them; its error becomes the last document's damage.
        framing: how documents follow one another; by default its content says so.
        limits: how large one may be.
    """
    kept = _Kept(data)
    head = kept.head()
    if not head.strip():
        if kept.damage:
            yield Document(b"", 1, kept.damage)
        return
    found = framing or recognise(head)
    count = 0
    for document in _FRAMINGS[found](kept, limits):
        count = document.place
        yield document
    if kept.damage:
        yield Document(b"", count + 1, kept.damage)


class _Kept(Iterator[bytes]):
    """Pieces of data: the first may be looked at before; an error ends them and is kept."""

    def __init__(self, data: Iterable[bytes]) -> None:
        self._data = iter(data)
        self._first: list[bytes] = []
        self.damage = ""

    def head(self) -> bytes:
        """The first bytes, without a byte order mark; they are still given."""
        head = b""
        while len(head) < _HEAD and (piece := self._pull()) is not None:
            head += piece
        head = head.removeprefix(_BYTE_ORDER_MARK)
        self._first = [head]
        return head

    def __next__(self) -> bytes:
        if self._first:
            return self._first.pop()
        piece = self._pull()
        if piece is None:
            raise StopIteration
        return piece

    def _pull(self) -> bytes | None:
        if self.damage:
            return None
        try:
            return next(self._data, None)
        except CassetteError as error:
            self.damage = str(error)
            return None


def recognise(head: bytes) -> Framing:
    """How documents follow one another in a file.

    Args:
        head: its first bytes, not compressed.

    Raises:
        CassetteFormatError: it is none of those.
    """
    if _begins_message(head):
        return "messages"
    start = head[:1024]
    text = head.lstrip()
    if text[:1] in (b"{", b"[") and start.translate(None, _BINARY) == start:
        if _OBJECTS.match(text):
            return "objects"
        return "lines" if _has_lines(text) else "document"
    if head[0] == _RESOURCE_SPANS:
        return "protobuf"
    raise CassetteFormatError(f"neither JSON nor OTLP protobuf: it begins with {head[:16]!r}")


def _begins_message(head: bytes) -> bool:
    body = head[_LENGTH:]
    if len(body) < _LENGTH or head[0] > _MAX_LENGTH_BYTE or not any(head[:_LENGTH]):
        return False
    return body[0] == _RESOURCE_SPANS or body[:1] == b"{" or detect(body) != "none"


def _has_lines(text: bytes) -> bool:
    """Whether a line is a document, rather than part of one that is laid out for people."""
    first, *rest = text.split(b"\n")
    if not rest or len(first) > _HEAD // 2:
        return True
    if _is_whole(first):
        return True
    if first.startswith(b"["):  # each item of a list may have a line of its own
        return False
    return any(line.startswith(b"{") and _is_whole(line) for line in rest[:-1])


def _is_whole(line: bytes) -> bool:
    try:
        _DECODE(line)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False
    return True


def _lines(data: Iterable[bytes], limits: Limits) -> Iterator[Document]:
    most = limits.max_bytes
    number = size = 0
    left: list[bytes] = []
    for piece in data:
        *lines, last = piece.split(b"\n")
        if lines and size:
            size += len(lines[0])
            lines[0] = b"".join([*left, lines[0]]) if size <= most else b""
            if size > most:
                number += 1
                yield _too_long(number, limits)
                del lines[0]
            left, size = [], 0
        for line in lines:
            number += 1
            if len(line) > most:
                yield _too_long(number, limits)
            elif line:
                yield Document(line, number)
        size += len(last)
        if size <= most:
            left.append(last)
        else:
            left.clear()
    if size > most:
        yield _too_long(number + 1, limits)
    elif size:
        yield Document(b"".join(left), number + 1)


def _objects(data: Iterable[bytes], limits: Limits) -> Iterator[Document]:
    """Each ends with a brace at the beginning of a line; a line between two of them is no part of any."""
    found: list[bytes] = []
    begin = size = 0
    for line in _lines(data, limits):
        if not found:
            begin, size = line.place, 0
            if line.data[:1] != b"{":
                if line.damage or not line.data.isspace():
                    yield line
                continue
        size += len(line.data)
        if line.damage or size > limits.max_bytes:
            yield Document(b"", begin, line.damage or f"an object of more than {limits.max_bytes} bytes")
            found.clear()
            continue
        found.append(line.data)
        if line.data[:1] == b"}" or (len(found) == 1 and line.data.rstrip()[-1:] == b"}"):
            yield Document(b"\n".join(found), begin)
            found.clear()
    if found:
        yield Document(b"\n".join(found), begin)


def _too_long(number: int, limits: Limits) -> Document:
    return Document(b"", number, f"a line of more than {limits.max_bytes} bytes")


def _whole(data: Iterable[bytes], limits: Limits) -> Iterator[Document]:
    found: list[bytes] = []
    size = 0
    for piece in data:
        size += len(piece)
        if size > limits.max_bytes:
            yield Document(b"", 1, f"one document of more than {limits.max_bytes} bytes; write one a line")
            return
        found.append(piece)
    yield Document(b"".join(found), 1)


def _messages(data: Iterable[bytes], limits: Limits) -> Iterator[Document]:
    buffer = bytearray()
    number = 0
    for piece in data:
        buffer += piece
        at = 0
        while len(buffer) - at >= _LENGTH:
            size = int.from_bytes(buffer[at : at + _LENGTH], "big")
            if size > limits.max_bytes:
                # nothing says where the next one begins
                yield Document(b"", number + 1, f"a message of {size} bytes: no such stream from here on")
                return
            if len(buffer) - at - _LENGTH < size:
                break
            at += _LENGTH
            number += 1
            message = bytes(buffer[at : at + size])
            at += size
            if size:
                yield _opened(message, number, limits)
        del buffer[:at]
    if buffer:
        yield Document(b"", number + 1, "the stream ends within a message; the file was cut short")


def _opened(message: bytes, number: int, limits: Limits) -> Document:
    """A message, decompressed: the Collector compresses each by itself."""
    try:
        data = decompress(message, limits)
        return Document(data, number, binary=data[:1] == _FIRST_BYTE)
    except CassetteError as error:
        return Document(b"", number, str(error))


def _resources(data: Iterable[bytes], limits: Limits) -> Iterator[Document]:
    """Each ``ResourceSpans`` of one ``TracesData`` message as a message of its own."""
    buffer = bytearray()
    number = 0
    for piece in data:
        buffer += piece
        at = 0
        while at < len(buffer):
            if buffer[at] != _RESOURCE_SPANS:
                yield Document(b"", number + 1, "no OTLP protobuf from here on")
                return
            size, begin = _varint(buffer, at + 1)
            if size > limits.max_bytes:
                yield Document(b"", number + 1, f"a resource of {size} bytes; that is not read")
                return
            if not begin or len(buffer) - begin < size:
                break
            number += 1
            yield Document(bytes(buffer[at : begin + size]), number, binary=True)
            at = begin + size
        del buffer[:at]
    if buffer:
        yield Document(b"", number + 1, "the message ends too early; the file was cut short")


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends; ``(0, 0)`` when more is needed."""
    value = shift = 0
    for place in range(at, min(len(data), at + 10)):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    return (0, 0) if len(data) < at + 10 else (2**64, at)


_FRAMINGS: Final = {
    "lines": _lines,
    "objects": _objects,
    "document": _whole,
    "protobuf": _resources,
    "messages": _messages,
}
