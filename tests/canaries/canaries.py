"""Canaries: texts that stand in one place where a secret can be. Where one is found again, it leaked."""

from __future__ import annotations

import base64
import contextlib
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes

from backports import zstd

_RUNS = (
    (re.compile(rb"[A-Za-z0-9+/]{20,}={0,2}"), lambda text: base64.b64decode(text + b"=" * (-len(text) % 4))),
    (
        re.compile(rb"[A-Za-z0-9_-]{20,}={0,2}"),
        lambda text: base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)),
    ),
    (re.compile(rb"(?:[0-9a-fA-F]{2}){16,}"), lambda text: bytes.fromhex(text.decode())),
)
_ESCAPE = re.compile(rb"\\+u00([0-9a-fA-F]{2})")
_MAX_DEPTH = 4


class Canaries:
    """Texts by name; each is the same in every process.

    Args:
        area: put before each name.
    """

    def __init__(self, area: str) -> None:
        self.area = area
        self.texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """The canary of that place: 24 letters and digits, as machines make them."""
        return self.texts.setdefault(name, canary(self.area, name))

    def found_in(self, *places: Path | bytes | str) -> set[str]:
        """The names of those that stand in files, in the names of files, or in texts, in whatever coding.

        Args:
            places: files, folders of files, what was printed.
        """
        found: set[str] = set()
        for place in places:
            for data in _bytes_of(place):
                found |= {
                    name for form in forms(data) for name, text in self.texts.items() if text.encode() in form
                }
        return found


def canary(area: str, name: str) -> str:
    """A text that nothing else says."""
    digest = base64.b64encode(sha256(f"{area} {name}".encode()).digest(), altchars=b"Zq").decode()
    return f"C4n{digest[:21]}"


def _bytes_of(place: Path | bytes | str) -> Iterator[bytes]:
    if isinstance(place, Path):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            yield str(path.relative_to(place.parent)).encode()
            if path.is_file():
                yield path.read_bytes()
    else:
        yield place.encode("utf-8", "surrogateescape") if isinstance(place, str) else place


def forms(data: bytes) -> Iterator[bytes]:
    """What bytes say, and what they say once they are decoded in every way that may have been taken."""
    seen = {data}
    waiting = [(data, 0)]
    while waiting:
        data, depth = waiting.pop()
        yield data
        if depth < _MAX_DEPTH:
            for form in _decoded(data):
                if form not in seen:
                    seen.add(form)
                    waiting.append((form, depth + 1))


def _decoded(data: bytes) -> Iterator[bytes]:
    if data[:2] == b"\x1f\x8b":
        yield from _tried(gzip.decompress, data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        yield from _tried(zstd.decompress, data)
    if data[:1] == b"\x78":
        yield from _tried(zlib.decompress, data)
    if data.count(b"\0") > len(data) // 4:
        yield data.replace(b"\0", b"")  # UTF-16
    if b"\\" in data:
        yield _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data).replace(b"\\", b"")
    if b"%" in data:
        yield unquote_to_bytes(data)
    for run, decode in _RUNS:
        for found in dict.fromkeys(run.findall(data)):
            yield from _tried(decode, found)


def _tried(decode: Callable[[bytes], bytes], data: bytes) -> Iterator[bytes]:
    with contextlib.suppress(ValueError, OSError, EOFError, zlib.error, zstd.ZstdError):
        yield decode(data)
