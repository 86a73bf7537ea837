"""Runs commands that it is told on its standard input, in a process that may not have much memory.

One process for many files: starting Python for each would take longer than reading it.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import NamedTuple

MEMORY = 1536 * 1024 * 1024
"""Bytes of address space, Python and libraries included."""
PATIENCE = 120.0
"""Seconds for one file and one command; all take less than a few."""


class Done(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    stdout: str
    stderr: str


class Reader:
    """A process that reads files for us; a new one when the last has died."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str) -> Done:
        """Run ``timetracer-otel`` with those arguments."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.hostile.reader", str(self._directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(PATIENCE, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(arguments) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
        finally:
            timer.cancel()
        assert said, f"{arguments}: the process died with {process.wait()} or took over {PATIENCE} seconds"
        return Done(*json.loads(said))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def serve() -> None:
    import os

    from timetracer_otel.cassette import Cassette
    from timetracer_otel.cli import main

    os.chdir(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for row in sys.stdin:
        arguments = json.loads(row)
        out, err = io.StringIO(), io.StringIO()
        status: object = None
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                if arguments[0] == "load":
                    Cassette.load(arguments[1])
                else:
                    main(arguments)
            except SystemExit as end:
                status = end.code
            except Exception as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                status = 2
        print(json.dumps([status or 0, out.getvalue(), err.getvalue()]), flush=True)


if __name__ == "__main__":
    serve()
