"""Paths that are not what a command takes: one line, nothing waited for, nothing read without end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli import samples
from tests.hostile.reader import Reader
from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.files import read_file

NO_FOLDER = "there is no such folder or file; record some first"
READING = {
    "show": ["show", "PATH"],
    "list": ["list", "PATH"],
    "validate": ["validate", "PATH"],
    "replay": ["replay", "PATH", "--app", "no_such_module:app"],
    "serve": ["replay", "PATH", "--", "true"],
}


@pytest.fixture(scope="module", autouse=True)
def places(directory: Path) -> None:
    """One of each kind."""
    (directory / "file").write_bytes(samples.checkout().dump())
    (directory / "loop").symlink_to("loop")
    (directory / "zero").symlink_to("/dev/zero")
    (directory / "memory").symlink_to("/proc/self/mem")
    os.mkfifo(directory / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "socket"))


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize(
    ("name", "reading", "looking"),
    [
        ("missing", "there is no such file", NO_FOLDER),
        ("missing/below", "there is no such file", NO_FOLDER),
        ("file/below", "it cannot be read: Not a directory", "it cannot be read: Not a directory"),
        ("n" * 300, "it cannot be read: File name too long", "it cannot be read: File name too long"),
        ("loop", "it cannot be read: Too many levels of symbolic links", None),
        ("zero", "that is a device, not a file", None),
        ("pipe", "that is a pipe that nobody writes to", None),
        ("socket", "it cannot be read: No such device or address", None),
        ("memory", "it cannot be read: Input/output error", None),
        ("\udcff\udcfe", "there is no such file", NO_FOLDER),
    ],
)
def test_a_place_that_cannot_be_read_is_one_line(
    reader: Reader, command: str, name: str, reading: str, looking: str | None
) -> None:
    shown = name.encode("unicode_escape").decode()
    done = reader.run(*(name if part == "PATH" else part for part in READING[command]))
    if command == "validate" and looking is None and name != "loop":
        said = f"BAD  {name}\n     {reading}\n1 file: 0 ok, 1 bad\n"
        assert done == (1, said, "")
    elif command == "show":
        assert done == (2, "", f"error: {shown}: {reading}\n")
    else:
        assert done == (2, "", f"error: {shown}: {looking or reading}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "folder"], "folder: that is a folder; name one cassette in it"),
        (["replay", "folder", "--app", "a:b"], "folder: there are no cassettes in it; record some first"),
        (["replay", "folder", "--", "true"], "folder: there are no cassettes in it; record some first"),
    ],
)
def test_a_folder_is_no_cassette_and_an_empty_one_holds_none(
    reader: Reader, directory: Path, arguments: list[str], said: str
) -> None:
    (directory / "folder").mkdir(exist_ok=True)
    assert reader.run(*arguments) == (2, "", f"error: {said}\n")


def test_a_folder_of_odd_things_is_listed_without_them(reader: Reader, directory: Path) -> None:
    folder = directory / "odd"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "above").symlink_to("..")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "gone").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / os.fsdecode(b"caf\xe9.json")).write_bytes(samples.checkout().dump())
    done = reader.run("list", "odd")
    assert done.status == 0
    assert done.stdout.splitlines()[1].endswith("odd/caf\\udce9.json")
    assert done.stderr == "error: odd/loop: it cannot be read: Too many levels of symbolic links\n"
    assert reader.run("show", os.fsdecode(b"odd/caf\xe9.json")).status == 0


def test_a_pipe_that_a_program_writes_to_is_read(directory: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m timetracer_otel show <(sleep 0.1; cat file)"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("POST /checkout")


def test_a_pipe_that_says_nothing_is_given_up(directory: Path) -> None:
    pipe = directory / "quiet"
    os.mkfifo(pipe)
    opened = threading.Event()

    def hold() -> None:
        with pipe.open("wb"):
            opened.set()
            done.wait()

    done = threading.Event()
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer's open returns
    holding = threading.Thread(target=hold)
    holding.start()
    opened.wait()
    try:
        with pytest.raises(CassetteFormatError, match=r"nothing came through it for 0\.01 seconds"):
            read_file(pipe, 100, patience=0.01)
    finally:
        done.set()
        holding.join()
        os.close(reading)


def test_a_file_that_may_not_be_read_is_named(directory: Path) -> None:
    # whoever runs the tests may be allowed to read anything
    (directory / "private").mkdir()
    (directory / "private" / "one.json").write_bytes(samples.checkout().dump())
    code = (
        "import os, sys; real = os.open\n"
        "def denied(path, *rest, **more):\n"
        "    if str(path).endswith('one.json'): raise PermissionError(13, 'Permission denied')\n"
        "    return real(path, *rest, **more)\n"
        "os.open = denied\n"
        "from timetracer_otel.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "show", "private/one.json"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: private/one.json: it cannot be read: Permission denied\n"
