"""What ``--timetracer-mode`` makes of cassettes that are there, and of those that are not."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Suite

ONE = """
import os
import httpx
import pytest

@pytest.mark.cassette
def test_price():
    assert httpx.get(os.environ["UPSTREAM"] + "/counter").json()["turn"] >= 1
"""

MANY = """
import os
import unittest
import httpx
import pytest

URL = os.environ["UPSTREAM"]

def ask(path):
    return httpx.get(URL + path).status_code

@pytest.mark.cassette
def test_own():
    assert ask("/json/own") == 200

@pytest.mark.cassette("named/orders")
def test_named():
    assert ask("/json/named") == 200

@pytest.mark.parametrize("name", ["tea", "a/b"])
@pytest.mark.cassette
class TestPrices:
    def test_price(self, name):
        assert ask("/json/price") == 200

@pytest.mark.cassette
class Old(unittest.TestCase):
    def test_old(self):
        self.assertEqual(ask("/json/old"), 200)

def test_whole(timetracer_auto):
    assert ask("/json/whole") == 200

def test_block(timetracer_auto):
    with timetracer_auto("block") as cassette:
        assert ask("/json/block") == 200
    assert cassette.calls == ([] if cassette.doing == "record" else [f"GET {URL}/json/block"])

def test_record(timetracer_record):
    with timetracer_record("explicit"):
        assert ask("/json/explicit") == 200

def test_replay(timetracer_replay):
    with timetracer_replay("explicit.json") as cassette:
        assert ask("/json/explicit") == 200
    assert (len(cassette.calls), cassette.unused, cassette.misses) == (1, [], [])

def test_unmarked():
    pass
"""


def test_what_is_missing_is_recorded_and_then_replayed(suite: Suite) -> None:
    suite.write(test_shop=MANY)
    result = suite.run()
    assert result.parseoutcomes() == {"passed": 10}
    assert suite.cassettes() == {
        "block.json": ["GET /json/block"],
        "explicit.json": ["GET /json/explicit"],
        "named/orders.json": ["GET /json/named"],
        "test_shop/Old.test_old.json": ["GET /json/old"],
        "test_shop/TestPrices.test_price-a_b-b12e29c7.json": ["GET /json/price"],
        "test_shop/TestPrices.test_price-tea.json": ["GET /json/price"],
        "test_shop/test_own.json": ["GET /json/own"],
        "test_shop/test_whole.json": ["GET /json/whole"],
    }
    assert suite.upstream.arrived == {"GET": 8}
    result.stdout.fnmatch_lines(["*timetracer-otel: 8 written*", "cassettes/block.json"])

    suite.upstream.stop()
    assert suite.outcomes("--timetracer-mode=replay") == {"passed": 10}
    # one that records whenever it may is the one that needs its service
    assert suite.outcomes() == {"passed": 9, "failed": 1}
    assert suite.outcomes("-n", "2", "--timetracer-mode=replay") == {"passed": 10}


def test_workers_of_xdist_record_side_by_side(suite: Suite) -> None:
    suite.write(test_one=ONE, test_two=ONE)
    result = suite.run("-n", "2")
    assert result.parseoutcomes() == {"passed": 2}
    result.stdout.fnmatch_lines(["*timetracer-otel: 2 written*"])
    assert list(suite.cassettes()) == ["test_one/test_price.json", "test_two/test_price.json"]


def test_a_run_that_only_replays_says_how_to_record(suite: Suite) -> None:
    suite.write(test_one=ONE)
    suite.ini("timetracer_mode = replay\n")
    result = suite.run()
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*/cassettes/test_one/test_price.json: there is no such cassette; record it with"
            " --timetracer-mode=auto, with what the test calls running"
        ]
    )
    assert suite.upstream.arrived == {}


def test_recording_again_changes_what_says_something_else(suite: Suite) -> None:
    suite.write(test_one=ONE, test_two=ONE.replace("/counter", "/json").replace('["turn"] >= 1', ""))
    suite.run()
    files = sorted((suite.path / "cassettes").rglob("*.json"))
    one, two = (path.read_text() for path in files)
    result = suite.run("--timetracer-mode=record")
    result.stdout.fnmatch_lines(["*timetracer-otel: 1 written*", "*/test_one/test_price.json"])
    assert [path.read_text() == before for path, before in zip(files, (one, two), strict=True)] == [
        False,
        True,
    ]

    # what is not said otherwise has the same line as before, but for the time
    changed = [
        (before, now)
        for before, now in zip(one.splitlines(), files[0].read_text().splitlines(), strict=True)
        if before != now and "UnixNano" not in before and '"key": "value"' not in before
    ]
    assert [(before.split('"key": ')[1].split(",")[0]) for before, _ in changed] == [
        '"http.response.body.content"'
    ]


def test_rewriting_writes_every_cassette(suite: Suite) -> None:
    suite.write(test_two=ONE.replace("/counter", "/json").replace('["turn"] >= 1', ""))
    suite.run()
    [path] = (suite.path / "cassettes").rglob("*.json")
    before = path.read_text()
    suite.run("--timetracer-mode=rewrite").stdout.fnmatch_lines(["*timetracer-otel: 1 written*"])
    assert path.read_text() != before


def test_off_is_live_and_writes_nothing(suite: Suite) -> None:
    suite.write(test_shop=MANY)
    assert suite.outcomes("--timetracer-mode=off", "-k", "not block and not test_replay") == {
        "passed": 8,
        "deselected": 2,
    }
    assert (suite.cassettes(), suite.upstream.arrived) == ({}, {"GET": 7})


def test_a_failed_test_leaves_no_cassette(suite: Suite) -> None:
    suite.write(test_one=ONE.replace(">= 1", "== 99"))
    result = suite.run()
    assert (result.parseoutcomes(), suite.cassettes()) == ({"failed": 1}, {})
    result.stdout.fnmatch_lines(["the test failed, so its recording is not kept"])


def test_the_folder_may_be_another(suite: Suite) -> None:
    suite.write(test_one=ONE)
    suite.ini("timetracer_cassette_dir = recorded/here\n")
    suite.run()
    assert (suite.path / "recorded/here/test_one/test_price.json").exists()
    suite.ini("")
    suite.write(
        conftest="""
