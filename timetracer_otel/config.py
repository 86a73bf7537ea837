"""Settings: explicit arguments over the environment over ``[tool.timetracer]`` over defaults.

The names are the same everywhere: ``TIMETRACER_SAMPLE_RATE`` in the environment is ``sample_rate`` in
pyproject.toml and in Python. What each means is in :data:`VARIABLES`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import msgspec

from timetracer_otel.errors import ConfigurationError
from timetracer_otel.settings_table import (
    BY_FIELD,
    BY_NAME,
    PLUGINS,
    PREFIX,
    TIMETRACER_ONLY,
    VARIABLES,
    Variable,
    ignored,
    unknown,
)
from timetracer_otel.volatile_rules import VolatileRule, parse_rules, rules_beside

__all__ = ["VARIABLES", "Arguments", "Settings", "Variable", "beside", "load"]

_SECTION: Final = "[tool.timetracer]"
_SAID: Final = "_TIMETRACER_SAID"
"""Between our own processes: variables that the one that started this one has warned of."""


def _default(field: str) -> Any:
    return BY_FIELD[field].default


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; :data:`VARIABLES` says what each means. :func:`load` makes checked ones."""

    mode: str = _default("mode")
    dir: str = _default("dir")
    cassette: str = _default("cassette")
    sample_rate: float = _default("sample_rate")
    errors_only: bool = _default("errors_only")
    record_unsampled: bool = _default("record_unsampled")
    exclude_paths: tuple[str, ...] = _default("exclude_paths")
    capture_bodies: str = _default("capture_bodies")
    max_body_kb: int = _default("max_body_kb")
    max_trace_kb: int = _default("max_trace_kb")
    max_pending_mb: int = _default("max_pending_mb")
    max_outside: int = _default("max_outside")
    grace_seconds: float = _default("grace_seconds")
    payloads: str = _default("payloads")
    encoding: str = _default("encoding")
    compression: str = _default("compression")
    redact: bool = _default("redact")
    redact_keys: tuple[str, ...] = _default("redact_keys")
    redact_headers: tuple[str, ...] = _default("redact_headers")
    mock_plugins: tuple[str, ...] = _default("mock_plugins")
    live_plugins: tuple[str, ...] = _default("live_plugins")
    on_miss: str = _default("on_miss")
    faults: str = _default("faults")
    replay_pace: str = _default("replay_pace")
    app_hosts: tuple[str, ...] = _default("app_hosts")
    export_replay: bool = _default("export_replay")
    s3_bucket: str = _default("s3_bucket")
    s3_prefix: str = _default("s3_prefix")
    s3_region: str = _default("s3_region")
    s3_endpoint: str = _default("s3_endpoint")
    volatile: tuple[VolatileRule, ...] = ()
    """Rules for what may be anything; tables of pyproject.toml, and of a file beside the cassettes."""

    @property
    def misses_go_out(self) -> bool:
        """A call that nothing recorded answers reaches the real dependency."""
        return self.on_miss in ("passthrough", "record")


class Arguments(TypedDict, total=False):
    """The settings as keyword arguments."""

    mode: str
    dir: str | os.PathLike[str]
    cassette: str | os.PathLike[str]
    sample_rate: float
    errors_only: bool
    record_unsampled: bool
    exclude_paths: Collection[str]
    capture_bodies: str
    max_body_kb: int
    max_trace_kb: int
    max_pending_mb: int
    max_outside: int
    grace_seconds: float
    payloads: str
    encoding: str
    compression: str
    redact: bool
    redact_keys: Collection[str]
    redact_headers: Collection[str]
    mock_plugins: Collection[str]
    live_plugins: Collection[str]
    on_miss: str
    faults: str
    replay_pace: str
    app_hosts: Collection[str]
    export_replay: bool
    s3_bucket: str
    s3_prefix: str
    s3_region: str
    s3_endpoint: str


