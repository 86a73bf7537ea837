"""Finding cassettes by what was said in them."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.searching import Index, Query
from timetracer_otel.span import SpanKind
from timetracer_otel.store import FolderStore

Find = Callable[..., list[object]]

CHECKOUT = "cassettes/2026-11-18/POST__checkout__aaaaaaaaaaaaaaaa.json"
FAILING = "cassettes/2026-11-18/PUT__products_id__bbbbbbbbbbbbbbbb.json"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own; where its indexes are."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "timetracer-otel" / "index"


@pytest.fixture
def found(run: Run) -> Find:
    """The files that are found: Find, newest first."""

    def found(*arguments: str) -> list[object]:
        return [one["path"] for one in samples.objects(run("search", "--json", *arguments).stdout)]

    return found


def said(body: bytes, trace: str = "c", minutes: float = 0, **headers: str) -> Cassette:
    """A request that was answered with that body, so long after the beginning."""
    response = HttpResponse(200, [(name.replace("_", "-"), value) for name, value in headers.items()], body)
    attributes = samples.inbound("GET", "/said", HttpRequest("GET", "http://shop/said"), response)
    return Cassette.from_spans(
        [
            samples.span(
                0, "GET /said", minutes * 60_000, 1, trace=trace, kind=SpanKind.SERVER, attributes=attributes
            )
        ]
    )


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ("dry", [CHECKOUT]),  # the URL
        ("quantity", [CHECKOUT]),  # the request's body
        ("declined", [CHECKOUT]),  # a dependency's answer
        ("cart:1", [CHECKOUT]),  # a Redis key
        ("1.25", [CHECKOUT]),  # a value of a row
        ("INSERT", [FAILING]),  # SQL
        ("duplicate key", [FAILING]),  # what an exception said
        ("UniqueViolationError", [FAILING]),  # its cause
        ("a" * 32, [CHECKOUT]),  # a trace id
        ("shop", [FAILING, CHECKOUT]),  # the service
        ("Internal", [FAILING]),
        ("nowhere", []),
        ("sqlalchemy", [FAILING]),  # the exception's class; which integration recorded a call is not said
    ],
)
def test_it_finds_what_was_said_anywhere(found: Find, checkout: Path, words: str, files: list[str]) -> None:
    assert found(words) == files


def test_words_are_whole_side_by_side_or_begin_with_a_star_after_them(found: Find, directory: Path) -> None:
    store = FolderStore("cassettes")
    store.write(said(b"a Tea pot, order ord_4711", "c"))
    store.write(said(b"a pot of tea, order ord_47110", "d", minutes=1))
    pot, tea = (f"cassettes/2026-11-18/GET__said__{trace * 16}.json" for trace in "cd")
    assert found("ord_4711") == [pot]
    assert found("ord_4711*") == [tea, pot]
    assert found("tea pot") == [pot]
    assert found("tea", "POT") == [tea, pot]
    assert found("tea", "4711") == [pot]
    assert found("te") == []


def test_what_a_query_language_would_mean_is_plain_text_here(found: Find, checkout: Path) -> None:
    assert found("declined", "OR", "duplicate") == []
    assert found("said:declined") == []
    assert found('"declined"', "(id)") == [CHECKOUT]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text().filter(lambda word: any(char.isalnum() for char in word)))
def test_any_word_can_be_looked_for(checkout: Path, word: str) -> None:
    with Index(checkout.parent.parent) as index:
        assert list(index.search(Query([word]))) == []


def test_text_is_found_as_it_reads_not_as_it_was_sent(found: Find, directory: Path) -> None:
    store = FolderStore("cassettes")
    store.write(said(gzip.compress(b'{"city": "Paris"}'), "c", content_encoding="gzip"))
    store.write(said(json.dumps({"city": "Köln", "mood": "\U0001f600 glad"}).encode(), "d", minutes=1))
    store.write(said(b"\x89PNG\r\n\x1a\n\xff city", "e", minutes=2))
    paris, koeln = (f"cassettes/2026-11-18/GET__said__{trace * 16}.json" for trace in "cd")
    assert found("paris") == [paris]
    assert found("köln") == found("KOLN") == found("glad") == [koeln]
    assert found("city") == [koeln, paris]


def test_it_shows_where_the_words_stand(run: Run, checkout: Path) -> None:
    done = run("search", "declined")
    heading, row = done.stdout.splitlines()
    assert heading.split() == ["time", "(UTC)", "request", "status", "duration", "said", "file"]
    assert row == ('2026-11-18 11:06:40  POST /checkout     201   12.5 ms  {"declined":true}  ' + CHECKOUT)
    assert done.exit_code == 0
    assert done.stderr == ""


def test_it_can_be_narrowed(found: Find, run: Run, checkout: Path) -> None:
    assert found() == [FAILING, CHECKOUT]
    assert found("--errors") == found("-k", "method:PUT") == found("--since", "2026-11-18T12:00") == [FAILING]
    assert found("-k", "status:2xx") == found("--until", "2026-11-18T12:00") == [CHECKOUT]
    assert found("shop", "-k", "status:2xx", "--errors") == []
    newest = run("search", "shop", "-n", "1")
    assert FAILING in newest.stdout
    assert CHECKOUT not in newest.stdout
    assert newest.stderr == "and 1 older; -n 2 shows all\n"


def test_nothing_found_is_said(run: Run, checkout: Path) -> None:
    done = run("search", "nowhere")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "nothing of that in the cassettes of cassettes\n"


def test_a_folder_among_the_words_is_said_to_be_one(run: Run, checkout: Path) -> None:
    done = run("search", "declined", "cassettes")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == (
        "nothing of that in the cassettes of cassettes; cassettes is a folder: give it as --in cassettes\n"
    )


def test_what_was_written_replaced_or_deleted_since_is_known(found: Find, checkout: Path) -> None:
    assert found("later") == []
    store = FolderStore("cassettes")
    later = store.write(said(b"later"))
    assert found("later") == [str(later)]
    store.write(said(b"corrected"))
    assert (found("later"), found("corrected")) == ([], [str(later)])
    later.unlink()
    assert found("corrected") == []
    Path("cassettes").rename("moved")
    assert found("declined", "--in", "moved") == [CHECKOUT.replace("cassettes", "moved")]


def test_only_what_changed_is_read(checkout: Path) -> None:
    folder = Path("cassettes")
    other = FolderStore(folder).write(said(b"another day", minutes=24 * 60))
    for path in (folder, other.parent, checkout.parent):
        os.utime(path, (1, 1))  # long ago: their times tell of any change
    with Index(folder) as index:
        changes = index.changes()
        assert len(changes.files) == 3
        assert [file.name for file in index.update(changes)] == [file.name for file in changes.files]
        assert index.changes() == ([], [], {}, [])
        new = FolderStore(folder).write(said(b"the same day", "d"))
        assert [file.name for file in index.changes().files] == [new.name]
        assert set(index.changes().folders) == {"2026-11-18"}


def test_a_damaged_file_is_in_nobodys_way(run: Run, found: Find, checkout: Path) -> None:
    checkout.with_name("broken.json").write_bytes(b'{"resourceSpans": [')
    (checkout.parent / os.fsdecode(b"\xff.json")).write_bytes(said(b"oddly named").dump())
    assert found("declined") == [CHECKOUT]
    assert len(found("oddly")) == 1
    told = run("search", "declined").stderr
    assert told == "1 file could not be read; timetracer-otel validate says why\n"


def test_a_start_that_no_calendar_has_is_found_as_any_other(found: Find, run: Run, directory: Path) -> None:
    late = said(b"hostile")
    late.entry.start_time_unix_nano = late.entry.end_time_unix_nano = 2**64 - 1
    Path("cassettes").mkdir()
    Path("cassettes/late.json").write_bytes(late.dump())
    assert found("hostile") == ["cassettes/late.json"]
    assert found("hostile", "--until", "2026-11-20") == found("--since", "9999-01-01") == []
    assert run("search", "--until", "9999-01-01").exit_code == 0


def test_the_index_is_this_users_and_goes_with_its_folder(run: Run, cache: Path, checkout: Path) -> None:
    run("search")
    (index,) = cache.iterdir()
    assert index.stat().st_mode & 0o777 == 0o600
    Path("cassettes").rename("moved")
    run("search", "--in", "moved")
    (moved,) = cache.iterdir()
    assert moved != index


@pytest.mark.parametrize("damage", [b"no database at all, but some text", b""])
def test_an_index_that_is_damaged_is_made_anew(
    found: Find, cache: Path, checkout: Path, damage: bytes
) -> None:
    found()
    (index,) = cache.iterdir()
    index.write_bytes(damage)
    assert found("declined") == [CHECKOUT]


def test_an_index_damaged_in_the_middle_is_removed_and_said(run: Run, cache: Path, checkout: Path) -> None:
    run("search")
    (index,) = cache.iterdir()
    data = index.read_bytes()
    index.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    done = run("search", "declined")
    assert (done.exit_code, done.stderr) == (
        2,
        f"error: {index}: the index was damaged and is removed; search again\n",
    )
    assert CHECKOUT in run("search", "declined").stdout


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE file SET said = x'78'",
        "UPDATE file SET said = 1",
        "UPDATE file SET summary = '[1, 2'",
        "UPDATE file SET summary = CAST(x'ff' AS TEXT)",
        "UPDATE file SET summary = '[]'",
        "UPDATE folder SET path = rowid",
        "DROP TABLE folder",
        "DROP TABLE words_data",
        "DROP TABLE words_config",
    ],
)
def test_rows_damaged_in_a_whole_database_are_removed_and_said(
    run: Run, cache: Path, checkout: Path, damage: str
) -> None:
    run("search")
    (index,) = cache.iterdir()
    with contextlib.closing(sqlite3.connect(index)) as database:
        database.execute(damage)
        database.commit()
    done = run("search", "declined")
    assert (done.exit_code, done.stderr) == (
        2,
        f"error: {index}: the index was damaged and is removed; search again\n",
    )
    assert CHECKOUT in run("search", "declined").stdout


def test_what_cannot_be_is_one_line(run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*arguments: str) -> str:
        done = run("search", *arguments)
        assert done.exit_code == 2
        return done.stderr.splitlines()[-1]

    assert told("--in", "gone") == "error: gone: there is no such folder; record some first"
    assert told("--in", CHECKOUT) == f"error: {CHECKOUT}: that is one file; name the folder to search"
    Path("recordings").mkdir()
    monkeypatch.setenv("TIMETRACER_DIR", "gone")
    mistaken = "Error: recordings is a folder, not what was said: give it as --in recordings"
    assert told("declined", "recordings") == mistaken
    monkeypatch.delenv("TIMETRACER_DIR")
    assert told("==") == "Error: Invalid value for WORDS: '==' has no letter and no digit in it"
    assert told("--since", "soon").startswith("Error: Invalid value for '--since': 'soon' is no moment")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert told("x").startswith("error: /dev/null/timetracer-otel/index/")
    assert told("x").endswith("name another folder in XDG_CACHE_HOME")


def test_indexing_that_was_interrupted_goes_on(found: Find, directory: Path) -> None:
    Path("cassettes").mkdir()
    for number in range(1200):
        Path(f"cassettes/{number:04}.json").write_bytes(said(b"often").dump())
    with Index(Path("cassettes")) as index:
        reading = index.update(index.changes())
        for _ in range(600):
            next(reading)
        del reading
        assert len(index.changes().files) == 700
    assert len(found("-n", "2000")) == 1200


def test_two_searches_at_once_agree(checkout: Path) -> None:
    command = [sys.executable, "-m", "timetracer_otel", "search", "declined"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert said[0] == said[1] != ""