import pytest

@pytest.fixture
def timetracer_cassette_dir(tmp_path_factory):
    return tmp_path_factory.getbasetemp() / ".." / "elsewhere"
"""
    )
    suite.run("--basetemp", str(suite.path / "base"))
    assert (suite.path / "elsewhere/test_one/test_price.json").exists()


def test_a_mode_that_does_not_exist_is_an_error(suite: Suite) -> None:
    suite.write(test_one=ONE.replace("cassette", "cassette(mode='often')"))
    suite.run().stdout.fnmatch_lines(
        ["@pytest.mark.cassette: mode is 'often'; allowed is one of auto, record, replay, rewrite, off"]
    )
    suite.ini("timetracer_mode = often\n")
    suite.run().stderr.fnmatch_lines(["*timetracer_mode is 'often'; allowed is one of auto, record, *"])


def test_the_marker_says_more_than_the_run(suite: Suite) -> None:
    suite.write(test_one=ONE.replace("cassette", "cassette(mode='new_episodes')"))
    assert suite.outcomes("--timetracer-mode=rewrite") == {"passed": 1}
    suite.upstream.stop()
    assert suite.outcomes("--timetracer-mode=rewrite") == {"passed": 1}


SHARED = """
import os
import sqlite3
import httpx
import pytest
import sqlalchemy

URL = os.environ["UPSTREAM"]
database = sqlite3.connect(os.environ["DATABASE"])
engine = sqlalchemy.create_engine("sqlite:///" + os.environ["DATABASE"])
client = httpx.Client()

def place():
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER)")
        database.execute("INSERT INTO orders VALUES (1)")
    with engine.connect() as connection:
        orders = connection.scalar(sqlalchemy.text("SELECT count(*) FROM orders"))
    print("told", orders, client.get(URL + "/counter").json()["turn"])

@pytest.mark.cassette
def test_first():
    place()

def test_live():
    place()

@pytest.mark.cassette
def test_last():
    place()
"""


def test_connections_are_shared_by_tests_that_record_replay_and_run_live(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE", str(suite.path / "shop.db"))
    suite.write(test_shop=SHARED)

    def told() -> list[str]:
        lines = suite.run("-s").outlines
        return [line[line.index("told") + 5 :] for line in lines if "told" in line]

    assert told() == ["1 1", "2 2", "3 3"]
    assert told() == ["1 1", "4 4", "3 3"]
    (suite.path / "cassettes/test_shop/test_first.json").unlink()
    assert told() == ["5 5", "6 6", "3 3"]
    (suite.path / "cassettes/test_shop/test_last.json").unlink()
    assert told() == ["5 5", "7 7", "8 8"]
