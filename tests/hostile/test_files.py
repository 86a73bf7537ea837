"""Whatever a file is, every command that reads says one thing of it, in bounded memory and time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import samples
from tests.hostile.documents import FILES, LARGE
from tests.hostile.reader import Reader
from timetracer_otel.store import FolderStore


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_no_cassette_is_named_with_the_reason(
    reader: Reader, directory: Path, what: str
) -> None:
    make, reason = FILES[what]
    folder = directory / what.replace(" ", "-")
    folder.mkdir()
    path = folder / "bad.json"
    path.write_bytes(make())
    name = str(path.relative_to(directory))

    shown = reader.run("show", name)
    assert (shown.status, shown.stdout) == (2, "")
    error = shown.stderr.removeprefix("error: ")
    assert error.startswith(f"{name}: ")
    assert reason in error
    assert len(error) < 400
    assert error[:-1].isprintable()
    if what in LARGE:
        path.unlink()
        return
    loaded = reader.run("load", name)
    kind, _, raised = loaded.stderr.partition(": ")
    assert kind in ("CassetteFormatError", "CassetteLimitError")
    assert (loaded.status, loaded.stdout, raised) == (2, "", error)
    for command in (
        ["show", "--json", name],
        ["list", name],
        ["list", "--json", name],
        ["replay", name, "--app", "no_such_module:app"],
    ):
        assert reader.run(*command) == (2, "", f"error: {error}"), command
    said = error.removeprefix(f"{name}: ").rstrip("\n")
    assert reader.run("validate", name) == (
        1,
        f"BAD  {name}\n     {said}\n1 file: 0 ok, 1 bad\n",
        "",
    )
    checked = reader.run("validate", "--json", name)
    assert checked.status == 1
    assert json.loads(checked.stdout) == {
        "path": name,
        "ok": False,
        "reason": said,
        "replayable": False,
        "calls": 0,
        "gaps": [],
    }
    path.unlink()


def test_the_good_files_of_a_folder_are_listed_and_the_bad_ones_named(
    reader: Reader, directory: Path
) -> None:
    folder = directory / "mixed"
    good = FolderStore(folder).write(samples.checkout())
    small = [what for what in FILES if what not in LARGE]
    for what in small:
        (folder / what).write_bytes(FILES[what][0]())
    done = reader.run("list", "mixed")
    assert done.status == 0
    assert [row.split()[-1] for row in done.stdout.splitlines()[1:]] == [str(good.relative_to(directory))]
    assert [row.partition(": ")[2].partition(": ")[0] for row in done.stderr.splitlines()] == [
        f"mixed/{what}" for what in sorted(small)
    ]
    shown = reader.run("show", "--dir", "mixed", "aaaa")
    assert (shown.status, shown.stderr) == (0, "")
    checked = reader.run("validate", "mixed")
    assert checked.status == 1
    assert checked.stdout.endswith(f"{len(small) + 1} files: 1 ok, {len(small)} bad\n")


def test_a_file_that_is_being_written_is_whole_or_named(reader: Reader, directory: Path) -> None:
    whole = samples.checkout().dump()
    path = directory / "growing.json"
    for size in range(0, len(whole), 397):
        path.write_bytes(whole[:size])
        done = reader.run("show", path.name)
        assert (done.status, done.stdout) == (2, "")
        assert done.stderr.startswith("error: growing.json: ")
    path.write_bytes(whole)
    assert reader.run("show", path.name).status == 0
