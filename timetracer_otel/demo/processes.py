"""Programs run beside this one: a command to its end, a server for as long as it is needed."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from timetracer_otel.errors import ApplicationError


class Sent(msgspec.Struct, frozen=True):
    """A request to the shop."""

    method: str
    path: str
    body: str = ""


class Received(msgspec.Struct, frozen=True):
    """What the shop answered."""

    status: int
    body: str


def send(url: str, request: Sent) -> Received:
    """Send one request to the shop and read the whole answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"} if request.body else {}
        connection.request(request.method, request.path, request.body or None, headers)
        response = connection.getresponse()
        return Received(response.status, response.read().decode())


class Server:
    """A uvicorn in a process of its own, on a port that is free; ready once entered.

    Args:
        command: what starts it; it runs uvicorn in the end.
        directory: where it runs.
        environment: variables beside those of this process.

    Attributes:
        url: where it listens, without a slash at the end.
    """

    def __init__(self, command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self._command = [*_found(command), "--port", "0"]
        self._directory = directory
        self._environment = environment
        self._output: deque[str] = deque(maxlen=200)
        self.url = ""

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(  # noqa: S603  # commands of this package, written here
            self._command,
            cwd=self._directory,
            env=_environment(self._environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        lines = self._lines()
        for line in lines:
            if "Uvicorn running on " in line:
                self.url = line.partition("Uvicorn running on ")[2].split()[0]
                break
        else:
            self._process.wait()
            raise ApplicationError(f"{' '.join(self._command)} did not start:\n{self.output()}")
        # the rest is read too, or the server would stop at a full pipe
        self._reader = threading.Thread(target=deque, args=(lines, 0), daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)

    def output(self) -> str:
        """The last lines that it printed."""
        return "".join(self._output)

    def _lines(self) -> Iterator[str]:
        if self._process.stdout is None:
            return
        for line in self._process.stdout:
            self._output.append(line)
            yield line


def run_program(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command to its end.

    Args:
        command: a program beside this Python or on the path, and its arguments.
        directory: where it runs.
        environment: variables beside those of this process.

    Returns:
        Its exit status, and what it printed to both streams.
    """
    done = subprocess.run(  # noqa: S603  # commands of this package
        _found(command),
        cwd=directory,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


def _found(command: Sequence[str]) -> list[str]:
    """The command with the path of its program."""
    program = shutil.which(command[0], path=_environment({})["PATH"])
    if program is None:
        raise ApplicationError(f"{command[0]} is not installed beside {sys.executable}")
    return [program, *command[1:]]


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """The environment here with some added; programs beside this Python are found first.

    Settings of ours and of OpenTelemetry are left out: the demonstration shows the defaults.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TIMETRACER_", "OTEL_"))
    }
    path = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath)))
    return {**kept, "PATH": path, **added}
