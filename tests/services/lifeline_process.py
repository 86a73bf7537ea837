"""The watcher of :mod:`tests.services.lifeline`: reads what to end, until whoever writes is gone."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

_PATIENCE = 5.0
"""Seconds that a server has to end in order."""


def main() -> None:
    servers: list[psutil.Process] = []
    files: list[Path] = []
    for line in sys.stdin:
        # an id may be another process's later; this knows when the process began
        servers = [server for server in servers if server.is_running()]
        if (name := line.rstrip("\n")).isdigit():
            with contextlib.suppress(psutil.NoSuchProcess):
                servers.append(psutil.Process(int(name)))
        else:
            files.append(Path(name))
    servers += [server for file in files if (server := _postmaster(file)) is not None]
    _end([server for server in servers if server.is_running()])


def _postmaster(file: Path) -> psutil.Process | None:
    """The server that runs on the folder of a ``postmaster.pid``; the file may be older than the process that
    has its id.
    """
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int(file.read_text().split()[0]))
        if str(file.parent) in process.cmdline():
            return process
    return None


def _end(servers: list[psutil.Process]) -> None:
    everything = list(servers)
    for server in servers:
        with contextlib.suppress(psutil.Error):
            everything += server.children(recursive=True)
    for server in servers:
        with contextlib.suppress(psutil.Error):
            server.terminate()
    _, left = psutil.wait_procs(everything, _PATIENCE)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()


main()
