"""Where cassettes live: a folder, one sub-folder a day.

``2026-11-20/POST__checkout__1f2e3d4c5b6a7980.json``. A cassette is there whole or not at all: it is
written beside its place under a hidden name and then moved.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Final, TypeAlias

from timetracer_otel import folders
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError, CassetteNotFound
from timetracer_otel.files import read_file
from timetracer_otel.formats import Compression, Encoding, Limits
from timetracer_otel.formats.compression import SUFFIXES, decompress, detect

_EXTENSIONS: Final[dict[Encoding, str]] = {"json": ".json", "protobuf": ".pb"}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")
_TITLE_SIZE: Final = 80
_DAY: Final = 86_400 * 10**9
"""Nanoseconds of a day."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NAMELESS: Final = getattr(os, "O_TMPFILE", 0) and os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC
"""A file that has no name until it is given one (Linux); 0 elsewhere."""
_NO_NAMELESS: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})
"""What file systems without them answer."""
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

Places: TypeAlias = "tuple[str, str, str]"
"""Where a cassette may be, best first."""

_counter = itertools.count()


class FolderStore:
    """Cassettes in a folder tree. Several processes may write to one at the same time.

    Args:
        path: the folder, made when the first cassette is written; a single file is a store of one.
        encoding: what :meth:`write` writes; reading takes any.
        compression: as above.
        fsync: have the disk confirm each cassette before it appears, so that it survives the machine
            losing power and not only the process being killed. Costs milliseconds a cassette.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        encoding: Encoding = "json",
        compression: Compression = "none",
        fsync: bool = False,
    ) -> None:
        self.path = Path(path)
        self._encoding = encoding
        self._compression = compression
        self._fsync = fsync
        self._suffix = _EXTENSIONS[encoding] + SUFFIXES[compression]
        self._root = os.path.join(self.path, "")  # strings from here: this runs for every request recorded
        self._nameless = bool(_NAMELESS)

    def __repr__(self) -> str:
        return f"<FolderStore {str(self.path)!r}>"

    def write(self, cassette: Cassette) -> Path:
        """Write a cassette, in place of an earlier one of the same entry span.

        It never replaces another: where two share a name, the later one's ends in its span id.

        Returns:
            Where it is.

        Raises:
            OSError: it could not be written; nothing is left behind.
            CodecError: it holds an attribute value that OTLP cannot carry.
            CassetteLimitError: it holds an attribute value nested too deeply.
        """
        return self.put(cassette.dump(self._encoding, self._compression), cassette)

    def add(self, cassette: Cassette) -> Path:
        """Write a cassette whose entry span has none yet: as :meth:`write`, with fewer looks at the disk.

        Each gives other threads the processor, and the thread that writes may wait long to get it back.

        Returns:
            Where it is.

        Raises:
            OSError: as :meth:`write`.
            CodecError: as :meth:`write`.
            CassetteLimitError: as :meth:`write`.
        """
        return self.put(cassette.dump(self._encoding, self._compression), cassette, fresh=True)

    def put(self, data: bytes, about: Cassette, *, fresh: bool = False, places: Places | None = None) -> Path:
        """Write a cassette that is encoded already; see :meth:`write`.

        Args:
            data: all of it, in this store's encoding and compression.
            about: at least its entry span.
            fresh: there is no earlier one: its trace has just ended, or :meth:`find` found out.
            places: its :meth:`places`, where they are known.

        Raises:
            OSError: it could not be written; nothing is left behind.
        """
        places = places or self.places(about)
        folder = os.path.dirname(places[0])
        if fresh and self._nameless and self._write_nameless(folder, data, places[0]):
            return Path(places[0])
        temporary = self._write_temporary(folder, data)
        try:
            return Path(_move(temporary, places, about, fresh=fresh))
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            if self._fsync:
                _sync_folder(folder)

    def places(self, about: Cassette) -> Places:
        """Where a cassette of that entry span may be, best first."""
        return self._places(self._folder(about), about)

    def find(self, about: Cassette) -> Path | None:
        """Where an earlier cassette of the same entry span is, written with this store's encoding."""
        for place in self._places(self._folder(about), about):
            if os.path.exists(place) and is_of_same_entry(place, about):
                return Path(place)
        return None

    def replace(self, path: Path, cassette: Cassette) -> None:
        """Write a cassette in place of the one in that file, in its encoding and compression, whole or not
        at all.

        Raises:
            CassetteError: the file cannot be read.
            OSError: it cannot be written.
        """
        before = read_file(path, Limits().max_bytes)
        encoding: Encoding = "json" if decompress(before)[:64].lstrip().startswith(b"{") else "protobuf"
        temporary = self._write_temporary(str(path.parent), cassette.dump(encoding, detect(before)))
        try:
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    @property
    def name(self) -> str:
        """What to call it before a person."""
        return str(self.path)

    def read(self, path: Path) -> bytes:
        """The bytes of a cassette at one of its :meth:`places`.

        Raises:
            OSError: they cannot be read.
        """
        return path.read_bytes()

    def names(self, folder: str) -> Iterator[str]:
        """The names in one of its folders, in no order.

        Raises:
            OSError: it cannot be read.
        """
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name

    def local(self, path: Path) -> Path:
        """Where a cassette that was written can be read as a file."""
        return path

    def paths(self) -> Iterator[Path]:
        """The files of the store in the order of their names, whatever those are. Hidden ones, and
        so cassettes that are being written, are left out.

        Raises:
            CassetteNotFound: there is no such folder or file.
            CassetteError: a folder cannot be read.
        """
        try:
            mode = self.path.stat().st_mode
        except (FileNotFoundError, ValueError):  # a NUL in the path
            raise CassetteNotFound(
                f"{self.path}: there is no such folder or file; record some first"
            ) from None
        except OSError as error:
            raise CassetteNotFound(f"{self.path}: it cannot be read: {error.strerror or error}") from error
        if stat.S_ISDIR(mode):
            yield from folders.files(self.path)
        else:
            yield self.path

    def load(self, path: str | PathLike[str]) -> Cassette:
        """The cassette at one of :meth:`paths`.

        Raises:
            CassetteError: it is not there, or not a cassette, or cannot be read.
        """
        return Cassette.load(path)

    def iter(
        self, on_error: Callable[[Path, CassetteError], None] | None = None
    ) -> Iterator[tuple[Path, Cassette]]:
        """Every cassette with its path, one in memory at a time.

        Args:
            on_error: called for each file that cannot be read; by default its error is raised.

        Raises:
            CassetteError: see ``on_error``.
        """
        for path in self.paths():
            try:
                cassette = self.load(path)
            except CassetteError as error:
                if on_error is None:
                    raise
                on_error(path, error)
            else:
                yield path, cassette

    def _folder(self, cassette: Cassette) -> str:
        return f"{self._root}{_day(cassette.started // _DAY)}"

    def _places(self, folder: str, cassette: Cassette) -> Places:
        """Where a cassette may be, best first; the last is no other's."""
        trace_id, span_id = cassette.entry.trace_id, cassette.entry.span_id
        # half of a trace id is enough to tell traces apart; a 64-bit one is padded with zeros before it
        half = trace_id[:16] if trace_id[:16].strip("0") else trace_id[16:]
        title, suffix = f"{folder}/{_file_title(cassette.route)}", self._suffix
        return (
            f"{title}__{half}{suffix}",
            f"{title}__{half}__{span_id}{suffix}",
            f"{title}__{half}__{trace_id}__{span_id}{suffix}",
        )

    def _write_temporary(self, folder: str, data: bytes) -> str:
        """The data in a new hidden file of that folder."""
        while True:
            temporary = f"{folder}/.{os.getpid()}-{next(_counter)}.tmp"
            try:
                file = os.open(temporary, _NEW, 0o666)
            except FileNotFoundError:
                os.makedirs(folder, exist_ok=True)
            except FileExistsError:  # a process of another container or host with our process id
                continue
            else:
                break
        try:
            try:
                self._fill(file, data)
            finally:
                os.close(file)
        except BaseException:
            os.unlink(temporary)
            raise
        return temporary

    def _write_nameless(self, folder: str, data: bytes, place: str) -> bool:
        """The data in a new file of that name; false where the name is taken or this way is not there."""
        try:
            file = os.open(folder, _NAMELESS, 0o666)
        except OSError as error:
            self._nameless = error.errno not in _NO_NAMELESS
            return False  # the folder is not there yet, say: the other way makes it, or says what is wrong
        try:
            self._fill(file, data)
            try:
                # to name a directory makes it linkat(2), the one call that follows this link
                os.link(f"/proc/self/fd/{file}", place, src_dir_fd=file, follow_symlinks=True)
            except FileExistsError:
                return False
            except OSError:  # no /proc, say
                self._nameless = False
                return False
        finally:
            os.close(file)
        if self._fsync:
            _sync_folder(folder)
        return True

    def _fill(self, file: int, data: bytes) -> None:
        written = os.write(file, data)
        while written < len(data):
            written += os.write(file, memoryview(data)[written:])
        if self._fsync:
            os.fsync(file)


