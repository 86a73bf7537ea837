"""The command as a process, and an app that sends its spans to it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.environment import without_settings
from tests.services.lifeline import tied

Start = Callable[..., "Collecting"]


class Collecting:
    """``timetracer-otel collect`` in a process of its own.

    Args:
        folder: where its cassettes go.
        options: of the command.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        environ = without_settings()
        self._process = tied(
            subprocess.Popen(
                [sys.executable, "-m", "timetracer_otel", "collect", "-o", str(folder), *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environ,
            )
        )
        self.said: list[str] = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line.rstrip())
            if "Ctrl-C ends" in line:
                break
        text = "\n".join(self.said)
        http = re.search(r"http://\S+", text)
        grpc = re.search(r"gRPC: (\S+)", text)
        self.url = http[0] if http else ""
        self.grpc = grpc[1] if grpc else ""

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Ask it to end; its status, what it printed, and what it said on stderr since it began."""
        self._process.send_signal(number)
        printed, said = self._process.communicate(timeout=60)
        return self._process.returncode, printed, said

    def kill(self) -> None:
        """End it, if it did not."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Start]:
    """Starts the command; it is ended at the end if the test did not."""
    started: list[Collecting] = []

    def start(*options: str) -> Collecting:
        found = Collecting(tmp_path / "cassettes", *(options or ("--otlp-http", "127.0.0.1:0")))
        started.append(found)
        return found

    yield start
    for one in started:
        one.kill()
