from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.cli import samples
from tests.cli.conftest import Run


def test_it_lists_what_was_recorded_newest_first(run: Run, checkout: Path) -> None:
    failing = checkout.with_name("PUT__products_id__bbbbbbbbbbbbbbbb.json")
    done = run("list")
    assert done.exit_code == 0
    assert [row.split("  ") for row in _single_spaced(done.stdout)] == [
        ["time (UTC)", "request", "status", "duration", "calls", "gaps", "size", "file"],
        ["2026-11-18 12:06:40", "PUT /products/{id}", "500", "3.0 ms", "1 db", *_file(failing)],
        [
            "2026-11-18 11:06:40",
            "POST /checkout",
            "201",
            "12.5 ms",
            "1 db, 1 http, 1 redis",
            "1",
            *_file(checkout),
        ],
    ]


def test_columns_stand_below_their_headings(run: Run, checkout: Path) -> None:
    heading, *rows = run("list").stdout.splitlines()
    for name in ("time (UTC)", "request", "calls", "file"):
        start = heading.index(name)
        assert all(row[start - 1] == " " or start == 0 for row in rows)
        assert all(row[start] != " " for row in rows)


def test_a_store_is_named_by_path_or_by_setting(run: Run, checkout: Path) -> None:
    shutil.move("cassettes", "kept")
    assert run("list", "kept").stdout == run("list", Path("kept").absolute()).stdout
    Path("pyproject.toml").write_text("[tool.timetracer]\ndir = 'kept'\n")
    assert run("list").stdout == run("list", "kept").stdout


def test_json_is_one_object_a_line(run: Run, checkout: Path) -> None:
    newest, oldest = samples.objects(run("list", "--json").stdout)
    assert newest["title"] == "PUT /products/{id}"
    assert oldest == {
        "path": str(checkout),
        "title": "POST /checkout",
        "trace_id": "a" * 32,
        "started_unix_nano": samples.BEGAN,
        "duration_ms": 12.5,
        "status": 201,
        "error": False,
        "calls": {"db": 1, "http": 1, "redis": 1},
        "gaps": 1,
        "size": checkout.stat().st_size,
    }


def test_filters(run: Run, checkout: Path) -> None:
    def titles(*options: str) -> list[object]:
        return [one["title"] for one in samples.objects(run("list", "--json", *options).stdout)]

    assert titles("-k", "CHECK") == ["POST /checkout"]
    assert titles("-k", "dry=1") == ["POST /checkout"]
    assert titles("-k", "bbbbbbbb") == ["PUT /products/{id}"]
    assert titles("--errors") == ["PUT /products/{id}"]
    assert titles("--limit", "1") == ["PUT /products/{id}"]
    assert titles("-k", "no such thing") == []
    assert titles("-k", "method:POST") == ["POST /checkout"]
    assert titles("-k", "endpoint:/products/*", "-k", "method:PUT") == ["PUT /products/{id}"]
    assert titles("-k", "endpoint:/products/*", "-k", "method:POST") == []


def test_a_filter_that_nothing_passes_is_not_an_empty_store(run: Run, checkout: Path) -> None:
    done = run("list", "-k", "no such thing")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "none of the 2 in cassettes is such a one\n")


def test_a_damaged_file_hides_no_other(run: Run, checkout: Path) -> None:
    damaged = checkout.with_name("damaged.json")
    damaged.write_bytes(checkout.read_bytes()[:500])
    done = run("list")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 3
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"error: {damaged}: ")


def test_an_empty_store_is_not_an_error(run: Run, directory: Path) -> None:
    (directory / "cassettes").mkdir()
    done = run("list")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no cassettes in cassettes\n")


def test_a_store_that_is_not_there_is(run: Run) -> None:
    done = run("list")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: cassettes: there is no such folder or file; record some first\n"


def _single_spaced(printed: str) -> list[str]:
    """The rows with two spaces between columns, however wide those are."""
    return [re.sub(" {2,}", "  ", row) for row in printed.splitlines()]


def _file(path: Path) -> tuple[str, str]:
    return f"{path.stat().st_size / 1000:.1f} kB", str(path)
