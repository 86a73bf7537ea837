"""Every setting, written once: its name, type, default and meaning.

Parsing, the documentation, ``--help`` and the launcher's flags all come from this table. It is kept apart
from :mod:`timetracer_otel.config` so that a command line can be drawn without loading anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

from timetracer_otel.errors import ConfigurationError

PREFIX: Final = "TIMETRACER_"

PLUGINS: Final = frozenset(
    {"http", "db", "redis", "mongodb", "grpc", "celery", "kafka", "smtp", "function"}
    | {"httpx", "httpx2", "http.client", "urllib", "urllib3", "requests", "aiohttp", "botocore"}
    | {"sqlalchemy", "sqlite3", "aiosqlite", "psycopg2", "psycopg", "asyncpg", "pymongo"}
    | {"pymysql", "aiomysql", "asyncmy", "mysqlconnector", "mysqlconnector.aio"}
    | {"confluent_kafka", "aiokafka"}
    | {"smtplib", "aiosmtplib"}
)
"""Families and integrations that may be named for a hybrid replay; those installed beside us join in."""

_SHOWN: Final = 200
"""Characters of a value that an error shows."""

_TRUE: Final = dict.fromkeys(("true", "1", "yes", "on"), True)
_FALSE: Final = dict.fromkeys(("false", "0", "no", "off"), False)


class Variable(NamedTuple):
    """One setting.

    Attributes:
        field: its name in Python and in pyproject.toml: ``sample_rate``.
        type: ``str``, ``bool``, ``int``, ``float``, or ``tuple`` for a comma-separated list.
        default: the value when nobody sets it.
        meaning: one line for people.
        choices: the values allowed, where they are few.
        minimum: the least number allowed.
        maximum: the greatest number allowed.
        plugins: the list names integrations or families.
        store: the text is a place of cassettes.
    """

    field: str
    type: Any
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    minimum: float = 0
    maximum: float = 1e9
    plugins: bool = False
    store: bool = False

    @property
    def name(self) -> str:
        """The environment variable: ``TIMETRACER_SAMPLE_RATE``."""
        return _as_variable(self.field)

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.type is bool:
            return "true or false"
        if self.type in (int, float):
            whole = "a whole number" if self.type is int else "a number"
            return f"{whole} from {self.minimum:g} to {self.maximum:,.0f}"
        return "a comma-separated list" if self.type is tuple else "text"

    def parse(self, text: str, source: str, plugins: Collection[str] = PLUGINS) -> Any:
        """The value that a text stands for, as environments and command lines have it.

        Args:
            text: what was given.
            source: how to name the setting in an error.
            plugins: names allowed for integrations.

        Raises:
            ConfigurationError: the text is malformed.
        """
        word = text.strip()
        value: Any = word.lower() if self.choices else text
        try:
            if self.type is bool:
                value = {**_TRUE, **_FALSE}[word.lower()]
            elif self.type in (int, float):
                value = _number(self.type, word)
        except (KeyError, ValueError):
            raise self._malformed(text, source) from None
        return self.check(value, source, plugins, shown=text)

    def check(self, value: Any, source: str, plugins: Collection[str] = PLUGINS, *, shown: Any = None) -> Any:
        """A value given as Python or TOML has it, when it is one that is allowed.

        Args:
            value: what was given.
            source: how to name the setting in an error.
            plugins: names allowed for integrations.
            shown: how to show the value in an error, where it was given in another form.

        Raises:
            ConfigurationError: it is not.
        """
        if shown is None:
            shown = value
        if self.type is tuple:
            return self._check_list(value, source, plugins)
        if self.type is float and type(value) is int and abs(value) <= self.maximum:
            value = float(value)
        if type(value) is not self.type or (self.choices and value not in self.choices):
            raise self._malformed(shown, source)
        if self.type in (int, float) and not self.minimum <= value <= self.maximum:
            raise self._malformed(shown, source)
        if self.type is str and "\0" in value:
            raise self._malformed(shown, source)
        if self.store and "://" in value and not value.startswith("s3://"):
            raise ConfigurationError(
                f"{source} is {_short(value)}: of object stores only s3://bucket/prefix is supported;"
                " give that or a folder"
            )
        return value

    def _check_list(self, value: Any, source: str, plugins: Collection[str]) -> tuple[str, ...]:
        if isinstance(value, str):
            value = value.split(",")
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self._malformed(value, source)
        items = tuple(item.strip() for item in value if item.strip())
        if self.plugins:
            items = tuple(item.lower() for item in items)
            for item in items:
                if item not in plugins:
                    known = ", ".join(sorted(plugins))
                    hint = _nearest(item, plugins)
                    raise ConfigurationError(
                        f"{source} names {_short(item)}, which is no integration or family{hint};"
                        f" known are {known}"
                    )
        return items

    def _malformed(self, value: Any, source: str) -> ConfigurationError:
        return ConfigurationError(f"{source} is {_short(value)}; allowed is {self.allowed}")


def unknown(field: str, source: str) -> ConfigurationError:
    """The error for a setting that does not exist.

    Args:
        field: its name, in lower case and without a prefix.
        source: how to name it in the error.
    """
    near = _nearest(field, BY_FIELD)
    return ConfigurationError(f"{_clip(source)} is not a setting of timetracer-otel{near}")


def ignored(name: str) -> str:
    """What is said of a variable with our prefix that is no setting. It may be another program's, or
    a later version's; and it may be a slip of the pen.

    Args:
        name: the variable.
    """
    near = _nearest(name.removeprefix(PREFIX).lower(), BY_FIELD, _as_variable)
    return f"{_clip(name)} is not a setting of timetracer-otel and changes nothing{near}"


def _number(kind: type, word: str) -> Any:
    """The number as it would be typed; Python reads ``1_000`` and digits of other scripts as well."""
    if "_" in word or not word.isascii():
        raise ValueError("not a plain number")
    return kind(word)


def _short(value: Any) -> str:
    return _clip(repr(value) if not isinstance(value, str) else repr(value[:_SHOWN]))


def _clip(text: str) -> str:
    """The text on one line, and no longer than one reads."""
    if not text.isprintable():
        text = repr(text[:_SHOWN])
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _as_variable(field: str) -> str:
    return PREFIX + field.upper()


def _nearest(name: str, known: Collection[str], spell: Callable[[str], str] = str) -> str:
    import difflib  # only when something is wrong

    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {spell(found[0])}?" if found else ""


VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(
        "mode", str, "off",
        "what to do; recording when the timetracer exporter is selected",
        choices=("off", "record", "replay"),
    ),
    Variable("dir", str, "./cassettes", "folder to write cassettes to, or `s3://bucket/prefix`", store=True),
    Variable("cassette", str, "", "cassette file or folder to replay, or `s3://bucket/prefix`", store=True),
    Variable("sample_rate", float, 1.0, "fraction of traces kept", maximum=1),
    Variable("errors_only", bool, False, "keep only traces with an error"),
    Variable(
        "record_unsampled", bool, False,
        "record traces that head sampling drops, too; no other exporter gets them",
    ),
    Variable(
        "exclude_paths", tuple, ("/health", "/healthz", "/ready", "/metrics", "/favicon.ico"),
        "globs of request paths that are not recorded, nor what is below them",
    ),
    Variable(
        "capture_bodies", str, "always", "when to keep bodies", choices=("always", "on_error", "never")
    ),
    Variable("max_body_kb", int, 1024, "KiB kept of one body; more is a gap", maximum=1024 * 1024),
    Variable(
        "max_trace_kb", int, 16 * 1024, "KiB kept of all payloads of one trace; more is a gap",
        minimum=1, maximum=1024 * 1024,
    ),
    Variable(
        "max_pending_mb", int, 256,
        "MiB of all traces not yet written; more, and payloads are left out and traces dropped",
        minimum=1, maximum=1024 * 1024,
    ),
    Variable(
        "max_outside", int, 1000,
        "calls kept that are made outside of requests, tasks, blocks and spans, a cassette each; 0: none",
        maximum=1_000_000,
    ),
    Variable(
        "grace_seconds", float, 2.0, "seconds to wait for spans that never end", maximum=3600
    ),
    Variable(
        "payloads", str, "cassette",
        "where payloads go: only to the cassette, or onto the live spans for every exporter to see",
        choices=("cassette", "span"),
    ),
    Variable("encoding", str, "json", "how cassettes are written", choices=("json", "protobuf")),
    Variable(
        "compression", str, "none", "how cassettes are compressed", choices=("none", "gzip", "zstd")
    ),
    Variable("redact", bool, True, "mask secrets in what is recorded"),
    Variable("redact_keys", tuple, (), "more words that make a key of JSON, forms or queries sensitive"),
    Variable("redact_headers", tuple, (), "more headers to mask"),
    Variable(
        "mock_plugins", tuple, (),
        "integrations or families answered from the cassette in replay; all when empty", plugins=True,
    ),
    Variable(
        "live_plugins", tuple, (), "integrations or families that stay live in replay", plugins=True
    ),
    Variable(
        "on_miss", str, "fail", "what to do when no recorded call answers a live one",
        choices=("fail", "elsewhere", "passthrough", "record"),
    ),
    Variable(
        "faults", str, "", "what goes wrong in a replay, lines such as `redis *: timeout`, `;` between them"
    ),
    Variable(
        "replay_pace", str, "instant",
        "how fast answers and their pieces come in a replay: at once, or as they were recorded",
        choices=("instant", "recorded"),
    ),
    Variable(
        "app_hosts", tuple, (),
        "host:port of an app under test that is asked over the network and not seen to be one",
    ),
    Variable("export_replay", bool, False, "let the spans of a replay reach other exporters"),
    Variable("s3_bucket", str, "", "bucket to write cassettes to where TIMETRACER_DIR is not set"),
    Variable("s3_prefix", str, "cassettes", "what keys in TIMETRACER_S3_BUCKET begin with"),
    Variable("s3_region", str, "", "region of buckets; that of AWS_REGION by default"),
    Variable("s3_endpoint", str, "", "URL of another service that speaks S3"),
)  # fmt: skip
"""Every setting, in the order in which the documentation shows them."""

BY_FIELD: Final = {variable.field: variable for variable in VARIABLES}
BY_NAME: Final = {variable.name: variable for variable in VARIABLES}

TIMETRACER_ONLY: Final = {
    "TIMETRACER_CAPTURE": "every library is recorded; TIMETRACER_LIVE_PLUGINS chooses for replay",
    "TIMETRACER_ENV": "set OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=... instead",
    "TIMETRACER_LOG_LEVEL": "set the level of the logger timetracer_otel instead",
    "TIMETRACER_SERVICE": "set OTEL_SERVICE_NAME instead",
    "TIMETRACER_STORE_REQ_BODY": "set TIMETRACER_CAPTURE_BODIES instead",
    "TIMETRACER_STORE_RES_BODY": "set TIMETRACER_CAPTURE_BODIES instead",
    "TIMETRACER_STRICT_REPLAY": "set TIMETRACER_ON_MISS instead",
}
"""Variables of the ``timetracer`` package that mean nothing here, and what to set instead."""
