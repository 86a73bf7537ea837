"""``--fault``: what goes wrong in a replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_HELP: Final = (
    "What if: this call fails, is slow or answers otherwise, as in 'redis *: ConnectionError',"
    " 'db SELECT: delay 2s', 'http GET */rates: status 503'."
)


def _checked(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str | None:
    if not given:
        return None
    from timetracer_otel.replayers.faults import Fault  # only when there are any: it loads every integration

    for text in given:
        if ";" in text:
            raise click.BadParameter(f"{text!r} holds a semicolon; give --fault once for each fault")
        Fault.parse(text)
    return "; ".join(given)


def fault_option(function: F) -> F:
    """Give a command ``--fault``; it comes as the setting ``faults``."""
    option = click.option("--fault", "faults", multiple=True, metavar="FAULT", callback=_checked, help=_HELP)
    return option(function)


def never_happened(faults: str, happened: Counter[str]) -> Iterator[str]:
    """One line for each fault that was about no call.

    Args:
        faults: the setting.
        happened: how often each did.
    """
    for text in filter(None, map(str.strip, faults.split(";"))):
        if not happened[text]:
            yield f"note: fault {text}: never happened"
