from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

import timetracer_otel
from tests.cli.conftest import Run
from timetracer_otel.cli import cli
from timetracer_otel.settings_table import VARIABLES

HEAVY = {"rich", "msgspec", "opentelemetry", "wrapt", "google"}


def loaded_by(*arguments: str) -> set[str]:
    """The top-level packages that a run of the command line loads."""
    program = (
        "import atexit, json, sys; from timetracer_otel.cli import main;"
        " atexit.register(lambda: print(json.dumps([n.partition('.')[0] for n in sys.modules]),"
        " file=sys.stderr)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["record", "--help"], ["replay", "--help"]])
def test_help_loads_nothing_but_click(arguments: list[str]) -> None:
    assert loaded_by(*arguments) & HEAVY == set()


def test_every_command_is_listed_with_its_own_first_sentence(run: Run) -> None:
    printed = run("--help").stdout
    for name, lazy in cli.lazy.items():
        with cli.make_context("timetracer-otel", [name], resilient_parsing=True) as context:
            command = cli.get_command(context, name)
        assert command is not None
        assert (command.name, command.get_short_help_str(200)) == (name, lazy.help)
        assert f"{name}  " in printed
        assert lazy.help in " ".join(printed.split())


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"timetracer-otel, version {timetracer_otel.__version__}\n"


def test_the_module_is_the_program(run: Run) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == run("--help").stdout.split()


def test_options_say_which_setting_they_are(run: Run) -> None:
    known = {variable.name for variable in VARIABLES}
    printed = " ".join((run("record", "--help").stdout + run("replay", "--help").stdout).split())
    offered = {name for name in known if f"[{name};" in printed}
    s3 = {name for name in known if name.startswith("TIMETRACER_S3_")}
    of_tests = {"TIMETRACER_APP_HOSTS"}
    others = {"TIMETRACER_MODE", "TIMETRACER_CASSETTE", "TIMETRACER_FAULTS"}
    assert known - offered == others | of_tests | s3


def test_a_shell_completes_commands_and_values() -> None:
    def complete(words: str, place: int) -> list[str]:
        asked = {"_TIMETRACER_OTEL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        printed = CliRunner().invoke(cli, [], env=asked, prog_name="timetracer-otel").stdout
        return [row.partition(",")[2] for row in printed.splitlines()]

    assert complete("timetracer-otel re", 1) == ["record", "replay"]
    assert complete("timetracer-otel record --compression g", 3) == ["gzip"]


@pytest.mark.parametrize("name", cli.lazy)
def test_examples_in_help_stand_as_they_are_typed(run: Run, name: str) -> None:
    printed = run(name, "--help").stdout
    assert "\\b" not in printed
    examples = [line.strip() for line in printed.splitlines() if line.strip().startswith("timetracer-otel ")]
    for example in examples:
        assert example.count("timetracer-otel") == 1


def test_an_example_is_on_a_line_of_its_own(run: Run) -> None:
    lines = run("export", "--help").stdout.splitlines()
    assert "  timetracer-otel export cassettes/ --to perfetto -o trace.json" in lines
    assert "  timetracer-otel export 5070b205 --to curl" in lines
