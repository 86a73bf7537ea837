"""How the program ends: its exit status, and one line that says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel.demo import shop
from timetracer_otel.store import FolderStore


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lsit"], "No such command 'lsit'. Did you mean 'list'?\n"),
        (["xyzzy"], "No such command 'xyzzy'.\n"),
        (["list", "--colour"], "No such option"),
        (["show"], "Missing argument 'CASSETTE...'"),
        (["record"], "Missing argument 'COMMAND...'"),
        (["record", "--compression", "lz4", "--", "true"], "'lz4' is not one of 'none', 'gzip', 'zstd'"),
        (["replay"], "Give --app MODULE:APP to replay here, or -- COMMAND... to run a server."),
        (["replay", "--app", "a:b", "--", "true"], "Give --app MODULE:APP or -- COMMAND..., not both."),
        (["replay", "--json", "--", "true"], "--json goes with --app, or with --url, not with a COMMAND."),
        (
            ["replay", "--header", "A: b", "--", "true"],
            "--header goes with --app, or with --url, not with a COMMAND.",
        ),
        (["replay", "one", "two", "--", "true"], "A COMMAND runs on one PATH"),
        (["replay", "--app", "a:b", "--header", "no colon"], "give it as 'Name: value'"),
    ],
)
def test_a_mistake_in_the_command_line_is_2_and_explained(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["record", "--sample-rate", "2", "--", "true"],
            "error: --sample-rate is '2'; allowed is a number from 0 to 1\n",
        ),
        (
            ["record", "--max-body-kb", "many", "--", "true"],
            "error: --max-body-kb is 'many'; allowed is a whole number from 0 to 1,048,576\n",
        ),
        (["replay", "--", "true"], "error: cassettes: there is no such folder or file; record some first\n"),
        (
            ["replay", "--app", "app:app"],
            "error: cassettes: there is no such folder or file; record some first\n",
        ),
        (["show", "no/such/file"], "error: no/such/file: there is no such file\n"),
        (
            ["record", "--dir", "gs://bucket", "--", "true"],
            "error: --dir is 'gs://bucket': of object stores only s3://bucket/prefix is supported;"
            " give that or a folder\n",
        ),
    ],
)
def test_what_cannot_be_done_is_2_and_one_line(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize(
    "arguments", [["record", "--", "true"], ["replay", "--", "true"], ["list"], ["validate"]]
)
def test_a_malformed_variable_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("TIMETRACER_SAMPLE_RATE", "half")
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ("error: TIMETRACER_SAMPLE_RATE is 'half'; allowed is a number from 0 to 1\n")


@pytest.mark.parametrize("command", ["record", "replay"])
def test_a_command_that_does_not_exist_is_127_as_in_a_shell(run: Run, checkout: Path, command: str) -> None:
    done = run(command, "--", "no-such-program", "--port", "0")
    assert (done.exit_code, done.stdout) == (127, "")
    assert done.stderr == (
        f"error: no-such-program: there is no such command beside {sys.executable} or on the PATH\n"
    )


def test_an_interrupt_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(store: FolderStore) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderStore, "paths", interrupted)
    assert run("list").exit_code == 130


@pytest.mark.parametrize("option", ["--json", "--limit=1"])
def test_a_reader_that_goes_away_is_no_trace_back(checkout: Path, option: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "timetracer_otel", "list", option],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_demo_that_lacks_something_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "NEEDED", ["no_such_service"])
    done = run("demo")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: the demo needs no_such_service; install with: pip install 'timetracer-otel[demo]'\n"
    )


@pytest.mark.parametrize("command", ["record", "replay"])
def test_a_mistyped_variable_is_warned_of_once(directory: Path, command: str) -> None:
    samples.store(directory / "cassettes")
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", command, "--", "python", "-c", "pass"],
        env={**os.environ, "TIMETRACER_SAMPEL_RATE": "1", "TIMETRACER_SERVICE": "shop"},
        capture_output=True,
        text=True,
        check=False,
    )
    warned = [line for line in done.stderr.splitlines() if "TIMETRACER_" in line]
    assert (done.returncode, warned) == (
        0,
        [
            "TIMETRACER_SAMPEL_RATE is not a setting of timetracer-otel and changes nothing;"
            " did you mean TIMETRACER_SAMPLE_RATE?",
            "TIMETRACER_SERVICE is a setting of timetracer, not of timetracer-otel:"
            " set OTEL_SERVICE_NAME instead",
        ],
    )
