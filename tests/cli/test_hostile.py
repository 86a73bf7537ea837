"""Cassettes come from other people: what is in one cannot steer a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel.store import FolderStore
from timetracer_otel.views.text import printable

TITLE = "\x1b]0;owned\x07"
HOSTILE = f"{TITLE}\x1b[2J\x9b1A\r[red]not styled[/red]\u202egnp.exe\u2028\x7f"


@pytest.mark.parametrize("command", [["list"], ["show", "cccc"], ["show", "--full", "cccc"], ["validate"]])
@pytest.mark.parametrize("terminal", ["", "1"])
def test_nothing_in_a_cassette_reaches_the_terminal_as_a_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str], terminal: str
) -> None:
    FolderStore("cassettes").write(samples.hostile(HOSTILE))
    monkeypatch.setenv("FORCE_COLOR", terminal)
    monkeypatch.setenv("COLUMNS", "2000")
    done = run(*command)
    assert done.exit_code == 0
    assert r"\x1b]0;owned\x07\x1b[2J\x9b1A\r[red]not styled[/red]\u202egnp.exe\u2028\x7f" in done.stdout
    ours = {"\n", "\x1b"} if terminal else {"\n"}
    assert {char for char in done.stdout if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")} == ours
    assert "\x1b]" not in done.stdout
    assert "\x1b[2J" not in done.stdout


@pytest.mark.parametrize("command", [["list", "--json"], ["show", "--json", "cccc"], ["validate", "--json"]])
def test_json_is_ascii_and_says_the_same(run: Run, command: list[str]) -> None:
    FolderStore("cassettes").write(samples.hostile(HOSTILE))
    (row,) = run(*command).stdout.splitlines()
    assert row.isascii()
    assert row.isprintable()
    assert any(HOSTILE in text for text in _texts(json.loads(row)))


def test_the_name_of_a_file_is_no_different(run: Run) -> None:
    Path("cassettes").mkdir()
    FolderStore("cassettes").write(samples.checkout()).rename(f"cassettes/{TITLE}.json")
    Path(f"cassettes/{TITLE}").write_text("damaged")
    done = run("list")
    assert "cassettes/\\x1b]0;owned\\x07.json" in done.stdout
    assert "error: cassettes/\\x1b]0;owned\\x07: " in done.stderr
    assert "\x1b" not in done.output


@given(st.text())
def test_printable_text_is_on_one_line_and_visible(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    if text.isprintable():
        assert shown == text


def test_a_stream_that_cannot_have_our_marks_gets_ascii(run: Run, checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "show", checkout],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert b"|- pay  6.0 ms\n|  `- httpx  POST http://payments/charges  402  4.0 ms\n" in done.stdout


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list | dict):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _texts(item)
