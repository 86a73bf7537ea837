"""On a terminal: colours, and no wider than it is."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from timetracer_otel.cli.progress import tracked


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """50 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "50")


def plain(printed: str) -> list[str]:
    return [re.sub(r"\x1b\[[\d;]*m", "", row).rstrip() for row in printed.splitlines()]


def test_a_tree_is_cut_at_the_edge(run: Run, checkout: Path) -> None:
    printed = run("show", checkout).stdout
    assert "\x1b[35msqlalchemy\x1b[0m" in printed
    rows = plain(printed)
    assert max(map(len, rows)) == 50
    assert rows[6] == "├─ sqlalchemy  SELECT id, price, since FROM produ…"


def test_a_whole_tree_is_wrapped_within_its_branches(run: Run, checkout: Path) -> None:
    rows = plain(run("show", "--full", checkout).stdout)
    assert max(map(len, rows)) <= 50
    start = rows.index("├─ sqlalchemy  SELECT id, price, since FROM")
    assert rows[start + 1] == "│  product WHERE id > $1  2.5 ms"


def test_a_table_gives_up_width_where_that_helps(
    run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "POST /" + "x" * 60
    path = checkout.with_name("a.json")
    checkout.write_bytes(checkout.read_bytes().replace(b"/checkout", title[5:].encode()))
    checkout.rename(path)
    _, last = plain(run("list", "-k", "xxx").stdout)
    assert title[:39] + "…" in last
    assert last.endswith(f"  {path}")
    monkeypatch.setenv("COLUMNS", str(len(last)))
    assert plain(run("list", "-k", "xxx").stdout)[1] == last
    monkeypatch.setenv("COLUMNS", str(len(last) - 5))
    assert plain(run("list", "-k", "xxx").stdout)[1] == last.replace("xxxxx…", "…")
    monkeypatch.setenv("COLUMNS", "1000")
    assert title in run("list").stdout


def test_json_has_no_colours(run: Run, checkout: Path) -> None:
    assert "\x1b" not in run("show", "--json", checkout).stdout


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_long_work_shows_how_far_it_is_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(number: int, *, stderr: io.StringIO, stdout: io.StringIO, printing: bool = False) -> bool:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(sys, "stdout", stdout)
        assert list(tracked(range(number), "reading", number, printing=printing)) == list(range(number))
        assert stdout.getvalue() == ""
        return "reading" in stderr.getvalue()

    assert drawn(500, stderr=Screen(), stdout=Screen())
    assert drawn(500, stderr=Screen(), stdout=io.StringIO(), printing=True)
    assert not drawn(500, stderr=Screen(), stdout=Screen(), printing=True)
    assert not drawn(500, stderr=io.StringIO(), stdout=Screen())
    assert not drawn(5, stderr=Screen(), stdout=Screen())
