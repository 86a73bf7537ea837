"""Servers end with the process that started them, however that ends: by SIGKILL, too.

A process of tests that starts a server starts one watcher beside it, and holds a pipe to it open. The kernel
closes that when the process is gone; then the watcher ends what it was told of. (Linux's
``PR_SET_PDEATHSIG`` would end a server with the *thread* that started it, and not PostgreSQL's, which
``pg_ctl`` starts.)
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TypeVar

_WATCHER = Path(__file__).with_name("lifeline_process.py")
_Process = TypeVar("_Process", subprocess.Popen[bytes], subprocess.Popen[str])

_watcher: subprocess.Popen[bytes] | None = None
_lock = threading.Lock()


def tied(process: _Process) -> _Process:
    """The same process, which will not outlive this one."""
    tie(process.pid)
    return process


def tie(process: int | Path) -> None:
    """End a server, and what it has started by then, after this process if it did not end before.

    Args:
        process: its id, or a file ``postmaster.pid`` that holds it whenever the server runs.
    """
    with _lock:
        os.write(_pipe(), f"{process}\n".encode())


def _pipe() -> int:
    """The end of it that is held open here."""
    global _watcher
    if _watcher is None:
        _watcher = subprocess.Popen(
            [sys.executable, "-I", _WATCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # what is sent to a whole group, as by Ctrl-C, leaves it alone
        )
    assert _watcher.stdin is not None
    return _watcher.stdin.fileno()


def _let_go() -> None:
    """A fork holds nothing open, and has a watcher of its own if it starts a server."""
    global _watcher, _lock
    _lock = threading.Lock()
    if _watcher is not None:
        assert _watcher.stdin is not None
        _watcher.stdin.close()
        _watcher.returncode = 0  # it is not this process's child
        _watcher = None


os.register_at_fork(after_in_child=_let_go)
