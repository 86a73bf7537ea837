"""Each setting, given wrongly in every way: one line that names it, the value and what is allowed."""

from __future__ import annotations

import json
import math
import os
import re
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click
import pytest
from click.testing import CliRunner

from tests.services.environment import settings
from timetracer_otel import config, launcher, ports
from timetracer_otel.cli import cli
from timetracer_otel.cli.options import flag
from timetracer_otel.errors import ConfigurationError
from timetracer_otel.settings_table import BY_FIELD, PLUGINS, VARIABLES, Variable

HUGE = "9" * 5000


class Wrong(NamedTuple):
    """How a setting may be malformed: as text in the environment, and typed in TOML and in Python."""

    texts: tuple[str, ...]
    typed: tuple[Any, ...]


_NOT_NUMBERS = (
    "many",
    "10MB",
    "5 s",
    "50%",
    "1_000",
    "0x10",
    "\u0661\u0662",
    "1,5",
    HUGE,
    "-1",
    "nan",
    "inf",
)
_NOT_INTEGERS = (*_NOT_NUMBERS, "1.5", "1e3")
_OTHER_TYPES: tuple[Any, ...] = ([], {"a": 1}, date(2026, 1, 1))
_WORDS = Wrong(("lz4", "none,gzip", "\u0440ecord", "x" * 100_000), ("lz4", "", 1, True, *_OTHER_TYPES))
_SWITCH = Wrong(("maybe", "2", "ja", "true false", HUGE), ("maybe", "", 0, 1, 1.0, *_OTHER_TYPES))
_NUMBER = Wrong((*_NOT_NUMBERS, "1e10"), ("", "x", True, -1, math.nan, math.inf, 10**400, *_OTHER_TYPES))
_INTEGER = Wrong((*_NOT_INTEGERS, str(2**70)), ("", "x", True, -1, 1.0, 10**400, *_OTHER_TYPES))
_PLACE = Wrong(
    ("gs://bucket/prefix", "http://" + "x" * 5000), (1, True, "a\0b", "gs://bucket", *_OTHER_TYPES)
)
_TEXT = Wrong((), (1, True, 1.5, "a\0b", *_OTHER_TYPES))
_LIST = Wrong((), (1, True, [1], [["a"]], {"a": 1}, date(2026, 1, 1)))
_PLUGINS = Wrong(("htpx", "http;redis", "\u0445ttp", "http," + "x" * 5000), ("htpx", ["htpx"], *_LIST.typed))

MALFORMED = {
    "mode": _WORDS,
    "dir": _PLACE,
    "cassette": _PLACE,
    "sample_rate": Wrong((*_NUMBER.texts, "1.5", "100"), (*_NUMBER.typed, 2, 1.01)),
    "errors_only": _SWITCH,
    "record_unsampled": _SWITCH,
    "exclude_paths": _LIST,
    "capture_bodies": _WORDS,
    "max_body_kb": _INTEGER,
    "max_trace_kb": Wrong((*_INTEGER.texts, "0"), (*_INTEGER.typed, 0)),
    "max_pending_mb": Wrong((*_INTEGER.texts, "0"), (*_INTEGER.typed, 0)),
    "max_outside": _INTEGER,
    "grace_seconds": Wrong((*_NUMBER.texts, "3601"), (*_NUMBER.typed, 3601)),
    "payloads": _WORDS,
    "encoding": _WORDS,
    "compression": _WORDS,
    "redact": _SWITCH,
    "redact_keys": _LIST,
    "redact_headers": _LIST,
    "mock_plugins": _PLUGINS,
    "live_plugins": _PLUGINS,
    "on_miss": _WORDS,
    "faults": _TEXT,
    "replay_pace": _WORDS,
    "app_hosts": _LIST,
    "export_replay": _SWITCH,
    "s3_bucket": _TEXT,
    "s3_prefix": _TEXT,
    "s3_region": _TEXT,
    "s3_endpoint": _TEXT,
}
"""A new setting needs a line here."""

TEXTS = [(field, text) for field, wrong in MALFORMED.items() for text in wrong.texts]
TYPED = [(field, value) for field, wrong in MALFORMED.items() for value in wrong.typed]


def short(value: object) -> str:
    """An id for a test."""
    return repr(value)[:20]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings, and none in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in settings():
        monkeypatch.delenv(name)
    return tmp_path


def check(said: str, source: str, variable: Variable) -> None:
    """One line that names the setting, and says what may be given."""
    assert said.isprintable()
    assert len(said) < 700
    assert said.startswith((f"{source} is ", f"{source} names "))
    if variable.store and "://" in said:
        assert said.endswith("of object stores only s3://bucket/prefix is supported; give that or a folder")
    elif " names " in said:
        assert said.endswith(f"known are {', '.join(sorted(PLUGINS))}")
    else:
        assert said.endswith(f"; allowed is {variable.allowed}")


