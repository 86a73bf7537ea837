"""What is converted: files, folders of them, standard input; ranges of a large file for several workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from timetracer_otel.errors import CassetteFormatError, CassetteNotFound
from timetracer_otel.formats.streams import Source, recognise

STDIN: Final = "-"
_PIECE: Final = 64 * 1024 * 1024
_HEAD: Final = 64 * 1024


class Input(msgspec.Struct, frozen=True):
    """A file, or a range of one whose lines are documents.

    Attributes:
        path: which; ``-`` for standard input.
        begin: the first byte; where it is not 0, a line that begins before it belongs to the range before.
        end: where the range ends: the line it is in is read to its end; 0 for the whole file.
    """

    path: str
    begin: int = 0
    end: int = 0

    @property
    def name(self) -> str:
        """As it is named to people."""
        return "standard input" if self.path == STDIN else self.path

    @property
    def size(self) -> int:
        """Its bytes as they are on disk; 0 where that is not known."""
        if self.path == STDIN:
            return 0
        return (self.end or os.path.getsize(self.path)) - self.begin

    @contextmanager
    def open(self) -> Iterator[Source]:
        """What is to be read.

        Raises:
            OSError: it cannot be opened.
        """
        if self.path == STDIN:
            yield _AsItComes(sys.stdin.buffer)
            return
        with open(self.path, "rb") as file:
            yield Range(file, self.begin, self.end) if self.end else file


class _AsItComes:
    """Standard input, which may be a program that writes now and then: what is there is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._read: Callable[[int], bytes] = getattr(file, "read1", file.read)

    def read(self, size: int, /) -> bytes:
        return self._read(size)


class Range:
    """The whole lines of a file that begin within a range of it.

    Args:
        file: which.
        begin: the first byte of the range.
        end: the first byte after it.
    """

    def __init__(self, file: BinaryIO, begin: int, end: int) -> None:
        self._file = file
        self._end = end
        self._over = False
        if begin:
            file.seek(begin - 1)
            file.readline()  # ends with the line that the byte before is in
        self._over = file.tell() >= end

    def read(self, size: int, /) -> bytes:
        """Some of it; ``b""`` at its end."""
        if self._over:
            return b""
        left = self._end - self._file.tell()
        data = self._file.read(min(size, left))
        if self._file.tell() >= self._end or not data:
            self._over = True
            if not data.endswith(b"\n"):
                data += self._file.readline()
        return data


def find(given: Sequence[str]) -> list[Input]:
    """The inputs that were named, those in folders one by one.

    Raises:
        CassetteNotFound: there is no such file, or none in a folder.
    """
    found: list[Input] = []
    for name in given:
        if name == STDIN:
            found.append(Input(STDIN))
        elif os.path.isdir(name):
            inside = [Input(str(path)) for path in _files(Path(name))]
            if not inside:
                raise CassetteNotFound(f"{name}: there are no files in this folder")
            found += inside
        elif os.path.exists(name):
            found.append(Input(name))
        elif "://" in name:
            raise CassetteNotFound(
                f"{name}: what is converted is read from files, folders or standard input; fetch it first"
            )
        else:
            raise CassetteNotFound(f"{name}: there is no such file or folder")
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def pieces(inputs: Sequence[Input]) -> list[Input]:
    """The same, large files whose lines are documents as ranges that several workers can share."""
    found: list[Input] = []
    for one in inputs:
        size = one.size
        if size <= _PIECE or not _has_lines(one):
            found.append(one)
            continue
        found += [Input(one.path, at, min(at + _PIECE, size)) for at in range(0, size, _PIECE)]
    return found


def _has_lines(one: Input) -> bool:
    try:
        with open(one.path, "rb") as file:
            return recognise(file.read(_HEAD).removeprefix(b"\xef\xbb\xbf")) == "lines"
    except (CassetteFormatError, OSError, IndexError):
        return False
