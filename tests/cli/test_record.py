"""What ``record`` and ``replay -- COMMAND`` start: a real launcher, and ``env`` as the service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.environment import DISABLED

RECORDING = {
    "TIMETRACER_MODE": "record",
    "OTEL_TRACES_EXPORTER": "timetracer",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}
REPLAYING = {
    "TIMETRACER_MODE": "replay",
    "TIMETRACER_CASSETTE": "cassettes",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


def environment_of_service(*arguments: str) -> dict[str, str]:
    """The settings in the environment that the service gets."""
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", *arguments, "--", "env"],
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (row.partition("=") for row in done.stdout.splitlines())
    return {
        name: value
        for name, _, value in pairs
        if name.startswith(("TIMETRACER_", "OTEL_")) and name != DISABLED
    }


def test_it_sets_what_the_launcher_needs() -> None:
    assert environment_of_service("record") == RECORDING


def test_options_become_variables() -> None:
    given = environment_of_service(
        "record", "--dir", "kept", "--sample-rate", "0.5", "--errors-only", "--no-redact",
        "--compression", "ZSTD", "--exclude-paths", "/a*", "--exclude-paths", "/b*",
    )  # fmt: skip
    assert given == RECORDING | {
        "TIMETRACER_DIR": "kept",
        "TIMETRACER_SAMPLE_RATE": "0.5",
        "TIMETRACER_ERRORS_ONLY": "true",
        "TIMETRACER_REDACT": "false",
        "TIMETRACER_COMPRESSION": "zstd",
        "TIMETRACER_EXCLUDE_PATHS": "/a*,/b*",
    }


@pytest.mark.parametrize(
    ("name", "set_to", "becomes"),
    [
        ("OTEL_TRACES_EXPORTER", "otlp,timetracer", "otlp,timetracer"),
        ("OTEL_TRACES_EXPORTER", "none", "timetracer"),
        ("OTEL_TRACES_EXPORTER", "otlp", "otlp,timetracer"),
        ("OTEL_METRICS_EXPORTER", "console", "console"),
        ("OTEL_LOGS_EXPORTER", "console", "console"),
        ("TIMETRACER_SAMPLE_RATE", "0.25", "0.25"),
        ("TIMETRACER_MODE", "off", "record"),
    ],
)
def test_what_the_user_set_stays_where_it_can(
    monkeypatch: pytest.MonkeyPatch, name: str, set_to: str, becomes: str
) -> None:
    monkeypatch.setenv(name, set_to)
    assert environment_of_service("record") == RECORDING | {name: becomes}


def test_a_replay_serves_the_cassettes_that_are_named(checkout: Path) -> None:
    assert environment_of_service("replay") == REPLAYING
    assert environment_of_service("replay", str(checkout)) == REPLAYING | {
        "TIMETRACER_CASSETTE": str(checkout)
    }


def test_a_replay_serves_the_cassettes_of_the_settings(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("cassettes").rename("recorded")
    monkeypatch.setenv("TIMETRACER_DIR", "recorded")
    expected = REPLAYING | {"TIMETRACER_DIR": "recorded", "TIMETRACER_CASSETTE": "recorded"}
    assert environment_of_service("replay") == expected
    monkeypatch.setenv("TIMETRACER_CASSETTE", str(Path("recorded").absolute()))
    expected["TIMETRACER_CASSETTE"] = str(Path("recorded").absolute())
    assert environment_of_service("replay") == expected


def test_nothing_of_a_replay_is_exported_unless_asked(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "console")
    assert environment_of_service("replay", "--live", "redis") == REPLAYING | {
        "TIMETRACER_LIVE_PLUGINS": "redis"
    }
    assert environment_of_service("replay", "--export-replay") == REPLAYING | {
        "TIMETRACER_EXPORT_REPLAY": "true",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_LOGS_EXPORTER": "console",
    }


@pytest.mark.parametrize("dashes", [[], ["--"]])
def test_the_options_of_the_service_are_its_own(dashes: list[str]) -> None:
    program = ["sh", "-c", 'echo "$@"; exit 7', "service", "--dir", "x", "--", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "record", *dashes, *program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "--dir x -- --json\n")


def test_programs_of_this_environment_are_found_without_activating_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "record", "uvicorn", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Running uvicorn ")
