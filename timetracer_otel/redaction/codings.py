"""Content codings (RFC 9110, section 8.4.1), decoded within bounds and encoded again."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, Final

MAX_DECODED: Final = 64 * 1024 * 1024
"""Bytes decoded of one body; one that holds more is not searched."""


class UndecodableError(Exception):
    """The body's coding is not known, its bytes are not of that coding, or they hold too much."""


def decode(body: bytes, coding: str) -> bytes:
    """The body without its content coding; what there is of one that was cut off.

    Raises:
        UndecodableError: see there.
    """
    try:
        if coding in ("gzip", "x-gzip"):
            return _inflate(body, 31)
        if coding == "deflate":
            try:
                return _inflate(body, zlib.MAX_WBITS)
            except zlib.error:
                return _inflate(body, -zlib.MAX_WBITS)  # some servers leave the zlib header out
        if coding == "br":
            return _brotli(body)
        if coding == "zstd":
            return _unzstd(body)
    except UndecodableError:
        raise
    except Exception as error:  # noqa: BLE001  # each library has errors of its own
        raise UndecodableError(f"not valid {coding}: {type(error).__name__}") from None
    raise UndecodableError(f"content coding {coding[:40]!r} is not known")


def encode(body: bytes, coding: str) -> bytes:
    """The body in that coding.

    Raises:
        UndecodableError: it is one that cannot be written here.
    """
    if coding in ("gzip", "x-gzip"):
        return gzip.compress(body, mtime=0)
    if coding == "deflate":
        return zlib.compress(body)
    if coding == "zstd":
        return bytes(_zstd_module().compress(body))
    if coding == "br":
        return bytes(_brotli_module().compress(body, quality=5))
    raise UndecodableError(f"content coding {coding[:40]!r} cannot be written")


def _checked(parts: list[bytes], more: bool) -> bytes:
    if more:
        raise UndecodableError(f"holds more than {MAX_DECODED // 1024 // 1024} MiB")
    return b"".join(parts)


def _inflate(body: bytes, wbits: int) -> bytes:
    parts: list[bytes] = []
    room = MAX_DECODED
    while body and room > 0:
        decoder = zlib.decompressobj(wbits)
        part = decoder.decompress(body, room)
        parts.append(part)
        room -= len(part)
        if not decoder.eof:
            return _checked(parts, bool(decoder.unconsumed_tail))
        body = decoder.unused_data if wbits == 31 else b""  # gzip allows several members
        if not body.startswith(b"\x1f\x8b"):
            break
    return _checked(parts, bool(body) and room <= 0)


def _brotli(body: bytes) -> bytes:
    decoder = _brotli_module().Decompressor()
    parts: list[bytes] = []
    size = 0
    for start in range(0, len(body), 1024):
        # small pieces bound what one of them can grow to
        part = decoder.process(body[start : start + 1024])
        parts.append(part)
        size += len(part)
        if size > MAX_DECODED:
            break
    return _checked(parts, size > MAX_DECODED)


def _brotli_module() -> Any:
    try:
        import brotli  # an optional library of the app's
    except ImportError:
        raise UndecodableError("br needs the brotli package") from None
    return brotli


def _unzstd(body: bytes) -> bytes:
    decoder = _zstd_module().ZstdDecompressor()
    part = decoder.decompress(body, MAX_DECODED)
    return _checked([part], not decoder.eof and not decoder.needs_input)


def _zstd_module() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14
    except ImportError:
        from backports import zstd
    return zstd
