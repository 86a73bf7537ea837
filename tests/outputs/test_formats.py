"""Cassettes in the formats of other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.outputs import http_archive, jaeger, speedscope, trace_events, zipkin
from timetracer_otel.outputs.formats import FORMATS
from timetracer_otel.outputs.rows import placed
from timetracer_otel.outputs.stripping import without_payloads
from timetracer_otel.outputs.writing import document
from timetracer_otel.span import Span
from timetracer_otel.store import FolderStore

HOSTILE = "\x00\x1b[31m</script>'\"`$(id) ;|&\n\u202e\ud7ff"


def spans_of(store: str | Path) -> list[Span]:
    cassettes = sorted((one for _, one in FolderStore(store).iter()), key=lambda one: one.started)
    return [span for one in cassettes for span in one.spans]


@pytest.mark.parametrize("form", ["otlp-json", "otlp-protobuf"])
def test_what_is_exported_as_otlp_converts_back_to_equal_cassettes(
    checkout: Path, run: Run, form: str
) -> None:
    assert run("export", "cassettes", "--to", form, "-o", "traces").exit_code == 0
    assert run("convert", "traces", "-o", "again").exit_code == 0
    assert spans_of("again") == spans_of("cassettes")


@pytest.mark.parametrize("form", ["jaeger", "zipkin"])
def test_what_is_exported_as_spans_converts_back_to_the_same_tree(
    checkout: Path, run: Run, form: str
) -> None:
    run("export", "cassettes", "--to", form, "-o", "traces.json")
    run("convert", "traces.json", "-o", "again")

    def shape(spans: list[Span]) -> list[tuple[Any, ...]]:
        return [
            (
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.name,
                span.start_time_unix_nano // 1000,
                span.status.code,
                span.resource.attributes["service.name"],
                span.attributes.get("http.request.method"),
                span.attributes.get("db.query.text"),
                [event.name for event in span.events],
            )
            for span in spans
        ]

    assert shape(spans_of("again")) == shape(spans_of("cassettes"))


def test_jaegers_document_is_as_its_query_service_answers() -> None:
    bare = without_payloads(samples.checkout().spans)
    assert jaeger.document([bare[:2]]) == {
        "data": [
            {
                "traceID": "a" * 32,
                "spans": [
                    {
                        "traceID": "a" * 32,
                        "spanID": f"{1:016x}",
                        "operationName": "POST /checkout",
                        "references": [],
                        "startTime": samples.BEGAN // 1000,
                        "duration": 12_500,
                        "tags": [
                            {"key": "http.route", "type": "string", "value": "/checkout"},
                            {"key": "http.request.method", "type": "string", "value": "POST"},
                            {"key": "url.full", "type": "string", "value": "http://shop/checkout?dry=1"},
                            {"key": "http.response.status_code", "type": "int64", "value": 201},
                            {"key": "span.kind", "type": "string", "value": "server"},
                        ],
                        "logs": [],
                        "processID": "p1",
                        "warnings": None,
                    },
                    {
                        "traceID": "a" * 32,
                        "spanID": f"{2:016x}",
                        "operationName": "SELECT shop",
                        "references": [{"refType": "CHILD_OF", "traceID": "a" * 32, "spanID": f"{1:016x}"}],
                        "startTime": samples.BEGAN // 1000 + 1000,
                        "duration": 2_500,
                        "tags": [
                            {
                                "key": "db.query.text",
                                "type": "string",
                                "value": "SELECT id, price,\n  since FROM product WHERE id > $1",
                            },
                            {"key": "db.system.name", "type": "string", "value": "postgresql"},
                            {"key": "db.response.returned_rows", "type": "int64", "value": 7},
                            {"key": "span.kind", "type": "string", "value": "internal"},
                        ],
                        "logs": [],
                        "processID": "p1",
                        "warnings": None,
                    },
                ],
                "processes": {
                    "p1": {
                        "serviceName": "shop",
                        "tags": [{"key": names.GIT_REVISION, "type": "string", "value": "4c1d2e0"}],
                    }
                },
                "warnings": None,
            }
        ]
    }


def test_zipkins_spans_have_text_for_tags() -> None:
    failed = without_payloads(samples.failing().spans)
    started = samples.BEGAN // 1000 + 3_600_000_000
    assert zipkin.document(failed[:1]) == [
        {
            "traceId": "b" * 32,
            "id": f"{1:016x}",
            "name": "PUT /products/{id}",
            "kind": "SERVER",
            "timestamp": started,
            "duration": 3000,
            "localEndpoint": {"serviceName": "shop"},
            "annotations": [
                {
                    "timestamp": samples.BEGAN // 1000,
                    "value": json.dumps({"exception": dict(failed[0].events[0].attributes)}),
                }
            ],
            "tags": {
                names.GIT_REVISION: "4c1d2e0",
                "http.route": "/products/{id}",
                "http.request.method": "PUT",
                "url.full": "http://shop/products/1",
                "http.response.status_code": "500",
                "otel.status_code": "ERROR",
                "error": "IntegrityError: duplicate key",
            },
        }
    ]


def overlapping() -> Cassette:
    """Two calls at once, and one after them below a span of the app's own."""
    span = samples.span
    return Cassette.from_spans(
        [span(0, "GET /", 0, 10), span(1, "a", 1, 5), span(2, "b", 2, 6), span(3, "c", 3, 2, parent=2)]
    )


