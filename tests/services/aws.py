"""A server that speaks the protocols of S3 and SQS: moto's, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from tests.services.door import Door
from tests.services.lifeline import tied
from tests.services.ports import free_port

_SERVER = "import sys; from moto.server import main; main(sys.argv[1:])"


class Aws:
    """moto's server, and the door in front of it; what it holds is gone when it stops."""

    def __init__(self) -> None:
        self._port = free_port()
        self.door = Door(("127.0.0.1", self._port))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it listens; the same every time it starts."""
        return f"http://{self.door.host}:{self.door.port}"

    def start(self) -> None:
        """Start it; :meth:`fresh` waits until it listens."""
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  # until the process ends
        self._process = tied(
            subprocess.Popen(
                [sys.executable, "-c", _SERVER, "-H", "127.0.0.1", "-p", str(self._port)],
                stdout=self._printed,
                stderr=self._printed,
            )
        )
        self.door.open()

    def fresh(self) -> None:
        """Forget everything; start it again if it ended, as on a machine that is short of memory.

        Raises:
            RuntimeError: If it does not listen.
        """
        if not self._listens():
            self.stop()
            self.start()
            if not self._listens():
                self._printed.seek(0)
                raise RuntimeError(f"moto's server did not start: {self._printed.read().decode()[-2000:]}")
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310  # as above

    def _listens(self) -> bool:
        """Whether it does, within two minutes and as long as its process runs."""
        process = self._process
        deadline = time.monotonic() + 120
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def stop(self) -> None:
        """End it; nothing listens at its address any more."""
        self.door.shut()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._printed.close()

    remove = stop
