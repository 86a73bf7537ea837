"""Reading a file that somebody else named: bounded in memory, and in time where it is no file at all; and
the folder for what can be made again.
"""

from __future__ import annotations

import os
import select
import stat
from io import FileIO
from pathlib import Path
from typing import Final

from timetracer_otel.errors import CassetteError, CassetteFormatError, CassetteLimitError, CassetteNotFound

PATIENCE: Final = 10.0
"""Seconds without a byte until a pipe is given up."""

_PIECE: Final = 1024 * 1024
# a pipe that nobody writes to would not even open
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: Path, max_bytes: int, patience: float = PATIENCE) -> bytes:
    """All of a file, or of a pipe that a program writes to.

    Args:
        path: where it is; never shown in an error, the caller knows it.
        max_bytes: more is refused.
        patience: seconds to wait for a pipe to say something.

    Raises:
        CassetteNotFound: there is none, or it is a folder.
        CassetteFormatError: it is a device, a socket, or a pipe that says nothing.
        CassetteLimitError: it is larger.
        CassetteError: it cannot be read.
    """
    try:
        with FileIO(os.open(path, _FLAGS), "rb") as file:
            data = _read(file, max_bytes, patience)
    except FileNotFoundError:
        raise CassetteNotFound("there is no such file") from None
    except IsADirectoryError:
        raise CassetteNotFound("that is a folder; name one cassette in it") from None
    except OSError as error:
        raise CassetteError(f"it cannot be read: {error.strerror or error}") from error
    except ValueError:
        raise CassetteNotFound("that is not a path: it holds a null character") from None
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    return data


def cache_folder(*names: str) -> Path:
    """A folder below ``$XDG_CACHE_HOME/timetracer-otel`` or ``~/.cache/timetracer-otel``, which may not be
    there yet.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base.joinpath("timetracer-otel", *names)


def _read(file: FileIO, max_bytes: int, patience: float) -> bytes:
    status = os.fstat(file.fileno())
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError
    if stat.S_ISFIFO(status.st_mode):
        return _read_pipe(file, max_bytes, patience)
    if not stat.S_ISREG(status.st_mode):
        raise CassetteFormatError("that is a device, not a file")
    return _read_regular(file, status.st_size, max_bytes)


def _read_regular(file: FileIO, size: int, max_bytes: int) -> bytes:
    """One read where the size is true; it may be wrong, or change meanwhile."""
    if size > max_bytes:
        raise _too_large(max_bytes)
    data = file.read(size + 1)
    if size and len(data) == size:
        return data
    pieces = [data]
    read = len(data)
    while data and read <= max_bytes:
        data = file.read(_PIECE)
        pieces.append(data)
        read += len(data)
    return b"".join(pieces)


def _read_pipe(file: FileIO, max_bytes: int, patience: float) -> bytes:
    data = bytearray()
    while len(data) <= max_bytes:
        piece = file.read(_PIECE)
        if piece:
            data += piece
        elif piece is not None:  # closed, or nobody ever opened it
            break
        elif not select.select([file], [], [], patience)[0]:
            raise CassetteFormatError(f"that is a pipe, and nothing came through it for {patience:g} seconds")
    if not data:
        raise CassetteFormatError("that is a pipe that nobody writes to")
    return bytes(data)


def _too_large(max_bytes: int) -> CassetteLimitError:
    return CassetteLimitError(f"more than {max_bytes} bytes; that is not read")
