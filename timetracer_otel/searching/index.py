"""A full-text index (SQLite's FTS5) of the cassettes of a folder.

It lies in the user's cache and not in the store: stores come from other people, and no database of theirs is
opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from timetracer_otel.errors import CassetteError, CassetteNotFound, SearchError, TimetracerError
from timetracer_otel.files import cache_folder
from timetracer_otel.searching.survey import Changes, File, survey
from timetracer_otel.views.summary import Summary

NEVER: Final = 2**63 - 1
"""Nanoseconds since the epoch that are after every start."""
_VERSION: Final = 1
"""Of the tables and of what is searched: raised, every index is made anew."""
_PATIENCE: Final = 60.0
"""Seconds to wait for another process that is writing."""
_OF_THE_PLACE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH,
    }
)  # fmt: skip
"""Errors that another file would have, too: no room, no right, another process that does not end."""
_BATCH: Final = 500
"""Cassettes that are kept at once."""
_TABLES: Final = (
    "CREATE TABLE store (path BLOB)",
    "CREATE TABLE folder (path BLOB PRIMARY KEY, changed INTEGER)",
    "CREATE TABLE file (id INTEGER PRIMARY KEY, folder BLOB, name BLOB, state TEXT, started INTEGER,"
    " error INTEGER, summary TEXT, said BLOB, UNIQUE (folder, name))",
    "CREATE INDEX by_start ON file (started)",
    "CREATE VIRTUAL TABLE words USING fts5 (said, content='', tokenize='unicode61 remove_diacritics 2')",
    f"PRAGMA user_version = {_VERSION}",
)


_SEARCH: Final = """
    SELECT folder, name, summary, said FROM file
    WHERE started >= :since AND started < :until AND (error OR NOT :errors)
    AND (:words = '' OR id IN (SELECT rowid FROM words WHERE words MATCH :words))
    ORDER BY started DESC, id
