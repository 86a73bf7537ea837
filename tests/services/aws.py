"""A server that speaks the protocols of S3 and SQS: moto's, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request

_SERVER = "import sys; from moto.server import main; main(sys.argv[1:])"


class Aws:
    """moto's server; what it holds is gone when it stops."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it listens; the same every time it starts."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it; :meth:`fresh` waits until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, "-H", "127.0.0.1", "-p", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def fresh(self) -> None:
        """Forget everything."""
        self._wait()
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310  # ours
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  # as above

    def _wait(self) -> None:
        process = self._process
        deadline = time.monotonic() + 60
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("moto's server did not start")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    remove = stop