def _move(temporary: str, places: Places, cassette: Cassette, *, fresh: bool) -> str:
    """Move a written file to the first place that is free or has been its own."""
    *shared, own = places
    for place in () if fresh else places[1:]:
        if os.path.exists(place) and is_of_same_entry(place, cassette):
            os.replace(temporary, place)
            return place
    for place in shared:
        if _move_to_new(temporary, place):
            return place
        if is_of_same_entry(place, cassette):
            os.replace(temporary, place)
            return place
    os.replace(temporary, own)
    return own


def _move_to_new(temporary: str, place: str) -> bool:
    """Move to a name that nobody has; false when somebody does. A rename would replace it, a hard
    link cannot.
    """
    try:
        os.link(temporary, place)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.exists(place):  # a moment lies between the two: it has nothing better
            return False
        os.replace(temporary, place)
    return True


def is_of_same_entry(place: str | bytes, cassette: Cassette) -> bool:
    """Whether a file, or bytes, are a cassette of the same entry span."""
    try:
        entry = Cassette.load(place).entry
    except CassetteError:
        return False
    return (entry.trace_id, entry.span_id) == (cassette.entry.trace_id, cassette.entry.span_id)


@lru_cache(maxsize=1024)
def _file_title(title: str) -> str:
    """``POST__checkout``: the title in characters that every file system takes."""
    method, slash, path = title.partition(" /")
    parts = [method, path or "root"] if slash else [method]
    safe = (_UNSAFE.sub("_", part).strip("_") for part in parts)
    return "__".join(part for part in safe if part)[:_TITLE_SIZE].lstrip("._") or "span"


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    """``2026-11-20``, by the number of days since 1970 (UTC)."""
    return (date(1970, 1, 1) + timedelta(number)).isoformat()


def _sync_folder(folder: str) -> None:
    """Have the disk confirm the new name too; not possible everywhere."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
