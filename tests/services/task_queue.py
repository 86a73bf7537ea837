"""A Celery broker and result backend, and the real worker that serves it once somebody knocks."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.services.door import Address, Door
from tests.services.environment import without_settings
from tests.services.lifeline import tied

_ROOT = Path(__file__).parents[2]
_QUEUE_DATABASE = 1


class TaskQueue:
    """A database of a Valkey server, with a door of its own.

    Args:
        address: Where the server is; that starts, empties and stops by itself.
    """

    def __init__(self, address: Address) -> None:
        self.door = _WakingDoor(address, self._wake)
        self._worker: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address, as Celery spells it."""
        return f"redis://{self.door.host}:{self.door.port}/{_QUEUE_DATABASE}"

    def stop(self) -> None:
        """Stop the worker; nothing listens at the address any more."""
        self.door.shut()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.wait()

    def start(self) -> None:
        """Be there again; the worker starts when it is needed."""
        self.door.open()

    remove = stop

    def _wake(self) -> None:
        if self._worker is None:
            own = without_settings()
            host, port = self.door.target
            address = f"redis://{host}:{port}/{_QUEUE_DATABASE}"
            self._worker = tied(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "celery", "-A", "tests.services.tasks", "worker"),
                        *("--pool", "solo", "--loglevel", "ERROR", "--hostname", "worker@here"),
                        *("--without-mingle", "--without-gossip", "--without-heartbeat"),
                    ],
                    cwd=_ROOT,
                    env={**own, "CELERY_URL": address},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )


class _WakingDoor(Door):
    """Tells when somebody comes in."""

    target: Address

    def __init__(self, target: Address, wake: object) -> None:
        super().__init__(target)
        self._on_arrival = wake

    def _connect(self) -> socket.socket:
        assert callable(self._on_arrival)
        self._on_arrival()
        return super()._connect()
