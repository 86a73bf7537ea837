"""The two narrow ports between integrations and whoever stands behind them.

An integration sees a call and asks :func:`current` for a :class:`Port`: the recorder when the
process records, a replay session when this context replays, nobody when neither. It says
``begin`` and gets an :class:`Exchange`: either the recorded answer to give, or leave to make the
call and to report its answer with ``finish``.

A framework integration sees a request come in and asks :func:`entry_port` in the same way.
"""

from __future__ import annotations

from timetracer_otel.ports.failing import failures, forget_failures, logger, report
from timetracer_otel.ports.first import UntilFirst
from timetracer_otel.ports.protocols import (
    Caller,
    Entry,
    EntryPort,
    Exchange,
    Inbound,
    Port,
    Startup,
    delay_of,
)
from timetracer_otel.ports.standing import (
    current,
    current_entry,
    entered,
    entry_port,
    entry_variable,
    inside_variable,
    process_port,
    replays,
    session,
    set_process_ports,
)
from timetracer_otel.ports.within import inside, is_inside, leave, outside

__all__ = [
    "Caller",
    "Entry",
    "EntryPort",
    "Exchange",
    "Inbound",
    "Port",
    "Startup",
    "UntilFirst",
    "current",
    "current_entry",
    "delay_of",
    "entered",
    "entry_port",
    "entry_variable",
    "failures",
    "forget_failures",
    "inside",
    "inside_variable",
    "is_inside",
    "leave",
    "logger",
    "outside",
    "process_port",
    "replays",
    "report",
    "session",
    "set_process_ports",
]
