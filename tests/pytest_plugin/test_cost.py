"""A run of pytest that has no cassettes is not to notice the plugin; other plugins get along with it."""

from __future__ import annotations

from tests.pytest_plugin.conftest import Suite

LOADED = """
import sys

def test_nothing_is_loaded():
    ours = sorted(name for name in sys.modules if name.startswith("timetracer_otel"))
    assert ours == ["timetracer_otel", "timetracer_otel.pytest_plugin"]
    assert not {"opentelemetry", "wrapt", "msgspec", "httpx", "click", "rich"} & set(sys.modules)
"""

OLD = """
import httpx
import os
import pytest

URL = os.environ["UPSTREAM"]

def test_record(timetracer_record, timetracer_cassette_dir):
    with timetracer_record("old.json", plugins=["httpx"]):
        assert httpx.get(URL + "/json/old").status_code == 200
    assert (timetracer_cassette_dir / "old.json").exists()

def test_record_elsewhere(timetracer_record, tmp_path):
    with timetracer_record("elsewhere.json", use_tmp=True):
        assert httpx.get(URL + "/json/old").status_code == 200
    assert (tmp_path / "elsewhere.json").exists()

def test_replay(timetracer_replay):
    with timetracer_replay("old.json", strict=False, plugins=["httpx"]) as session:
        assert httpx.get(URL + "/json/old").status_code == 200
    assert len(session.calls) == 1

def test_auto(timetracer_auto):
    with timetracer_auto("auto.json", plugins=["httpx"]):
        assert httpx.get(URL + "/json/auto").status_code == 200

@pytest.mark.cassette("auto.json")
def test_marked():
    assert httpx.get(URL + "/json/auto").status_code == 200
"""

RECORDING = """
def pytest_addoption(parser):
    parser.getgroup("recording").addoption("--block-network", action="store_true", default=False)
"""


def test_nothing_is_loaded_that_nobody_uses(suite: Suite) -> None:
    suite.write(test_loaded=LOADED)
    assert suite.outcomes("-p", "no:time_machine", apart=True) == {"passed": 1}


def test_suites_of_the_timetracer_package_run(suite: Suite) -> None:
    suite.write(test_old=OLD)
    assert suite.outcomes() == {"passed": 5}


def test_pytest_recording_shares_its_option(suite: Suite) -> None:
    suite.write(pytest_recording=RECORDING, test_it="def test_it(): pass\n")
    result = suite.run("-p", "pytest_recording", "--block-network", PYTHONPATH=str(suite.path), apart=True)
    assert result.parseoutcomes() == {"passed": 1}