"""
_COUNT: Final = _SEARCH.replace("folder, name, summary, said", "count(*)")


class Query(NamedTuple):
    """What is looked for; all of it must hold.

    Attributes:
        words: each a word, or several that stand side by side; the last may end in ``*`` for any end.
        since: the earliest start, in nanoseconds since the epoch.
        until: what it must have started before.
        errors: only cassettes with an error.
    """

    words: Sequence[str] = ()
    since: int = 0
    until: int = NEVER
    errors: bool = False


class Found(NamedTuple):
    """One cassette that was found.

    Attributes:
        summary: of it, as it was when it was read.
        said: its text, in which the words are.
    """

    summary: Summary
    said: str


class Index:
    """What can be found in a folder of cassettes.

    Args:
        folder: of the cassettes.

    Raises:
        CassetteNotFound: there is no such folder.
        SearchError: the index cannot be kept.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            if folder.exists():
                raise CassetteNotFound(f"{folder}: that is one file; name the folder to search")
            raise CassetteNotFound(f"{folder}: there is no such folder; record some first")
        self._path = folder
        self._root = os.path.realpath(folder)
        self._place = (
            cache_folder("index") / f"{hashlib.sha256(os.fsencode(self._root)).hexdigest()[:32]}.sqlite"
        )
        with self._kept():
            self._database = _opened(self._place, self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def changes(self) -> Changes:
        """What must be read for the index to be equal to the folder.

        Raises:
            CassetteError: a folder cannot be read.
            SearchError: the index cannot be read.
        """
        with self._kept():
            rows = self._database.execute("SELECT path, changed FROM folder")
            with _as_it_was_kept():
                folders = {os.fsdecode(path): changed for path, changed in rows}
            return survey(self._root, folders, self._files)

    def update(self, changes: Changes) -> Iterator[File]:
        """Make the index equal to the folder. Stopped in the middle it goes on from there the next time.

        Yields:
            Each file when it was read.

        Raises:
            SearchError: the index cannot be written.
        """
        for first in range(0, len(changes.files), _BATCH):
            with self._transaction():
                for file in changes.files[first : first + _BATCH]:
                    self._forget(file.folder, file.name)
                    self._add(file)
                    yield file
        with self._transaction() as database:
            for folder, name in changes.gone:
                self._forget(folder, name)
            seen = [(os.fsencode(path), changed) for path, changed in changes.folders.items()]
            database.executemany("INSERT OR REPLACE INTO folder VALUES (?, ?)", seen)
            gone = [(os.fsencode(path),) for path in changes.folders_gone]
            database.executemany("DELETE FROM folder WHERE path = ?", gone)

    def search(self, query: Query) -> Iterator[Found]:
        """What is found, newest first.

        Raises:
            SearchError: the index cannot be read.
        """
        with self._kept():
            for folder, name, summary, said in self._database.execute(_SEARCH, _values(query)):
                with _as_it_was_kept():
                    path = self._path / os.fsdecode(folder) / os.fsdecode(name)
                    found = Found(Summary.again(path, json.loads(summary)), zlib.decompress(said).decode())
                yield found

    def count(self, query: Query) -> int:
        """How many are found.

        Raises:
            SearchError: the index cannot be read.
        """
        with self._kept():
            return int(self._database.execute(_COUNT, _values(query)).fetchone()[0])

    def damaged(self) -> int:
        """How many files of the folder cannot be read as cassettes.

        Raises:
            SearchError: the index cannot be read.
        """
        with self._kept():
            query = "SELECT count(*) FROM file WHERE started IS NULL"
            return int(self._database.execute(query).fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._kept():
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                yield self._database

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            if isinstance(error, CassetteError):
                raise
            if _is_damage(error):
                self._place.unlink(missing_ok=True)
                raise SearchError(
                    f"{self._place}: the index was damaged and is removed; search again"
                ) from error
            raise SearchError(
                f"{self._place}: the index cannot be kept there ({error});"
                " name another folder in XDG_CACHE_HOME"
            ) from error

    def _files(self, folder: str) -> dict[str, str]:
        query = "SELECT name, state FROM file WHERE folder = ?"
        rows = self._database.execute(query, [os.fsencode(folder)])
        with _as_it_was_kept():
            return {os.fsdecode(name): state for name, state in rows}

    def _forget(self, folder: str, name: str) -> None:
        place = "SELECT id, said FROM file WHERE folder = ? AND name = ?"
        names = [os.fsencode(folder), os.fsencode(name)]
        for number, said in self._database.execute(place, names).fetchall():
            with _as_it_was_kept():
                text = zlib.decompress(said).decode()
            # a table without content is told what it held
            delete = "INSERT INTO words (words, rowid, said) VALUES ('delete', ?, ?)"
            self._database.execute(delete, [number, text])
            self._database.execute("DELETE FROM file WHERE id = ?", [number])

    def _add(self, file: File) -> None:
        # loaded here: a search of a folder that has not changed needs neither
        from timetracer_otel.cassette import Cassette
        from timetracer_otel.searching.words import words_of

        path = Path(self._root, file.folder, file.name)
        started, error, summary, said = None, False, "", ""
        with contextlib.suppress(TimetracerError):
            cassette = Cassette.load(path)
            started = min(cassette.started, NEVER - 1)  # a number of OTLP's is larger than SQLite's
            error, said = cassette.has_error, words_of(cassette)
            summary = json.dumps(Summary.of(path, cassette).kept())
        names = [os.fsencode(file.folder), os.fsencode(file.name)]  # any bytes are a name
        number = self._database.execute(
            "INSERT INTO file VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            [*names, file.state, started, error, summary, zlib.compress(said.encode(), 1)],
        ).lastrowid
        self._database.execute("INSERT INTO words (rowid, said) VALUES (?, ?)", [number, said])


@contextlib.contextmanager
def _as_it_was_kept() -> Iterator[None]:
    """Around what reads the values of rows: they may be damaged where the pages of SQLite are whole."""
    try:
        yield
    except (zlib.error, ValueError, TypeError) as error:
        raise sqlite3.DatabaseError("a row is damaged") from error


def _is_damage(error: Exception) -> bool:
    """Whether another file in its place would do: its bytes are no database, not a whole one, or not ours."""
    if isinstance(error, UnicodeDecodeError):
        return True  # of what SQLite wanted to say of it
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF not in _OF_THE_PLACE


def _phrase(word: str) -> str:
    """As FTS5 has it: in quotes nothing is an operator."""
    plain = word.removesuffix("*")
    return '"' + plain.replace('"', '""') + '"' + ("*" if plain != word else "")


def _values(query: Query) -> dict[str, str | int]:
    words = " ".join(map(_phrase, query.words))
    since, until = min(query.since, NEVER), min(query.until, NEVER)
    return {"words": words, "since": since, "until": until, "errors": query.errors}


def _opened(place: Path, root: str) -> sqlite3.Connection:
    """The index in that file; a new one where there is none, or it is of another version or damaged."""
    cache_folder("index").mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        database = _connected(place)
        version = _version(database)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if not _is_damage(error):
            raise
        version = -1
    if version not in (0, _VERSION):
        place.unlink()
        database = _connected(place)
        version = 0
    if version == 0:
        _remove_orphans(place.parent)
        database.execute("BEGIN EXCLUSIVE")
        with database:
            if _version(database) == 0:  # no other process was faster
                for statement in _TABLES:
                    database.execute(statement)
                database.execute("INSERT INTO store VALUES (?)", [os.fsencode(root)])
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _connected(place: Path) -> sqlite3.Connection:
    if not place.exists():
        place.touch(mode=0o600)
    database = sqlite3.connect(place, timeout=_PATIENCE, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")  # it can be made again
    database.execute("PRAGMA secure_delete = ON")  # what is deleted is not kept in free pages
    return database


def _remove_orphans(folder: Path) -> None:
    """Remove the indexes of folders that are no longer there: they say what was in their cassettes."""
    for other in folder.glob("*.sqlite"):
        with contextlib.suppress(OSError, sqlite3.Error, TypeError, ValueError):
            with contextlib.closing(sqlite3.connect(other)) as database:
                (root,) = database.execute("SELECT path FROM store").fetchone()
            if not os.path.isdir(root):
                other.unlink()