def load(
    environ: Mapping[str, str] | None = None,
    pyproject: Path | None = None,
    *,
    plugins: Collection[str] | None = None,
    **explicit: Unpack[Arguments],
) -> Settings:
    """The settings that hold here.

    Args:
        environ: the environment; that of the process by default. An empty variable is not set.
        pyproject: the file to read; by default the nearest pyproject.toml with a ``[tool.timetracer]``
            table, from the working directory upward.
        plugins: the integrations and families that may be named; the known ones by default.
        explicit: settings that win over everything.

    Raises:
        ConfigurationError: a setting is malformed, or one of pyproject.toml or of the arguments is
            unknown; the text names it, its value and what is allowed. A variable of the environment that is
            no setting is a warning, once.
    """
    if environ is None:
        environ = os.environ
    names = _PluginNames(plugins)
    found: dict[str, Any] = {}
    path, table = _pyproject(pyproject)
    for field, value in table.items():
        source = f"{path}: {_SECTION} {field}"
        if field == "volatile":
            found[field] = parse_rules(value, f"{path}: tool.timetracer.volatile")
            continue
        variable = BY_FIELD.get(field)
        if variable is None:
            raise unknown(field, source)
        read = variable.parse if isinstance(value, str) else variable.check
        found[field] = read(value, source, names)
    for name, text in environ.items():
        if name.startswith(PREFIX) and text.strip():
            variable = BY_NAME.get(name)
            if variable is not None:
                found[variable.field] = variable.parse(text, name, names)
            elif name not in environ.get(_SAID, "").split(","):
                _warn_of(name)
    for field, value in explicit.items():
        variable = BY_FIELD.get(field)
        if variable is None:
            raise unknown(field, field)
        plain: Any = value
        if isinstance(value, os.PathLike):
            plain = os.fspath(value)
        elif isinstance(value, set | frozenset):
            plain = sorted(value, key=str)
        found[field] = variable.check(plain, field, names)
    if found.get("s3_bucket") and "dir" not in found:
        prefix = found.get("s3_prefix", BY_FIELD["s3_prefix"].default)
        found["dir"] = f"s3://{found['s3_bucket']}/{prefix}"
    return Settings(**found)


def beside(settings: Settings, *places: str | os.PathLike[str]) -> Settings:
    """The settings with the rules of ``timetracer.toml`` beside those cassettes, which come first.

    Args:
        settings: as :func:`load` made them.
        places: cassettes, or folders of them.

    Raises:
        ConfigurationError: such a file is malformed.
    """
    found = rules_beside(*map(Path, places))
    return msgspec.structs.replace(settings, volatile=(*found, *settings.volatile)) if found else settings


class _PluginNames(Collection[str]):
    """The names allowed for integrations; asks for those installed beside us only when it must."""

    def __init__(self, given: Collection[str] | None) -> None:
        self._names = frozenset(PLUGINS if given is None else given)
        self._complete = given is not None

    def __contains__(self, name: object) -> bool:
        if name in self._names:
            return True
        self._discover()
        return name in self._names

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _discover(self) -> None:
        if not self._complete:
            from importlib.metadata import entry_points

            installed = entry_points(group="timetracer_otel_integrations")
            self._names |= {point.name for point in installed}
            self._complete = True


def _pyproject(given: Path | None) -> tuple[Path | None, dict[str, Any]]:
    """The file that holds our table, and the table."""
    if given is not None:
        try:
            return given, _table(given, given.read_bytes())
        except OSError as error:
            raise ConfigurationError(f"{given} cannot be read: {error.strerror or error}") from None
    try:
        here = Path.cwd()
    except OSError:
        return None, {}  # the working directory is gone
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        try:
            if not path.is_file():  # a pipe would keep us waiting
                continue
            data = path.read_bytes()
        except OSError:
            continue
        if b"timetracer" in data and (table := _table(path, data)):
            return path, table
    return None, {}


def _table(path: Path, data: bytes) -> dict[str, Any]:
    import tomllib  # most processes have no such file

    try:
        document = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is not valid TOML: nested too deeply") from None
    tool = document.get("tool")
    table = tool.get("timetracer", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: tool.timetracer must be a table of settings")
    return table


_warned: set[str] = set()


def say_no_more(environ: MutableMapping[str, str]) -> None:
    """The processes that get this environment do not warn again of what :func:`load` warned of here.

    Args:
        environ: changed.
    """
    strange = [name for name in environ if name.startswith(PREFIX) and name not in BY_NAME]
    if strange:
        environ[_SAID] = ",".join(strange)


def _warn_of(name: str) -> None:
    if name in TIMETRACER_ONLY:
        _warn(f"{name} is a setting of timetracer, not of timetracer-otel: {TIMETRACER_ONLY[name]}")
    else:
        _warn(ignored(name))


def _warn(message: str) -> None:
    """Say it once; a warning of ours must never be turned into an error, so it is logged."""
    if message not in _warned:
        _warned.add(message)
        import logging

        logging.getLogger("timetracer_otel").warning(message)
