"""Ports that stay a test's own, also while nothing listens at them.

A port that the kernel gave (``bind`` to 0) lies where it takes the ports of outgoing connections from,
too: while a service is stopped, any connection of any process may get its port, and then it cannot start
again. So ports come from below that range, and a locked file per port keeps test processes apart.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

_FIRST = 12000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LAST = int(_RANGE.read_text().split()[0]) - 1 if _RANGE.exists() else 32767
_LOCKS = Path(tempfile.gettempdir(), f"timetracer-ports-{os.getuid()}")

_held: list[IO[bytes]] = []
"""Locks until this process ends."""


def free_port() -> int:
    """A port of 127.0.0.1 where nothing listens, for this process and those it starts until it ends.

    Raises:
        RuntimeError: If all are taken.
    """
    _LOCKS.mkdir(exist_ok=True)
    start = random.SystemRandom().randint(_FIRST, _LAST)
    for port in itertools.chain(range(start, _LAST + 1), range(_FIRST, start)):
        lock = (_LOCKS / str(port)).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.create_server(("127.0.0.1", port)):
                _held.append(lock)
                return port
        except OSError:
            lock.close()
    raise RuntimeError(f"no port is free between {_FIRST} and {_LAST}")
