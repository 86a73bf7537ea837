"""Durations and moments as one types them: ``250ms``, ``2h``, ``2026-11-20``, ``2026-11-20T14:00:00Z``."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    Number = click.ParamType[int]
else:  # it takes no parameter in older releases
    Number = click.ParamType

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}
_DURATION: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(ns|us|µs|ms|s|m|h|d)")


class Duration(Number):
    """A duration, in nanoseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read one."""
        found = _duration(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration: give it as 250ms, 1.5s, 2h or 7d", param, ctx)
        return found


class Moment(Number):
    """A moment, in nanoseconds since the epoch; a duration means so long ago."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read one."""
        text = str(value)
        ago = _duration(text)
        if ago is not None:
            return time.time_ns() - ago
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{value!r} is no moment: give a date, a date and time (UTC unless it says otherwise), or how"
                " long ago (2h)",
                param,
                ctx,
            )
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000


def _duration(text: str) -> int | None:
    found = _DURATION.fullmatch(text.strip())
    return None if found is None else round(float(found[1]) * _UNITS[found[2]])