def test_spans_that_overlap_stand_in_rows_of_their_own() -> None:
    rows = [(one.span.name, one.row) for one in placed(overlapping())]
    assert rows == [("GET /", 0), ("a", 0), ("b", 1), ("c", 0)]


def test_perfetto_gets_complete_events_that_nest_in_each_thread() -> None:
    events = trace_events.document([overlapping()])["traceEvents"]
    assert [(one["ph"], one["tid"], one["name"]) for one in events] == [
        ("M", 0, "process_name"),
        ("M", 0, "thread_name"),
        ("M", 1, "thread_name"),
        ("X", 0, "GET /"),
        ("X", 0, "a"),
        ("X", 1, "b"),
        ("X", 0, "c"),
    ]
    assert events[0]["args"] == {"name": "GET / (shop)"}
    assert (events[4]["ts"], events[4]["dur"]) == (samples.BEGAN / 1000 + 1000, 5000)


def test_speedscope_gets_spans_that_open_and_close_in_order() -> None:
    found = speedscope.document([overlapping()])
    frames = [frame["name"] for frame in found["shared"]["frames"]]
    assert [
        (
            profile["name"],
            [(one["type"], frames[one["frame"]], one["at"] // samples.MS) for one in profile["events"]],
        )
        for profile in found["profiles"]
    ] == [
        (
            "GET /",
            [
                ("O", "GET /", 0),
                ("O", "a", 1),
                ("O", "c", 3),
                ("C", "c", 5),
                ("C", "a", 6),
                ("C", "GET /", 10),
            ],
        ),
        ("GET /, beside it 1", [("O", "b", 2), ("C", "b", 8)]),
    ]


def test_har_holds_what_came_in_and_what_went_out() -> None:
    log = http_archive.document([samples.checkout()])["log"]
    assert log["version"] == "1.2"
    assert [page["title"] for page in log["pages"]] == ["POST /checkout"]
    assert [
        (one["comment"], one["request"]["method"], one["request"]["url"], one["response"]["status"])
        for one in log["entries"]
    ] == [
        ("came in", "POST", "http://shop/checkout?dry=1", 201),
        ("went out, by httpx", "POST", "http://payments/charges", 402),
    ]
    charge = log["entries"][1]
    assert charge["startedDateTime"] == "2026-11-18T11:06:40.005Z"
    assert charge["time"] == 4
    assert charge["request"]["postData"] == {"mimeType": "application/json", "text": '{"amount":"2.50"}'}
    assert charge["request"]["headers"][1] == {"name": "X-Try", "value": "1"}
    assert charge["response"]["content"] == {
        "size": 17,
        "mimeType": "application/json",
        "text": '{"declined":true}',
    }


def test_curl_sends_the_request_that_came_in(checkout: Path, run: Run) -> None:
    assert run("export", str(checkout), "--to", "curl").stdout == (
        "curl --globoff --request POST --url 'http://shop/checkout?dry=1'"
        " --header 'Content-Type: application/json'"
        ' --data-raw \'{"product_id": 1,  "quantity": 2}\'\n'
    )


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_makes_no_other_document(form: str) -> None:
    data = document([samples.checkout(), samples.hostile(HOSTILE)], form)
    if form not in ("otlp-protobuf", "curl", "otlp-json"):
        assert isinstance(msgspec.json.decode(data), dict | list)
    assert data


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("har", "curl")])
def test_without_payloads_nothing_that_was_said_is_there(form: str) -> None:
    data = document([samples.checkout()], form, payloads=False)
    for said in (b"quantity", b"declined", b"2.50", b"cart:1", b"1.25", b"timetracer.", b"1795000000.5"):
        assert said not in data
    assert form == "speedscope" or b"http://payments/charges" in data  # which holds names only


