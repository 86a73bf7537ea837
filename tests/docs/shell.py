"""The shell of one page: commands run in order, in one directory, with one environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.services.lifeline import tie
from tests.services.ports import free_port

_SENTINEL = "-- that was it, status"
_SECONDS = 120
_READY = ("Uvicorn running on", "Ctrl-C ends", " ready.")
"""What a server says when it accepts requests, or a worker tasks."""
_COLLECTOR = "127.0.0.1:4318"


class Shell:
    """A ``sh`` that is told one command after the other.

    Args:
        directory: where it begins.
        environment: its whole environment.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._process = subprocess.Popen(
            ["sh"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            bufsize=1,
            start_new_session=True,
        )
        self._servers = 0
        self._collector = f"127.0.0.1:{free_port()}"

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; its status and what it printed.

        One that ends with ``&`` is a server: this returns when it accepts requests. The address that pages
        have for a collector stands for a free one.
        """
        command = command.replace(_COLLECTOR, self._collector)
        if command.endswith("&"):
            return self._serve(command.removesuffix("&"))
        return self._tell(f"{{ {command}\n}} </dev/null")

    def _serve(self, command: str) -> tuple[int, str]:
        self._servers += 1
        pipe = self._directory / f".server-{self._servers}"
        os.mkfifo(pipe)
        serving = threading.Event()
        output: list[str] = []

        def read() -> None:
            with pipe.open(encoding="utf-8") as lines:
                for line in lines:
                    output.append(line)
                    if any(ready in line for ready in _READY):
                        serving.set()
            serving.set()

        threading.Thread(target=read, daemon=True).start()
        answer = self._tell(f"{command} >{pipe.name} 2>&1 </dev/null &")
        serving.wait(_SECONDS)
        if not any(ready in line for line in output for ready in _READY):
            return 1, "".join(output)
        tie(int(self._tell("echo $!")[1]))
        return answer

    def _tell(self, command: str) -> tuple[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        alarm = threading.Timer(_SECONDS, self._process.kill)
        alarm.start()
        printed: list[str] = []
        try:
            self._process.stdin.write(f"{command}\nprintf '\\n%s %s\\n' '{_SENTINEL}' \"$?\"\n")
            for line in self._process.stdout:
                if line.startswith(_SENTINEL):
                    return int(line.removeprefix(_SENTINEL)), "".join(printed).removesuffix("\n")
                printed.append(line)
        finally:
            alarm.cancel()
        raise AssertionError(f"the shell ended at {command!r} after {_SECONDS} s:\n{''.join(printed)}")
