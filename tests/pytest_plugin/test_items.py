"""``pytest --timetracer cassettes/``: each cassette is a test of its own."""

from __future__ import annotations

from tests.pytest_plugin.conftest import Suite

SHOP = """
import os
import flask
import httpx

app = flask.Flask("shop")

@app.get("/prices/<name>")
def price(name):
    found = httpx.get(os.environ["UPSTREAM"] + "/json/" + name).json()
    return {"name": name, "price": found["price"]}

def make():
    return app
"""

RECORD = """
from opentelemetry.sdk.trace import TracerProvider
import timetracer_otel
import shop

def test_record():
    provider = TracerProvider()
    provider.add_span_processor(timetracer_otel.CassetteSpanProcessor("cassettes", tracer_provider=provider))
    timetracer_otel.install()
    for name in ("tea", "cup"):
        shop.app.test_client().get(f"/prices/{name}").get_data()
    provider.shutdown()
"""


def recorded(suite: Suite) -> Suite:
    """The suite with two recorded requests, and nothing left of what they called."""
    suite.write(shop=SHOP, test_record=RECORD)
    assert suite.outcomes() == {"passed": 1}
    (suite.path / "test_record.py").unlink()
    suite.upstream.stop()
    return suite


def test_they_are_named_by_their_requests(suite: Suite) -> None:
    recorded(suite)
    suite.ini("timetracer_app = shop:app\n")
    (suite.path / "cassettes/notes.json").write_text('{"not": "traces"}')
    (suite.path / "cassettes/damaged.json").write_text('{"resourceSpans": [')
    result = suite.run("-v", "--timetracer", "cassettes")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1}
    result.stdout.fnmatch_lines(
        [
            "cassettes/*/GET__prices_name__*.json::GET /prices/<name> PASSED*",
            "cassettes/*/GET__prices_name__*.json::GET /prices/<name> PASSED*",
            "cassettes/damaged.json::damaged* FAILED*",
            "*damaged.json: not an OTLP JSON document: Input data was truncated",
        ]
    )
    # nothing is collected where nobody asks for it
    assert suite.outcomes("cassettes") == {}


def test_one_that_is_not_as_recorded_fails_with_its_verdict(suite: Suite) -> None:
    recorded(suite).write(shop=SHOP.replace('found["price"]}', 'found["price"] * 2}'))
    result = suite.run("--timetracer", "--timetracer-app", "shop:app", "cassettes")
    assert result.parseoutcomes() == {"failed": 2}
    result.stdout.fnmatch_lines(
        ["GET /prices/<name>: different", "*response body $.price: recorded 12.5, live 25.0"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_an_application_is_needed_and_may_be_a_factory(suite: Suite) -> None:
    recorded(suite)
    suite.run("--timetracer", "cassettes").stderr.fnmatch_lines(
        ["*--timetracer: which application? give --timetracer-app MODULE:APP, or set timetracer_app*"]
    )
    result = suite.run("--timetracer", "--timetracer-app", "shop:nothing", "cassettes")
    assert result.parseoutcomes() == {"failed": 2}
    result.stdout.fnmatch_lines(
        ["--app shop:nothing: AttributeError: module 'shop' has no attribute 'nothing'"]
    )
    suite.ini("timetracer_app = shop:make\ntimetracer_app_factory = true\n")
    assert suite.outcomes("--timetracer", "cassettes") == {"passed": 2}
