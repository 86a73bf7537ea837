"""A failure tells what servers printed meanwhile."""

from __future__ import annotations

import pytest

TESTS = """
from tests.fidelity.servers import PLAIN, Server

def start(tmp_path, what):
    server = Server(["python", "-c", f"print('{what}'); input()"], PLAIN, {}, tmp_path / what)
    server.wait_for_log(what)
    return server

def test_passes(tmp_path):
    start(tmp_path, "fine").stop()

def test_fails(tmp_path):
    server = start(tmp_path, "Traceback")
    server.stop()
    assert server.log == ""
"""


def test_a_failure_tells_what_servers_printed_meanwhile(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)

    done = pytester.runpytest("-p", "tests.printed", "-p", "no:cacheprovider", "-p", "no:asyncio")

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*- what a server printed (*/Traceback/server.log) -*", "Traceback"])
    done.stdout.no_fnmatch_line("fine")
