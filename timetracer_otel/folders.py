"""What is in a folder of cassettes, whatever its files are named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from timetracer_otel import volatile_rules
from timetracer_otel.errors import CassetteError


def is_url(spec: str | os.PathLike[str]) -> bool:
    """Whether that names no folder of this machine, but a bucket, say."""
    return isinstance(spec, str) and "://" in spec


copies: dict[Path, str] = {}
"""Folders that are copies of what is elsewhere, and its URL."""


def shown(path: Path) -> str:
    """A path as one would type it: of what is in a copy, its address in the place that was copied.

    Args:
        path: of a file, or of a folder.
    """
    whole = path.absolute()
    for above in (whole, *whole.parents) if copies else ():
        url = copies.get(above)
        if url is not None:
            return "/".join((url, *whole.relative_to(above).parts))
    return str(path)


def files(folder: Path) -> Iterator[Path]:
    """The files in a folder and those below it, in the order of their names.

    Raises:
        CassetteError: a folder cannot be read.
    """
    for entry in entries(folder):
        if entry.is_dir(follow_symlinks=False):  # a link to a folder above would never end
            yield from files(folder / entry.name)
        elif is_file(entry):
            yield folder / entry.name


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What may be a cassette, or a folder of them, in the order of names. Hidden ones are left out: they
    may be cassettes that are being written.

    Raises:
        CassetteError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if _may_be_ours(entry.name)), key=_name)
    except OSError as error:
        raise CassetteError(f"{folder}: the folder cannot be read: {error.strerror or error}") from error


def is_file(entry: os.DirEntry[str]) -> bool:
    """Pipes, sockets and devices are nobody's cassettes; what cannot be told is named when it is read."""
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return True


def _may_be_ours(name: str) -> bool:
    return not name.startswith(".") and name != volatile_rules.FILE


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