def test_every_setting_has_malformed_examples() -> None:
    assert list(MALFORMED) == [variable.field for variable in VARIABLES]
    assert all(wrong.typed for wrong in MALFORMED.values())
    free = {field for field, wrong in MALFORMED.items() if not wrong.texts}
    assert free == {variable.field for variable in VARIABLES if _takes_any_text(variable)}


def _takes_any_text(variable: Variable) -> bool:
    return variable.type in (str, tuple) and not (variable.choices or variable.store or variable.plugins)


@pytest.mark.parametrize(("field", "text"), TEXTS, ids=short)
def test_in_the_environment(field: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = BY_FIELD[field]
    with pytest.raises(ConfigurationError) as caught:
        config.load({variable.name: text})
    said = str(caught.value)
    check(said, variable.name, variable)
    assert repr(text)[:100] in said or field.endswith("_plugins")

    monkeypatch.setenv(variable.name, text)
    done = CliRunner().invoke(cli, ["list"])
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"error: {said}\n")


@pytest.mark.parametrize("mode", ["record", "replay"])
@pytest.mark.parametrize("field", [field for field, wrong in MALFORMED.items() if wrong.texts])
def test_under_the_launcher(
    mode: str, field: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(status: int) -> NoReturn:
        raise SystemExit(status)

    variable = BY_FIELD[field]
    monkeypatch.setattr(launcher, "_started", False)
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setenv("TIMETRACER_MODE", mode)
    for text in MALFORMED[field].texts:
        monkeypatch.setattr(launcher, "_started", False)
        monkeypatch.setenv(variable.name, text)
        status: object = 0
        try:
            launcher.start()
        except SystemExit as ended:
            status = ended.code
        # a mode that is no mode is not a replay: the app runs, unrecorded
        assert status == (2 if mode == "replay" and field != "mode" else 0)
        assert ports.process_port() is None
        said = capsys.readouterr().err
        assert said.endswith("\n")
        assert said.startswith("timetracer-otel: ")
        check(said.removeprefix("timetracer-otel: ").rstrip("\n"), variable.name, variable)


@pytest.mark.parametrize(("field", "value"), TYPED, ids=short)
def test_in_python_and_in_pyproject(field: str, value: Any, nowhere: Path) -> None:
    variable = BY_FIELD[field]
    with pytest.raises(ConfigurationError) as caught:
        config.load({}, **{field: value})
    check(str(caught.value), field, variable)

    (nowhere / "pyproject.toml").write_text(f"[tool.timetracer]\n{field} = {_toml(value)}\n")
    with pytest.raises(ConfigurationError) as caught:
        config.load({})
    check(str(caught.value), f"{nowhere}/pyproject.toml: [tool.timetracer] {field}", variable)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def _options() -> list[tuple[str, str]]:
    """Each command and each setting that it has as an option with a value."""
    found = []
    for name in ("record", "replay"):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        fields = [parameter.name for parameter in command.params if parameter.name in BY_FIELD]
        found += [(name, field) for field in fields if field and BY_FIELD[field].type is not bool]
    return [(name, field) for name, field in found if MALFORMED[field].texts]


@pytest.mark.parametrize(("command", "field"), _options())
def test_as_an_option(command: str, field: str) -> None:
    for text in MALFORMED[field].texts:
        done = CliRunner().invoke(cli, [command, f"{flag(field)}={text}", "--", "no-such-program"])
        assert (done.exit_code, done.stdout) == (2, "")
        assert flag(field) in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool]\ntimetracer = 3", "tool.timetracer must be a table of settings"),
        ("[tool.timetracer", "is not valid TOML: "),
        ("[tool.timetracer]\nmode = 'record'\nmode = 'off'", "is not valid TOML: "),
        ("[tool.timetracer]\nmode = " + "[" * 100_000, "is not valid TOML: nested too deeply"),
        (
            "[tool.timetracer]\nsample_rat = 1",
            "is not a setting of timetracer-otel; did you mean sample_rate?",
        ),
        ("[tool.timetracer]\n" + "x" * 10_000 + " = 1", "is not a setting of timetracer-otel"),
        ("[tool.timetracer.sample_rate]\nhalf = 1", "is {'half': 1}; allowed is a number from 0 to 1"),
    ],
)
def test_a_pyproject_that_is_none(nowhere: Path, text: str, said: str) -> None:
    path = nowhere / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(said)) as caught:
        config.load({})
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_pyproject_that_is_a_pipe_keeps_nobody_waiting(nowhere: Path) -> None:
    os.mkfifo(nowhere / "pyproject.toml")
    assert config.load({}) == config.Settings()


def test_a_set_of_anything_is_refused_as_it_is() -> None:
    with pytest.raises(ConfigurationError, match="redact_keys is "):
        config.load({}, redact_keys={"a", 1})  # type: ignore[arg-type]  # wrong on purpose
