"""Becoming the service: its command under ``opentelemetry-instrument``, in this process's place."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from timetracer_otel.cli.group import fail

_LAUNCHER: Final = "opentelemetry-instrument"
_NOT_FOUND: Final = 127
"""Exit status: there is no such command; a shell's own."""


def quieten(environ: MutableMapping[str, str], *, replaying: bool = False) -> None:
    """Switch metrics and logs off where nobody asked for them: the distribution's default for both
    is an exporter that may not be installed, and that would stop all of OpenTelemetry. And what was warned
    of here is not warned of again.

    Args:
        environ: the environment that the service will get.
        replaying: also where they were asked for: nothing of a replay is to reach the world.
    """
    for name in ("OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"):
        if replaying or not environ.get(name):
            environ[name] = "none"
    from timetracer_otel.config import say_no_more

    say_no_more(environ)


def launch(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Run the command under the launcher of this environment. This process becomes it: signals, exit
    status and streams are its own.

    Args:
        command: a program beside this Python or on the path, and its arguments.
        environ: its whole environment.
    """
    found = launched(command, environ)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(found[0], found, dict(environ))  # noqa: S606  # what the user asked to run


def launched(command: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The command under the launcher of this environment, as it is run; ends this process where there is
    no such program.

    Args:
        command: a program beside this Python or on the path, and its arguments.
        environ: its whole environment.
    """
    path = os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", os.defpath)))
    launcher = shutil.which(_LAUNCHER, path=path)
    if launcher is None:
        fail(f"{_LAUNCHER} is neither beside {sys.executable} nor on the PATH; reinstall timetracer-otel")
        sys.exit(_NOT_FOUND)
    program = shutil.which(command[0], path=path)
    if program is None:
        fail(f"{command[0]}: there is no such command beside {sys.executable} or on the PATH")
        sys.exit(_NOT_FOUND)
    return [launcher, program, *command[1:]]