def test_formats_made_of_payloads_cannot_be_without_them(checkout: Path, run: Run) -> None:
    found = run("export", str(checkout), "--to", "har", "--no-payloads")
    assert (found.exit_code, found.stderr) == (
        2,
        "error: har is made of payloads: leave out --no-payloads, or choose another format\n",
    )


def test_a_trace_id_names_a_cassette_and_a_filter_chooses(checkout: Path, run: Run) -> None:
    by_id = run("export", "aaaaaaaa", "--to", "zipkin")
    by_text = run("export", "-k", "/checkout", "--to", "zipkin")
    assert by_id.exit_code == by_text.exit_code == 0
    assert by_id.stdout == by_text.stdout
    assert len(json.loads(by_id.stdout)) == 5


def test_a_damaged_file_is_named_and_the_others_are_written(checkout: Path, run: Run) -> None:
    Path("cassettes/bad.json").write_text("{")
    found = run("export", "cassettes", "--to", "jaeger", "-o", "all.json")
    assert found.exit_code == 0
    assert found.stderr.startswith("error: cassettes/bad.json: ")
    assert found.stderr.endswith("2 in all.json\n")
    assert len(json.loads(Path("all.json").read_text())["data"]) == 2


@pytest.mark.parametrize("form", ["har", "curl"])
def test_a_message_that_cannot_be_is_named_with_its_file(checkout: Path, run: Run, form: str) -> None:
    path = next(Path("cassettes").rglob("*.json"))
    cassette = Cassette.load(path)
    cassette.entry.attributes["http.request.header.x-two"] = ["one\r\ntwo"]
    Path("cassettes/bad.json").write_bytes(cassette.dump())
    found = run("export", "cassettes", "--to", form, "-o", "all.txt")
    assert (found.exit_code, found.stderr.splitlines()) == (
        0,
        [
            "error: cassettes/bad.json: span "
            f"{cassette.entry.span_id} ({cassette.entry.name}): the recorded value of header x-two"
            " 'one\\r\\ntwo' cannot be sent: HTTP allows no such character",
            "2 in all.txt",
        ],
    )


def test_nothing_to_write_and_nowhere_to_write_are_errors(checkout: Path, run: Run) -> None:
    nothing = run("export", "-k", "no such thing")
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    nowhere = run("export", "cassettes", "-o", "no/such/folder")
    assert (nowhere.exit_code, nowhere.stderr) == (
        2,
        "error: no/such/folder: it cannot be written: No such file or directory\n",
    )
