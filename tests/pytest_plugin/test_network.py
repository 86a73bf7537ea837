"""``--block-network``."""

from __future__ import annotations

from tests.pytest_plugin.conftest import Suite, without_address

TESTS = """
import os
import socket
import sqlite3
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
import httpx
import pytest

URL = os.environ["UPSTREAM"]

def test_named():
    httpx.get(URL + "/json")

def test_swallowed():
    try:
        socket.create_connection(("127.0.0.1", int(URL.rpartition(":")[2])))
    except OSError:
        pass

def test_looked_up():
    httpx.get("http://example.invalid/")

@pytest.mark.cassette
def test_replayed():
    assert httpx.get(URL + "/json").status_code == 200

def test_of_this_process():
    assert sqlite3.connect(":memory:").execute("SELECT 1").fetchone() == (1,)
    left, right = socket.socketpair()
    left.close(), right.close()
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request).start()
        assert httpx.get(f"http://127.0.0.1:{server.server_port}/").status_code == 200
"""


def test_tests_that_reach_out_fail_with_the_name_of_the_call(suite: Suite) -> None:
    suite.write(test_it=TESTS)
    assert suite.outcomes() == {"passed": 4, "failed": 1}  # what cannot be looked up
    suite.upstream.fresh()
    result = suite.run("--block-network", "--tb=line", "-rf", apart=True)
    assert result.parseoutcomes() == {"passed": 2, "failed": 3}
    assert (suite.upstream.arrived, suite.upstream.connections) == ({}, 0)
    said = [without_address(line) for line in result.outlines if "network is blocked" in line]
    for expected in (
        "the network is blocked: GET http://<address>/json (httpx) would connect to <address>",
        "the network is blocked: test_it:",
        "the network is blocked: GET http://example.invalid/ (httpx) would connect to example.invalid",
    ):
        assert any(expected in line for line in said), said


def test_hosts_may_be_allowed(suite: Suite) -> None:
    suite.write(test_it=TESTS)
    suite.ini("timetracer_allow_hosts = 127.0.0.1\n")
    assert suite.outcomes("--block-network", "-k", "named or swallowed") == {"passed": 2, "deselected": 3}


def test_what_is_not_recorded_yet_is_not_recorded(suite: Suite) -> None:
    suite.write(test_it=TESTS)
    result = suite.run("--block-network", "-k", "replayed")
    result.stdout.fnmatch_lines(
        ["*there is no such cassette, and the network is blocked; record it without --block-network"]
    )
    assert suite.cassettes() == {}
    suite.run("--block-network", "--timetracer-mode=record").stderr.fnmatch_lines(
        ["*--block-network and --timetracer-mode=record: recording needs the network"]
    )
