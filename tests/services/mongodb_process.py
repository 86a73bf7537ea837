"""The server process of :mod:`tests.services.mongodb`: ``python -m tests.services.mongodb_process DOOR``.

Prints the port it listens on. It tells its clients that it is at the door's port, as a server behind
a proxy is configured to.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from secantus import SecantusDBServer


class Server(SecantusDBServer):
    """Gives the door as its own address."""

    door = 0

    @property
    def address(self) -> tuple[str, int]:
        host, port = super().address
        return host, self.door or port


# where it keeps what it calls memory
tempfile.tempdir = tempfile.mkdtemp(prefix="mongodb-")
server = Server(storage_path=":memory:", cache_size="64M", enable_test_commands=True)
server.start()
print(server.address[1], flush=True)
server.door = int(sys.argv[1])
sys.stdin.read()  # until whoever started this ends, or closes it
# nobody needs its data any more, so it does not end in order: it waits two seconds for a thread of its own
shutil.rmtree(tempfile.tempdir, ignore_errors=True)
os._exit(0)
