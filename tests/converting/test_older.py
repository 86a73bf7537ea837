"""Cassettes of ``timetracer`` 1.x, as 1.6.0 wrote one: they convert, say what they lack, and replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.converting.conftest import Run, cassettes
from tests.fidelity.servers import ROOT
from timetracer_otel import Cassette
from timetracer_otel.errors import CassetteFormatError
from timetracer_otel.messages import Failure, HttpRequest, HttpResponse

RECORDED = Path(__file__).parent / "timetracer-1.6.0.json"


def older() -> dict[str, Any]:
    document = json.loads(RECORDED.read_text())
    assert isinstance(document, dict)
    return document


def converted(document: dict[str, Any], run: Run) -> Any:
    Path("older.json").write_text(json.dumps(document, indent=2))
    done = run("convert", "older.json")
    assert done.exit_code == 0, done.output
    [cassette] = cassettes()
    return cassette


@pytest.mark.parametrize("schema", ["0.1", "1.0"])
def test_request_response_and_calls_are_taken_over(schema: str, run: Run) -> None:
    cassette = converted({**older(), "schema_version": schema}, run)
    assert cassette.title == "POST /checkout/7"
    request, response = cassette.inbound_request, cassette.inbound_response
    assert request.url == "http://testserver/checkout/7?fast=1&note=a+b"
    assert json.loads(request.body) == {"currency": "EUR", "amount": 21, "card_number": "[REDACTED]"}
    assert response.status == 200
    # as it was sent: its hash says which way of writing it that was
    assert response.body == b'{"order":7,"total":42,"paid":"/pay","mail":"ConnectError"}'
    assert [(call.integration, call.request, call.answer) for call in cassette.calls()] == [
        (
            "httpx",
            HttpRequest(
                "GET", "http://rates.internal/rates?currency=EUR&n=2", [], b"", headers_recorded=False
            ),
            HttpResponse(
                200,
                [("content-type", "application/json"), ("content-length", "46")],
                b'{"rate": 2, "path": "/rates?currency=EUR&n=2"}',
            ),
        ),
        (
            "httpx",
            HttpRequest("POST", "http://rates.internal/pay", [], None, headers_recorded=False),
            HttpResponse(
                200,
                [("content-type", "application/json"), ("content-length", "27")],
                b'{"rate": 2, "path": "/pay"}',
            ),
        ),
        (
            "httpx",
            HttpRequest("GET", "http://127.0.0.1:1/mail", [], b"", headers_recorded=False),
            Failure("httpx.ConnectError", ["All connection attempts failed"]),
        ),
    ]


def test_what_they_lack_is_listed(run: Run) -> None:
    document = older()
    document["events"][1]["result"]["body"] = {"_captured": True, "encoding": "bytes", "size_bytes": 4}
    document["events"].append(
        {
            "eid": 4,
            "type": "db.query",
            "start_offset_ms": 5.0,
            "duration_ms": 1.0,
            "signature": {"lib": "sqlalchemy", "method": "SELECT", "url": "orders"},
            "result": {"status": -1},
        }
    )
    assert [(gap.kind, gap.detail) for gap in converted(document, run).gaps] == [
        ("values not recorded", "timetracer 1.x keeps no clock and no random values"),
        ("body written anew", "of the request: only the values of its JSON were kept"),
        (
            "headers not recorded",
            "of the request GET http://rates.internal/rates?currency=EUR&n=2",
        ),
        ("headers not recorded", "of the request POST http://rates.internal/pay"),
        (
            "body not recorded",
            "of the request POST http://rates.internal/pay: only a hash was kept",
        ),
        (
            "body not recorded",
            "of the response to POST http://rates.internal/pay: only a hash was kept",
        ),
        ("headers not recorded", "of the request GET http://127.0.0.1:1/mail"),
        (
            "call without a payload",
            "sqlalchemy SELECT orders: timetracer 1.x kept no exact statement, parameters and rows",
        ),
    ]


def test_it_replays(run: Run, tmp_path: Path) -> None:
    converted(older(), run)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "timetracer_otel", "replay", "cassettes", "--json"),
            *("--app", "tests.converting.apps:older"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RATES_URL": "http://rates.internal"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    [verdict] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (verdict["outcome"], verdict["calls"]) == ("same", 3), verdict


@pytest.mark.parametrize("schema", ["2.0", 1, None])
def test_other_schemas_are_named(schema: Any, run: Run) -> None:
    Path("older.json").write_text(json.dumps({**older(), "schema_version": schema}))
    done = run("convert", "older.json")
    assert done.exit_code == 2
    assert done.stderr == (
        f"skipped: older.json:1: a cassette of timetracer with schema {str(schema)!r}; 0.1 and 1.0 are read\n"
    )


def test_one_that_is_read_as_a_cassette_is_said_to_be_for_convert() -> None:
    with pytest.raises(CassetteFormatError) as refused:
        Cassette.load(RECORDED)
    assert str(refused.value) == (
        f"{RECORDED}: not an OTLP JSON document: Object missing required field `resourceSpans`;"
        " timetracer-otel convert makes cassettes of traces of other tools and of timetracer 1.x"
    )
