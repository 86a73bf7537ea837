"""How a test ends whose calls are not as recorded."""

from __future__ import annotations

from tests.pytest_plugin.conftest import Suite

SHOP = """
import os
import uuid
import flask
import httpx

app = flask.Flask("shop")
URL = os.environ["UPSTREAM"]

@app.get("/price")
def price():
    paths = os.environ.get("PATHS", "/json/tea").split()
    try:
        prices = [httpx.get(URL + path).json() for path in paths]
    except Exception:
        if os.environ.get("FAILS"):
            raise
        prices = []
    return {"prices": len(prices), "id": str(uuid.uuid4())}
"""

TEST = """
import os
import httpx
import pytest
from shop import URL, app

@pytest.fixture
def cleaned():
    yield
    if not os.environ.get("DIRTY"):
        httpx.get(URL + "/json/clean")

@pytest.mark.cassette("price"MORE)
def test_price(cleaned):
    response = app.test_client().get("/price")
    assert response.status_code == 200, "what the test says"
"""

NEAREST = (
    "GET http://<address>/json/teas: no recorded call answers it. Nearest is GET http://<address>/json/tea;"
    " it differs in url: recorded 'http://<address>/json/tea', live 'http://<address>/json/teas'"
)


def lines(suite: Suite, **environment: str) -> list[str]:
    """What a run says, without addresses."""
    from tests.pytest_plugin.conftest import without_address

    return [without_address(line) for line in suite.run("--tb=short", apart=False, **environment).outlines]


def recorded(suite: Suite, more: str = "") -> Suite:
    """The suite with its cassette, and nothing left of what it was recorded from."""
    suite.write(shop=SHOP, test_price=TEST.replace("MORE", more))
    suite.run()
    suite.upstream.stop()
    return suite


def test_all_is_well(suite: Suite) -> None:
    assert recorded(suite).outcomes() == {"passed": 1}


def test_a_call_without_an_answer_fails_the_test_though_the_app_hid_it(suite: Suite) -> None:
    found = lines(recorded(suite), PATHS="/json/teas")
    place = found.index(next(line for line in found if "test_price __" in line))
    assert found[place + 1] == NEAREST
    assert "1 failed" in found[-1]


def test_it_is_said_beside_the_test_s_own_failure(suite: Suite) -> None:
    found = lines(recorded(suite), PATHS="/json/teas", FAILS="yes")
    assert any("what the test says" in line for line in found)
    place = found.index(next(line for line in found if "calls that nothing recorded answers" in line))
    assert found[place + 1] == NEAREST


def test_recorded_calls_that_do_not_happen_fail_the_test(suite: Suite) -> None:
    suite.write(shop=SHOP, test_price=TEST.replace("MORE", ""))
    suite.run(PATHS="/json/tea /json/cup")
    found = lines(suite, PATHS="/json/tea")
    place = found.index(next(line for line in found if "test_price __" in line))
    assert found[place + 1] == "recorded and not called: GET http://<address>/json/cup"
    assert found[place + 2].endswith(
        "cassettes/price.json; record it again with --timetracer-mode=record, or allow it with"
        " allow_unused=True)"
    )
    suite.write(test_price=TEST.replace("MORE", ", allow_unused=True"))
    assert suite.outcomes() == {"passed": 1}


def test_calls_of_fixtures_that_end_are_part_of_the_cassette(suite: Suite) -> None:
    recorded(suite)
    assert suite.cassettes() == {"price.json": ["GET /json/tea", "GET /json/clean"]}
    result = suite.run(DIRTY="yes")
    assert result.parseoutcomes() == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*recorded and not called: GET */json/clean"])


def test_calls_may_be_captured_into_a_copy(suite: Suite) -> None:
    suite.write(shop=SHOP, test_price=TEST.replace("MORE", ""))
    suite.run(PATHS="/json/tea")
    before = (suite.path / "cassettes/price.json").read_text()
    suite.upstream.fresh()
    result = suite.run(PATHS="/json/tea /json/teas", TIMETRACER_ON_MISS="record", apart=True)
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines(["*timetracer-otel: 1 written*", "cassettes-captured/price.json"])
    assert suite.upstream.arrived == {"GET": 1}
    assert (suite.path / "cassettes/price.json").read_text() == before

    suite.upstream.stop()
    (suite.path / "cassettes-captured/price.json").rename(suite.path / "cassettes/price.json")
    assert suite.outcomes(TIMETRACER_ON_MISS="fail") == {"passed": 1}
