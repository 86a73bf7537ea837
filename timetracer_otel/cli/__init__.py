"""The command line: ``timetracer-otel``, one file a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from timetracer_otel.cli.group import LazyCommand, LazyGroup

__all__ = ["cli", "main"]

cli = LazyGroup(
    "timetracer-otel",
    help="Record real requests of a Python service with everything they said, and replay them anywhere.",
    lazy=[
        LazyCommand("record", "recording", "Run a service and record its requests."),
        LazyCommand("replay", "replaying", "Replay cassettes against an app, or run an app on them."),
        LazyCommand("diff", "diffing", "Compare two recordings of one request, or two folders of them."),
        LazyCommand("list", "listing", "List what was recorded, newest first."),
        LazyCommand("search", "searching", "Find cassettes by what was said in them, newest first."),
        LazyCommand("show", "showing", "Draw the tree of one cassette: each call with request and answer."),
        LazyCommand("validate", "validating", "Check that cassettes can be read, and list their gaps."),
        LazyCommand("generate-tests", "generating", "Write tests that replay cassettes: a file for pytest."),
        LazyCommand("convert", "converting", "Turn traces of any origin into cassettes."),
        LazyCommand("collect", "collecting", "Receive traces from any SDK or Collector as cassettes."),
        LazyCommand("export", "exporting", "Write cassettes in a format of another tool."),
        LazyCommand("send", "sending", "Send cassettes to a tracing backend, as the spans they are."),
        LazyCommand("demo", "demonstrating", "Record and replay an example shop with its services stopped."),
    ],
)
"""The whole command line, as click has it."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process.

    Args:
        arguments: what follows the program's name; the process's own by default.
    """
    cli.main(arguments, prog_name="timetracer-otel")
