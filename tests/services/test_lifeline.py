"""Servers end with the process that started them: see :mod:`tests.services.lifeline`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from tests.services.mariadb import PROGRAM
from tests.services.programs import find

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0

ALL_SERVICES = """
import socket, sys, time
from pathlib import Path
from tests.fidelity.servers import PLAIN, Server
from tests.services.together import Services
from tests.services.valkey_cluster import cluster

folder = Path(sys.argv[1])
services = Services(folder)
services.stop()
services.start()  # in threads, which end
services.fresh()  # they are there
socket.create_connection((services.tasks.door.host, services.tasks.door.port))  # wakes the worker
node = cluster()
app = Server("small", PLAIN, {"UPSTREAM_URL": services.upstream.url}, folder / "app")
assert app.port
print(folder / "postgres" / "postmaster.pid", flush=True)
time.sleep(600)
"""
PROGRAMS = {
    "postgres": "bin/postgres",
    "mariadb": PROGRAM,
    "valkey": "valkey-server 127.0.0.1",
    "valkey cluster": "[cluster]",
    "moto": "moto.server",
    "mongodb": "mongodb_process",
    "kafka": "kafka_process",
    "celery worker": "celery",
    "uvicorn": "uvicorn",
}

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
time.sleep(600)
"""
A_STUBBORN_ONE = f"""
import subprocess, sys, time
from tests.services.lifeline import tied
server = tied(subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE))
server.stdout.readline()
print(flush=True)
time.sleep(600)
"""
ONE_BESIDE_A_FORK = """
import os, subprocess, sys, time
from tests.services.lifeline import tied
server = tied(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
if os.fork():
    print(flush=True)
time.sleep(600)
"""


@pytest.fixture
def starter() -> Iterator[list[subprocess.Popen[str]]]:
    """What a test started, which may fail before it kills it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def begin(started: list[subprocess.Popen[str]], code: str, *arguments: str) -> tuple[psutil.Process, str]:
    """A process that starts servers, and what it prints when they are there."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    started.append(process)
    assert process.stdout
    line = process.stdout.readline()
    assert line, "it ended; what it said is above"
    return psutil.Process(process.pid), line.strip()


def name(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((name for name, part in reversed(PROGRAMS.items()) if part in command), command)


def outlive(processes: Sequence[psutil.Process]) -> list[str]:
    """The names of those that still run, as soon as there are none."""
    deadline = time.monotonic() + DEADLINE
    while (left := [one for one in processes if runs(one)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [name(process) for process in left]


def runs(process: psutil.Process) -> bool:
    try:
        # one that nobody has waited for has ended
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_all_services_end_when_their_starter_is_killed(starter: list[subprocess.Popen[str]]) -> None:
    with tempfile.TemporaryDirectory(prefix="lifeline-") as folder:
        process, pid_file = begin(starter, ALL_SERVICES, folder)
        postmaster = psutil.Process(int(Path(pid_file).read_text().split()[0]))
        children = [one for one in process.children(recursive=True) if "lifeline" not in one.cmdline()[-1]]
        servers = [postmaster, *children]
        installed = PROGRAMS.keys() - (set() if find(PROGRAM) else {"mariadb"})
        assert sorted(map(name, servers)) == sorted(installed)
        process.kill()
        assert outlive(servers) == []


@pytest.mark.parametrize("code", [A_STUBBORN_ONE, ONE_BESIDE_A_FORK], ids=["stubborn", "beside a fork"])
def test_a_server_ends_that_ignores_sigterm_or_has_a_fork_of_its_starter_beside_it(
    starter: list[subprocess.Popen[str]], code: str
) -> None:
    process, _ = begin(starter, code)
    server, watcher, *forks = process.children()
    assert "lifeline" in watcher.cmdline()[-1]
    process.kill()
    assert outlive([server, watcher]) == []
    for fork in forks:
        fork.kill()
