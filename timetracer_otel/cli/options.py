"""Settings as options: ``TIMETRACER_SAMPLE_RATE`` is ``--sample-rate``, with the same meaning.

An option becomes the variable, so that one given here, one in the environment of this process and one in
the environment of the service that is started are read in one way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from timetracer_otel.settings_table import BY_FIELD, Variable

if TYPE_CHECKING:
    from timetracer_otel.config import Settings

F = TypeVar("F", bound=Callable[..., Any])

_SHORTER: Final = {"live_plugins": "--live", "mock_plugins": "--mock"}
_METAVARS: Final = {
    "dir": "FOLDER",
    "exclude_paths": "GLOB",
    "redact_keys": "WORD",
    "redact_headers": "NAME",
    "live_plugins": "PLUGIN",
    "mock_plugins": "PLUGIN",
}


def setting_options(*fields: str) -> Callable[[F], F]:
    """Give a command those settings as options; :func:`environment` takes them."""

    def decorate(function: F) -> F:
        for field in reversed(fields):
            function = _option(BY_FIELD[field])(function)
        return function

    return decorate


def environment(options: Mapping[str, Any]) -> dict[str, str]:
    """The environment of this process with the options given as variables.

    Args:
        options: what click read, by the settings' names.

    Raises:
        ConfigurationError: one is malformed.
    """
    environ = dict(os.environ)
    for field, given in options.items():
        text = _text(given)
        if text is None:
            continue
        variable = BY_FIELD[field]
        variable.parse(text, flag(field))  # so that the error names the option, not the variable
        environ[variable.name] = text
    return environ


def settings_from(environ: Mapping[str, str]) -> Settings:
    """The settings that hold in an environment.

    Raises:
        ConfigurationError: one is malformed.
    """
    from timetracer_otel import config

    return config.load(environ)


def flag(field: str) -> str:
    """The option for a setting: ``--sample-rate``."""
    return _SHORTER.get(field, f"--{field.replace('_', '-')}")


def _option(variable: Variable) -> Callable[[F], F]:
    meaning = f"{variable.meaning[0].upper()}{variable.meaning[1:]}. [{variable.name}; {_default(variable)}]"
    if variable.type is bool:
        name = variable.field.replace("_", "-")
        return click.option(f"--{name}/--no-{name}", variable.field, default=None, help=meaning)
    names = dict.fromkeys([flag(variable.field), f"--{variable.field.replace('_', '-')}"])
    return click.option(
        *names,
        variable.field,
        default=None,
        multiple=variable.type is tuple,
        type=click.Choice(variable.choices, case_sensitive=False) if variable.choices else str,
        metavar=_METAVARS.get(variable.field, "NUMBER" if variable.type in (int, float) else None),
        help=meaning,
    )


def _default(variable: Variable) -> str:
    default = variable.default
    if variable.type is bool:
        return "on by default" if default else "off by default"
    if isinstance(default, tuple):
        default = ",".join(default)
    return f"default {default}" if default != "" else "not set by default"


def _text(given: Any) -> str | None:
    """An option's value as an environment has it; ``None`` when it was not given."""
    if given is None or given == ():
        return None
    if isinstance(given, bool):
        return "true" if given else "false"
    return ",".join(given) if isinstance(given, tuple) else str(given)
