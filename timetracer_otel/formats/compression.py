"""Compression, recognised by content and bounded on the way out."""

from __future__ import annotations

import gzip
import sys
import zlib
from typing import Final, Literal, Protocol, TypeAlias

from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats.limits import DEFAULT, Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["GZIP_WINDOW", "SUFFIXES", "Compression", "compress", "decompress", "detect", "zstd"]

Compression: TypeAlias = Literal["none", "gzip", "zstd"]
SUFFIXES: Final[dict[Compression, str]] = {"none": "", "gzip": ".gz", "zstd": ".zst"}

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
GZIP_WINDOW: Final = 31  # zlib's largest window, with gzip's header
_MAX_FRAMES: Final = 1000


def compress(data: bytes, compression: Compression) -> bytes:
    """The data compressed; the same bytes each time for the same data."""
    if compression == "gzip":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if compression == "zstd":
        return zstd.compress(data)
    return data


def detect(data: bytes) -> Compression:
    """How the data is compressed, by its first bytes."""
    if data.startswith(_GZIP):
        return "gzip"
    return "zstd" if data.startswith(_ZSTD) else "none"


def decompress(data: bytes, limits: Limits = DEFAULT) -> bytes:
    """The data as it was before compression; data that is not compressed is returned as it is.

    Never more than ``limits.max_bytes`` (plus one) are produced, whatever the data claims.

    Raises:
        CassetteLimitError: there is more than that.
        CassetteFormatError: it is damaged or cut short.
    """
    compression = detect(data)
    if compression == "none":
        if len(data) > limits.max_bytes:
            raise _too_large(limits)
        return data
    pieces: list[bytes] = []
    room, rest = limits.max_bytes, data
    try:
        for _ in range(_MAX_FRAMES):
            frame = _open(compression)
            piece = frame.decompress(rest, room + 1)
            if len(piece) > room:
                raise _too_large(limits)
            if not frame.eof:
                raise CassetteFormatError(f"the {compression} data ends too early; the file was cut short")
            pieces.append(piece)
            room, rest = room - len(piece), frame.unused_data
            if not rest:
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except (zlib.error, zstd.ZstdError) as error:
        raise CassetteFormatError(f"the {compression} data is damaged: {error}") from error
    raise CassetteLimitError(f"more than {_MAX_FRAMES} {compression} frames in one file")


class _Frame(Protocol):
    """What zlib's and zstd's decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _open(compression: Compression) -> _Frame:
    return zlib.decompressobj(GZIP_WINDOW) if compression == "gzip" else zstd.ZstdDecompressor()


def _too_large(limits: Limits) -> CassetteLimitError:
    return CassetteLimitError(f"more than {limits.max_bytes} bytes of data; that is not read")
