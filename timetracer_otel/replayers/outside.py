"""What was recorded outside requests, beside a cassette that was named alone.

An app that is to serve one request has to start first. What it said then is in cassettes of its own: in the
folder, or in that of another day of the same store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from timetracer_otel import folders
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError, TimetracerError

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NOT_OF_A_PATH: Final = re.compile(r"(?:(?!__).)+(?:__[0-9a-f]{16,32}){1,3}\.[a-z.]+")
"""``startup__<id>.json``, ``SELECT__<id>.json``; a request has its path in the name, too."""


def recorded_beside(named: Iterable[Path]) -> Iterator[tuple[Path, Cassette]]:
    """The cassettes of calls outside requests in the folders of those files; none of the files themselves.

    One that cannot be read is left out: nobody asked for it.

    Args:
        named: cassette files.
    """
    known = {path.resolve() for path in named}
    for folder in dict.fromkeys(folder for path in sorted(known) for folder in days_of(path.parent)):
        for path in _files(folder):
            if path not in known and _NOT_OF_A_PATH.fullmatch(path.name):
                try:
                    cassette = Cassette.load(path)
                    outside = cassette.inbound_message is None
                except TimetracerError:
                    continue
                if outside:
                    yield path, cassette


def days_of(folder: Path) -> list[Path]:
    """The folders of all days of the store that this is a day of; else only itself.

    Args:
        folder: of a cassette.
    """
    if not _DAY.fullmatch(folder.name):
        return [folder]
    with suppress(CassetteError):
        return [
            Path(day) for day in folders.entries(folder.parent) if _DAY.fullmatch(day.name) and day.is_dir()
        ]
    return [folder]


def _files(folder: Path) -> list[Path]:
    with suppress(CassetteError):
        return [Path(entry) for entry in folders.entries(folder) if folders.is_file(entry)]
    return []
