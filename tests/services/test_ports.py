"""Ports for services: see :mod:`tests.services.ports`."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ports
from tests.services.aws import Aws

ONLY_THESE = "from tests.services import ports; ports._FIRST, ports._LAST = {}, {}; print(ports.free_port())"


def test_no_outgoing_connection_gets_it() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert ports.free_port() < lowest


def test_no_other_process_gets_it() -> None:
    port = ports.free_port()
    code = ONLY_THESE.format(port, port)
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert other.stderr.endswith(f"RuntimeError: no port is free between {port} and {port}\n")


def test_one_where_somebody_listens_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST", taken)
        monkeypatch.setattr(ports, "_LAST", taken)
        with pytest.raises(RuntimeError, match="no port is free"):
            ports.free_port()


def test_a_server_that_ended_is_started_again() -> None:
    aws = Aws()
    try:
        aws.fresh()
        assert aws._process
        aws._process.kill()
        aws._process.wait()
        aws.fresh()
        socket.create_connection(("127.0.0.1", aws._port), timeout=30).close()
    finally:
        aws.remove()
