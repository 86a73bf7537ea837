"""Which cassettes are meant: paths given, or the settings'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from timetracer_otel.cassette import Cassette
from timetracer_otel.cli.options import settings_from
from timetracer_otel.errors import CassetteError, CassetteFormatError, CodecError
from timetracer_otel.folders import is_url
from timetracer_otel.opening import open_store
from timetracer_otel.store import FolderStore


def stores(given: Sequence[str], environ: dict[str, str], *, to_replay: bool = False) -> list[FolderStore]:
    """The stores that were named, else the one in the settings.

    Args:
        given: files and folders.
        environ: where the settings are read, when none is given.
        to_replay: the setting for what to replay comes first.

    Raises:
        ConfigurationError: a setting is malformed, or it is no path.
    """
    settings = None
    if not given or any(map(is_url, given)):
        settings = settings_from(environ)
        given = given or [(settings.cassette if to_replay else "") or settings.dir]
    return [open_store(spec, settings) for spec in given]


def matching(text: str | None) -> Callable[[Cassette], bool]:
    """Whether a cassette is one that ``-k TEXT`` means: by its title, its URL or its trace id."""
    wanted = (text or "").casefold()

    def matches(cassette: Cassette) -> bool:
        url = str(cassette.entry.attributes.get("url.full", ""))
        where = f"{cassette.title}\n{url}\n{cassette.entry.trace_id}".casefold()
        return wanted in where

    return matches


def find(name: str, store: FolderStore) -> tuple[Path, Cassette]:
    """The cassette of that path, or of that trace id or span id, of which the beginning is enough.

    Raises:
        CassetteError: there is none, there are several, or it cannot be read.
    """
    if is_url(name):
        path = open_store(name).path
        return path, Cassette.load(path)
    path = Path(name)
    if not _is_id(name) or path.exists():
        return path, Cassette.load(path)
    wanted = name.lower()
    # a file written by us has the trace id in its name: most searches load one file
    paths = list(store.paths())
    found = _with_id([path for path in paths if f"__{wanted[:16]}" in path.name], wanted)
    found = found or _with_id(paths, wanted)
    if not found:
        raise CassetteError(f"{name}: there is no such file, and no cassette of that id in {store.path}")
    if len(found) > 1:
        names = ", ".join(str(path) for path, _ in found[:3]) + (", ..." if len(found) > 3 else "")
        raise CassetteError(f"{name} begins the id of {len(found)} cassettes; name one: {names}")
    return found[0]


def load_all(
    given: Sequence[str], environ: dict[str, str], *, messages: bool = False
) -> tuple[list[Cassette], list[CassetteError]]:
    """The cassettes that were named, oldest first, and why others cannot be read.

    Args:
        given: files, folders, trace ids or span ids; all of the settings' store where none is.
        environ: where the settings are read.
        messages: every message in them is needed.

    Raises:
        ConfigurationError: a setting is malformed.
        CassetteError: one that was named is not there.
    """
    from timetracer_otel.cli.progress import tracked

    found: list[Cassette] = []
    damaged: list[CassetteError] = []
    for spec in given or [""]:
        if _is_id(spec) and not Path(spec).exists():
            (store,) = stores([], environ)
            found.append(find(spec, store)[1])
            continue
        (store,) = stores([spec] if spec else [], environ)
        paths = list(store.paths())
        for path in tracked(paths, "reading", len(paths)):
            try:
                cassette = store.load(path)
                if messages:
                    read_messages(path, cassette)
                found.append(cassette)
            except CassetteError as error:
                damaged.append(error)
    found.sort(key=lambda cassette: cassette.started)
    return found, damaged


def read_messages(path: Path, cassette: Cassette) -> None:
    """See that every message in a cassette can be read.

    Raises:
        CassetteFormatError: one cannot; it names the file.
    """
    try:
        cassette.read_messages()
    except CodecError as error:
        raise CassetteFormatError(f"{path}: {error}") from error


def _with_id(paths: Sequence[Path], wanted: str) -> list[tuple[Path, Cassette]]:
    from timetracer_otel.cli.progress import tracked

    found: list[tuple[Path, Cassette]] = []
    for path in tracked(paths, "searching", len(paths)):
        try:
            cassette = Cassette.load(path)
        except CassetteError:
            continue  # a damaged file hides no other
        if cassette.entry.trace_id.startswith(wanted) or cassette.entry.span_id.startswith(wanted):
            found.append((path, cassette))
    return found


def _is_id(name: str) -> bool:
    return 4 <= len(name) <= 32 and all(char in "0123456789abcdef" for char in name.lower())
