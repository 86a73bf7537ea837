"""Applications as real server processes: plain, recording, replaying."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fidelity.wire import PATIENCE
from tests.services.environment import without_settings
from tests.services.lifeline import tied

ROOT = Path(__file__).resolve().parents[2]
_SCRIPTS = Path(sysconfig.get_path("scripts"))
_READY = re.compile(r"(?:[Rr]unning on|Listening at:) http://127\.0\.0\.1:(\d+)")
_COMMANDS = {
    "small": ["uvicorn", "tests.recording.small_app:app", "--host", "127.0.0.1", "--port", "0"],
    "fastapi": ["uvicorn", "tests.fidelity.apps.fastapi_app:app", "--host", "127.0.0.1", "--port", "0"],
    "starlette": ["uvicorn", "tests.fidelity.apps.starlette_app:app", "--host", "127.0.0.1", "--port", "0"],
    "litestar": ["uvicorn", "tests.fidelity.apps.litestar_app:app", "--host", "127.0.0.1", "--port", "0"],
    "django-asgi": [
        *("uvicorn", "tests.fidelity.apps.django_site.asgi:application"),
        *("--host", "127.0.0.1", "--port", "0"),
    ],
    "django": [
        *("gunicorn", "tests.fidelity.apps.django_site.wsgi:application", "--bind", "127.0.0.1:0"),
        *("--workers", "1", "--threads", "8", "--no-control-socket"),
    ],
    "flask": [
        *("gunicorn", "tests.fidelity.apps.flask_app:app", "--bind", "127.0.0.1:0"),
        *("--workers", "1", "--threads", "8", "--no-control-socket"),
    ],
}
PLAIN: tuple[str, ...] = ()
RECORDING = ("opentelemetry-instrument", "--traces_exporter", "timetracer")
REPLAYING = ("opentelemetry-instrument",)

INSTRUMENTED = ("asyncpg", "httpx", "psycopg", "psycopg2", "redis", "sqlalchemy", "sqlite3", "threading")
"""Beside its framework, where nothing else is asked of an application: it starts a third sooner."""

STARTED: weakref.WeakSet[Server] = weakref.WeakSet()
"""For who wants to know what they printed: tests/printed.py."""


class ServerFailed(Exception):
    """The server process ended before it listened, or said something else; the text is what it printed."""


class Server:
    """One server process of an application.

    Args:
        framework: ``fastapi`` (uvicorn) or ``flask`` (gunicorn), or a command of the test's own.
        launcher: What is put in front of the command: ``PLAIN``, ``RECORDING`` or ``REPLAYING``.
        environment: Added to this process's own.
        directory: Where the process runs and its log is kept.
    """

    def __init__(
        self,
        framework: str | Sequence[str],
        launcher: tuple[str, ...],
        environment: Mapping[str, str],
        directory: Path,
    ) -> None:
        command = [*launcher, *(_COMMANDS[framework] if isinstance(framework, str) else framework)]
        self._lines: list[str] = []
        self._printed = threading.Condition()
        self._ended = False
        self._port = 0
        self.log_file = directory / "server.log"
        directory.mkdir(parents=True, exist_ok=True)
        self._process = tied(
            subprocess.Popen(
                [str(_SCRIPTS / command[0]), *command[1:]],
                cwd=directory,
                env=_environment(environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        )
        STARTED.add(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def port(self) -> int:
        """The port it listens on; waits until it does.

        Raises:
            ServerFailed: It ended instead.
        """
        with self._printed:
            self._printed.wait_for(lambda: self._port or self._ended)
        if not self._port:
            raise ServerFailed(self.log)
        return self._port

    @property
    def log(self) -> str:
        """Everything it has printed so far."""
        with self._printed:
            self._lines = ["".join(self._lines)]  # asked before each test: joined once
            return self._lines[0]

    def wait_for_log(self, text: str, start: int = 0) -> str:
        """Wait until it has printed some text.

        Args:
            text: What to wait for.
            start: Characters of the log to leave out.

        Returns:
            The log from ``start`` on.

        Raises:
            ServerFailed: It ended, or took too long.
        """
        with self._printed:
            self._printed.wait_for(lambda: text in self.log[start:] or self._ended, PATIENCE)
        if text not in self.log[start:]:
            raise ServerFailed(f"it did not say {text!r}:\n{self.log}")
        return self.log[start:]

    def wait_for_end(self) -> str:
        """Wait until it ended by itself; everything it has printed.

        Raises:
            ServerFailed: It goes on.
        """
        with self._printed:
            if not self._printed.wait_for(lambda: self._ended, PATIENCE):
                raise ServerFailed(f"it did not end:\n{self.log}")
        return self.log

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and wait until it did; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            code = self._process.wait(90)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output, self.log_file.open("w") as log:
            for line in output:
                log.write(line)
                log.flush()
                with self._printed:
                    self._lines.append(line)
                    if not self._port and (ready := _READY.search(line)):
                        self._port = int(ready[1])
                    self._printed.notify_all()
        with self._printed:
            self._ended = True
            self._printed.notify_all()


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without anything that would configure the server by accident."""
    own = {name: value for name, value in without_settings().items() if not name.startswith("PYTEST_")}
    path = os.pathsep.join(filter(None, [added.get("PYTHONPATH"), str(ROOT)]))
    binaries = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", "")])
    return {**own, "PYTHONUNBUFFERED": "1", **added, "PYTHONPATH": path, "PATH": binaries}
