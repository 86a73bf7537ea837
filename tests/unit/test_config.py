"""Settings: where they come from, which wins, and what is said when one is wrong."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from timetracer_otel import config
from timetracer_otel.config import VARIABLES, Arguments, Settings, load
from timetracer_otel.errors import ConfigurationError
from timetracer_otel.settings_table import PLUGINS


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a pyproject.toml above it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


class TestDefaults:
    def test_nothing_set_gives_the_documented_defaults(self) -> None:
        assert load({}) == Settings(
            mode="off",
            dir="./cassettes",
            cassette="",
            sample_rate=1.0,
            errors_only=False,
            record_unsampled=False,
            exclude_paths=("/health", "/healthz", "/ready", "/metrics", "/favicon.ico"),
            capture_bodies="always",
            max_body_kb=1024,
            max_trace_kb=16384,
            max_pending_mb=256,
            max_outside=1000,
            grace_seconds=2.0,
            payloads="cassette",
            encoding="json",
            compression="none",
            redact=True,
            redact_keys=(),
            redact_headers=(),
            mock_plugins=(),
            live_plugins=(),
            on_miss="fail",
            replay_pace="instant",
            app_hosts=(),
            export_replay=False,
            s3_bucket="",
            s3_prefix="cassettes",
            s3_region="",
            s3_endpoint="",
        )

    def test_table_settings_and_arguments_name_the_same(self) -> None:
        fields = [variable.field for variable in VARIABLES]
        assert (
            sorted(fields)
            == sorted(set(Settings.__struct_fields__) - {"volatile"})
            == sorted(get_type_hints(Arguments))
        )

    @pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.field)
    def test_every_default_is_one_that_may_be_given(self, variable: config.Variable) -> None:
        assert variable.check(variable.default, variable.name) == variable.default
        assert type(getattr(Settings(), variable.field)) is variable.type
        assert variable.meaning


class TestEnvironment:
    @pytest.mark.parametrize(
        ("name", "text", "field", "value"),
        [
            ("TIMETRACER_MODE", "Replay", "mode", "replay"),
            ("TIMETRACER_DIR", "/data/my cassettes", "dir", "/data/my cassettes"),
            ("TIMETRACER_CASSETTE", "a.json", "cassette", "a.json"),
            ("TIMETRACER_SAMPLE_RATE", "0.25", "sample_rate", 0.25),
            ("TIMETRACER_SAMPLE_RATE", "1", "sample_rate", 1.0),
            ("TIMETRACER_ERRORS_ONLY", "TRUE", "errors_only", True),
            ("TIMETRACER_ERRORS_ONLY", "1", "errors_only", True),
            ("TIMETRACER_ERRORS_ONLY", "yes", "errors_only", True),
            ("TIMETRACER_ERRORS_ONLY", " on ", "errors_only", True),
            ("TIMETRACER_REDACT", "off", "redact", False),
            ("TIMETRACER_REDACT", "0", "redact", False),
            ("TIMETRACER_REDACT", "No", "redact", False),
            ("TIMETRACER_REDACT", "false", "redact", False),
            ("TIMETRACER_MAX_BODY_KB", "0", "max_body_kb", 0),
            ("TIMETRACER_EXCLUDE_PATHS", " /a , /b/*,, ", "exclude_paths", ("/a", "/b/*")),
            ("TIMETRACER_LIVE_PLUGINS", "HTTP,redis", "live_plugins", ("http", "redis")),
            ("TIMETRACER_COMPRESSION", "zstd", "compression", "zstd"),
            ("TIMETRACER_GRACE_SECONDS", "0.5", "grace_seconds", 0.5),
            ("TIMETRACER_S3_BUCKET", "b", "s3_bucket", "b"),
        ],
    )
    def test_a_variable_sets_its_field(self, name: str, text: str, field: str, value: Any) -> None:
        found = getattr(load({name: text, "PATH": "/bin"}), field)
        assert (found, type(found)) == (value, type(value))

    def test_an_empty_variable_is_not_set(self) -> None:
        assert load({"TIMETRACER_SAMPLE_RATE": "", "TIMETRACER_MODE": " "}) == Settings()

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("TIMETRACER_SAMPLE_RATE", "lots", "is 'lots'; allowed is a number from 0 to 1"),
            ("TIMETRACER_SAMPLE_RATE", "1.5", "is '1.5'; allowed is a number from 0 to 1"),
            ("TIMETRACER_SAMPLE_RATE", "nan", "is 'nan'; allowed is a number from 0 to 1"),
            ("TIMETRACER_MAX_BODY_KB", "1.5", "is '1.5'; allowed is a whole number from 0 to 1,048,576"),
            ("TIMETRACER_MODE", "Rec", "is 'Rec'; allowed is one of off, record, replay"),
            ("TIMETRACER_ERRORS_ONLY", "maybe", "is 'maybe'; allowed is true or false"),
            (
                "TIMETRACER_DIR",
                "gs://bucket/prefix",
                "is 'gs://bucket/prefix': of object stores only s3://bucket/prefix is supported;"
                " give that or a folder",
            ),
        ],
    )
    def test_a_wrong_one_is_named_with_what_is_allowed(self, name: str, text: str, message: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load({name: text})
        assert str(caught.value) == f"{name} {message}"

    def test_an_unknown_integration_is_named_with_the_nearest(self) -> None:
        message = re.escape(
            "TIMETRACER_MOCK_PLUGINS names 'htpx', which is no integration or family; did you mean httpx?;"
            f" known are {', '.join(sorted(PLUGINS))}"
        )
        with pytest.raises(ConfigurationError, match=message):
            load({"TIMETRACER_MOCK_PLUGINS": "redis,htpx"})

    def test_the_caller_may_say_which_integrations_there_are(self) -> None:
        environ = {"TIMETRACER_LIVE_PLUGINS": "stripe"}
        assert load(environ, plugins={"stripe"}).live_plugins == ("stripe",)

    def test_a_variable_that_is_no_setting_is_one_warning_with_the_nearest(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        config._warned.clear()
        with caplog.at_level(logging.WARNING, "timetracer_otel"):
            for _ in range(2):
                environ = {"TIMETRACER_SAMPEL_RATE": "1", "TIMETRACER_XYZZY": "1", "TIMETRACER_A\nB": "1"}
                assert load(environ) == Settings()
        assert caplog.messages == [
            "TIMETRACER_SAMPEL_RATE is not a setting of timetracer-otel and changes nothing;"
            " did you mean TIMETRACER_SAMPLE_RATE?",
            "TIMETRACER_XYZZY is not a setting of timetracer-otel and changes nothing",
            "'TIMETRACER_A\\nB' is not a setting of timetracer-otel and changes nothing",
        ]

    def test_a_setting_that_only_timetracer_has_is_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        config._warned.clear()
        with caplog.at_level(logging.WARNING, "timetracer_otel"):
            for _ in range(2):
                assert load({"TIMETRACER_SERVICE": "shop"}) == Settings()
        assert caplog.messages == [
            "TIMETRACER_SERVICE is a setting of timetracer, not of timetracer-otel:"
            " set OTEL_SERVICE_NAME instead"
        ]


class TestPyproject:
    def test_the_nearest_table_from_here_upward_is_read(self, nowhere: Path) -> None:
        write(nowhere, '[tool.timetracer]\nmode = "record"\nsample_rate = 0.5\nexclude_paths = ["/a"]\n')
        inner = nowhere / "service" / "src"
        inner.mkdir(parents=True)
        write(inner.parent, '[project]\ndependencies = ["timetracer-otel"]\n')
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(inner)
            assert load({}) == Settings(mode="record", sample_rate=0.5, exclude_paths=("/a",))

    def test_lists_may_be_written_with_commas(self, nowhere: Path) -> None:
        write(nowhere, '[tool.timetracer]\nlive_plugins = "http, redis"\nsample_rate = 1\n')
        assert load({}) == Settings(live_plugins=("http", "redis"), sample_rate=1.0)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('mode = "rec"', "[tool.timetracer] mode is 'rec'; allowed is one of off, record, replay"),
            ("mode = 3", "[tool.timetracer] mode is 3; allowed is one of off, record, replay"),
            ("redact = 1", "[tool.timetracer] redact is 1; allowed is true or false"),
            ("max_body_kb = true", "max_body_kb is True; allowed is a whole number from 0 to 1,048,576"),
            (
                "exclude_paths = [1]",
                "[tool.timetracer] exclude_paths is [1]; allowed is a comma-separated list",
            ),
            (
                "sample_rat = 1",
                "[tool.timetracer] sample_rat is not a setting of timetracer-otel; did you mean sample_rate?",
            ),
            ("mode = ", "is not valid TOML: "),
        ],
    )
    def test_a_wrong_one_is_named_with_its_file(self, nowhere: Path, text: str, message: str) -> None:
        path = write(nowhere, f"[tool.timetracer]\n{text}\n")
        with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
            load({})
        assert str(path) in str(caught.value)

    def test_a_file_that_is_named_must_be_there(self, nowhere: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"gone\.toml cannot be read: No such file"):
            load({}, nowhere / "gone.toml")

    def test_a_file_that_has_nothing_of_ours_need_not_be_valid(self, nowhere: Path) -> None:
        write(nowhere, "not toml")
        assert load({}) == Settings()


class TestPrecedence:
    def test_arguments_over_environment_over_pyproject_over_defaults(self, nowhere: Path) -> None:
        path = write(nowhere, '[tool.timetracer]\ndir = "toml"\nmode = "record"\nmax_body_kb = 1\n')
        environ = {"TIMETRACER_DIR": "environ", "TIMETRACER_MODE": "replay"}
        assert load(environ, path, dir=Path("argument")) == Settings(
            dir="argument", mode="replay", max_body_kb=1
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"sample_rate": 2}, "sample_rate is 2; allowed is a number from 0 to 1"),
            ({"sample_rate": "1"}, "sample_rate is '1'; allowed is a number from 0 to 1"),
            ({"dir": 3}, "dir is 3; allowed is text"),
            ({"compress": "gzip"}, "compress is not a setting of timetracer-otel; did you mean compression?"),
        ],
    )
    def test_arguments_are_checked_too(self, arguments: Any, message: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load({}, **arguments)
        assert str(caught.value) == message

    def test_any_collection_of_strings_is_a_list(self) -> None:
        assert load({}, redact_keys={"b", "a"}).redact_keys == ("a", "b")


def test_the_table_loads_nothing_heavy() -> None:
    code = (
        "import sys; import timetracer_otel.settings_table;"
        " print([name for name in ('msgspec', 'tomllib', 'difflib', 'logging') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
