"""What has changed in a folder of cassettes since it was last looked at."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from timetracer_otel.folders import entries, is_file

_SETTLED: Final = 2 * 10**9
"""Nanoseconds after which a folder's time is believed: a second change within one tick of the file system's
clock would not be seen.
"""


class File(NamedTuple):
    """A file that must be read.

    Attributes:
        folder: the folder's path below the root, ``""`` for the root itself.
        name: its own.
        state: what tells it from another of its name.
    """

    folder: str
    name: str
    state: str


class Changes(NamedTuple):
    """What must be done to know a folder as it is.

    Attributes:
        files: new or other than they were.
        gone: folder and name of files that are no longer there.
        folders: when each folder that was looked through had changed, in nanoseconds; 0 where that is
            too short ago to tell whether there will be another change with the same time.
        folders_gone: folders that are no longer there.
    """

    files: list[File]
    gone: list[tuple[str, str]]
    folders: dict[str, int]
    folders_gone: list[str]


def survey(root: str, folders: Mapping[str, int], files: Callable[[str], Mapping[str, str]]) -> Changes:
    """Compare a folder and those below it with what is known of them. A folder that has not changed is not
    looked through.

    Args:
        root: the folder's path.
        folders: what is known: see :class:`Changes`.
        files: the state of each file known of a folder, by name.

    Raises:
        CassetteError: a folder cannot be read.
    """
    changes = Changes([], [], {}, [])
    seen = set(_walk(root, "", folders, files, changes))
    for folder in folders.keys() - seen:
        changes.folders_gone.append(folder)
        changes.gone.extend((folder, name) for name in files(folder))
    return changes


def _walk(
    root: str,
    folder: str,
    folders: Mapping[str, int],
    files: Callable[[str], Mapping[str, str]],
    changes: Changes,
) -> Iterator[str]:
    yield folder
    began = time.time_ns()
    changed = os.stat(os.path.join(root, folder)).st_mtime_ns
    if changed and folders.get(folder) == changed:
        below = [known for known in folders if known and os.path.dirname(known) == folder]
    else:
        changes.folders[folder] = changed if changed < began - _SETTLED else 0
        below = []
        known = dict(files(folder))
        for entry in entries(Path(root, folder)):
            if entry.is_dir(follow_symlinks=False):
                below.append(os.path.join(folder, entry.name))
            elif is_file(entry):
                state = _state(entry)
                if known.pop(entry.name, None) != state:
                    changes.files.append(File(folder, entry.name, state))
        changes.gone.extend((folder, name) for name in known)
    for path in below:
        yield from _walk(root, path, folders, files, changes)


def _state(entry: os.DirEntry[str]) -> str:
    try:
        found = entry.stat()
    except OSError:  # a link to nowhere: what is wrong is said when it is read
        return ""
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
