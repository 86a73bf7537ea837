"""``timetracer-otel convert``: traces in, cassettes out."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.converting import lines
from tests.converting import test_foreign
from tests.converting.conftest import Run, cassettes, contents, titles, tree
from tests.converting.traces import BEGAN, MS, TRACE, two_services
from timetracer_otel.cassette import STRUCTURE_ONLY
from timetracer_otel.formats import encode
from timetracer_otel.formats.compression import compress

SECOND_TRACE = "6" * 32


def traces_file(*traces: str) -> bytes:
    """Traces of two services as JSON lines, a span a line, the spans of all traces mixed."""
    spans = [two_services() for _ in traces]
    for trace, of_trace in zip(traces, spans, strict=True):
        for span in of_trace:
            span.trace_id = trace
    mixed = [span for together in zip(*map(reversed, spans), strict=True) for span in together]
    return b"".join(encode([span]) + b"\n" for span in mixed)


FORMS: dict[str, bytes] = {
    "document": encode(two_services()),
    "pretty": json.dumps(json.loads(encode(two_services())), indent=2).encode(),
    "lines": traces_file(TRACE),
    "gzip": gzip.compress(traces_file(TRACE)),
    "zstd": compress(traces_file(TRACE), "zstd"),
    "protobuf": encode(two_services(), "protobuf"),
    "messages": b"".join(
        len(message).to_bytes(4, "big") + message
        for message in (encode([span], "protobuf") for span in two_services())
    ),
    "tempo": json.dumps({"batches": json.loads(encode(two_services()))["resourceSpans"]}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_service_has_a_cassette_whatever_the_form(form: str, run: Run) -> None:
    Path("traces").write_bytes(FORMS[form])
    done = run("convert", "traces", "-o", "cassettes")
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "2 cassettes in cassettes, of 5 spans in 1 trace\n"
        "  2 of them hold structure only: no request and no answer was in the trace, so they can be looked"
        " at, not replayed\n"
    )
    rates, shop = cassettes()
    assert (rates.title, tree(rates)) == ("GET /{currency}", {"GET /{currency}": {"SELECT": {}}})
    assert (shop.title, tree(shop)) == ("POST /checkout", {"POST /checkout": {"GET": {}, "price": {}}})
    originals = {span.span_id: span for span in two_services()}
    for cassette in (rates, shop):
        assert [gap.kind for gap in cassette.gaps] == [STRUCTURE_ONLY]
        assert cassette.why_not == (
            "it holds structure only: no request and no answer was recorded with its spans"
        )
        del cassette.entry.attributes["timetracer.gaps"]
        assert all(span == originals[span.span_id] for span in cassette.spans)


def test_standard_input(run: Run) -> None:
    done = run("convert", "-", "-o", "cassettes", stdin=traces_file(TRACE))
    assert (done.exit_code, titles()) == (0, ["GET /{currency}", "POST /checkout"])


def test_several_files_and_folders_are_one_input(run: Run) -> None:
    first, *rest = traces_file(TRACE, SECOND_TRACE).splitlines(keepends=True)
    Path("logs/day").mkdir(parents=True)
    Path("first.jsonl").write_bytes(first)
    Path("logs/day/rest.jsonl.gz").write_bytes(gzip.compress(b"".join(rest)))
    Path("logs/.hidden").write_bytes(b"not a trace")
    done = run("convert", "first.jsonl", "logs")
    assert done.exit_code == 0, done.output
    assert [len(cassette.spans) for cassette in cassettes()] == [2, 2, 3, 3]


def test_the_store_is_that_of_the_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMETRACER_DIR", "elsewhere")
    monkeypatch.setenv("TIMETRACER_COMPRESSION", "zstd")
    Path("traces").write_bytes(traces_file(TRACE))
    assert run("convert", "traces", "--encoding", "protobuf").exit_code == 0
    assert sorted(contents("elsewhere")) == [
        "2026-11-18/GET__currency__5b8aa5a2d2c872e8.pb.zst",
        "2026-11-18/POST__checkout__5b8aa5a2d2c872e8.pb.zst",
    ]
    assert [len(cassette.spans) for cassette in cassettes("elsewhere")] == [2, 3]


def test_a_second_time_adds_nothing(run: Run) -> None:
    Path("traces").write_bytes(traces_file(TRACE, SECOND_TRACE))
    run("convert", "traces")
    before = contents("cassettes")
    done = run("convert", "traces", "traces")
    assert "4 of them were there already" in done.stdout
    assert contents("cassettes") == before


def test_what_was_missing_joins_its_cassette(run: Run) -> None:
    lines = traces_file(TRACE).splitlines(keepends=True)
    Path("early").write_bytes(b"".join(line for line in lines if b"price" not in line))
    Path("late").write_bytes(b"".join(line for line in lines if b'"GET"' not in line))
    run("convert", "early")
    run("convert", "late")
    assert tree(cassettes()[1]) == {"POST /checkout": {"GET": {}, "price": {}}}
    before = contents("cassettes")
    run("convert", "late")
    assert contents("cassettes") == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--service", "shop"], ["POST /checkout"]),
        (["--service", "ra*", "--service", "x"], ["GET /{currency}"]),
        (["--endpoint", "POST /checkout"], ["POST /checkout"]),
        (["--endpoint", "/check*"], ["POST /checkout"]),
        (["--errors"], ["GET /{currency}", "POST /checkout"]),
        (["--errors", "--endpoint", "/nothing"], []),
        (["--min-duration", "50ms"], ["POST /checkout"]),
        (["--min-duration", "0.03s"], ["GET /{currency}", "POST /checkout"]),
        (["--since", "2026-11-18T11:06:40.010Z"], ["GET /{currency}"]),
        (["--until", "2026-11-18T12:06:40.010+01:00"], ["POST /checkout"]),
        (["--since", "2026-11-18", "--until", "2026-11-19"], ["GET /{currency}", "POST /checkout"]),
        (["--since", "1m"], []),
    ],
)
def test_selection(options: list[str], expected: list[str], run: Run) -> None:
    Path("traces").write_bytes(traces_file(TRACE))
    assert run("convert", "traces", *options).exit_code == 0
    assert (titles() if Path("cassettes").exists() else []) == expected


def test_damaged_lines_are_named_and_the_others_are_converted(run: Run) -> None:
    first, *rest = traces_file(TRACE).splitlines(keepends=True)
    Path("traces.jsonl").write_bytes(b"".join([first, b"{broken\n", b"\n", b'{"a": 1}\n', *rest]))
    done = run("convert", "traces.jsonl")
    assert done.exit_code == 0
    assert done.stderr == (
        "skipped: traces.jsonl:2: not JSON: JSON is malformed: object keys must be strings (byte 1)\n"
        "skipped: traces.jsonl:4: JSON, but neither OTLP, Tempo, Jaeger nor Zipkin: an object with 'a'\n"
    )
    assert done.stdout.endswith("  2 of 8 lines or messages could not be read, or not wholly\n")
    assert [len(cassette.spans) for cassette in cassettes()] == [2, 3]


def test_a_line_with_one_damaged_span_gives_its_others(run: Run) -> None:
    document = json.loads(encode(two_services()))
    document["resourceSpans"][0]["scopeSpans"][1]["spans"][0]["attributes"] = [
        {"key": "a", "value": {"boolValue": "perhaps"}}
    ]
    Path("traces.jsonl").write_text(json.dumps(document))
    done = run("convert", "traces.jsonl")
    assert done.stderr == (
        "skipped: traces.jsonl:1: span 'GET': boolValue 'perhaps' is neither true nor false\n"
    )
    assert sum(len(cassette.spans) for cassette in cassettes()) == 4


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_file_that_was_cut_short_gives_what_came_before(compression: str, run: Run) -> None:
    many = b"".join(traces_file(f"{number:032x}") for number in range(1, 400))
    whole = compress(many, compression)  # type: ignore[arg-type]  # one of those
    Path("cut.jsonl").write_bytes(whole[: len(whole) // 2])
    done = run("convert", "cut.jsonl")
    assert done.exit_code == 0
    assert f"the {compression} data ends too early; the file was cut short" in done.stderr
    assert len(cassettes()) > 100


def test_strict_stops_before_anything_is_written(run: Run) -> None:
    Path("traces.jsonl").write_bytes(traces_file(TRACE) + b"{broken\n")
    done = run("convert", "--strict", "traces.jsonl")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: traces.jsonl:6: not JSON: JSON is malformed: object keys must be strings (byte 1);"
        " without --strict it would be skipped\n"
    )
    assert not Path("cassettes").exists()


def test_many_problems_are_counted(run: Run) -> None:
    Path("traces.jsonl").write_bytes(traces_file(TRACE) + b"{\n" * 30)
    done = run("convert", "traces.jsonl")
    assert len(done.stderr.splitlines()) == 21
    assert done.stderr.endswith("skipped: and 10 more like these\n")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04", "skipped: traces: neither JSON nor OTLP protobuf: it begins with b'PK\\x03\\x04'\n"),
        (b"", ""),
        (b'{"resourceMetrics": []}', ""),
    ],
)
def test_what_holds_no_span_is_said(data: bytes, said: str, run: Run) -> None:
    Path("traces").write_bytes(data)
    done = run("convert", "traces")
    assert (done.exit_code, done.stdout, done.stderr) == (2, "no spans were found\n", said)


def test_a_missing_input_is_one_line(run: Run) -> None:
    done = run("convert", "nowhere.jsonl")
    assert (done.exit_code, done.stderr) == (2, "error: nowhere.jsonl: there is no such file or folder\n")


def test_a_bucket_is_no_input(run: Run) -> None:
    done = run("convert", "s3://team/traces")
    said = "what is converted is read from files, folders or standard input; fetch it first"
    assert (done.exit_code, done.stderr) == (2, f"error: s3://team/traces: {said}\n")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--min-duration", "fast"], "'fast' is no duration: give it as 250ms, 1.5s, 2h or 7d"),
        (["--since", "then"], "'then' is no moment: give a date, a date and time"),
        (["--workers", "2", "--dask", "tcp://x:1"], "--workers and --dask: give one of them"),
    ],
)
def test_malformed_options_are_named(option: list[str], said: str, run: Run) -> None:
    Path("traces").write_bytes(traces_file(TRACE))
    done = run("convert", "traces", *option)
    assert done.exit_code == 2
    assert said in done.stderr


def test_an_empty_folder_is_named(run: Run) -> None:
    Path("traces").mkdir()
    done = run("convert", "traces")
    assert (done.exit_code, done.stderr) == (2, "error: traces: there are no files in this folder\n")


def test_json_for_programs(run: Run) -> None:
    Path("traces").write_bytes(traces_file(TRACE) + b"{\n")
    said: dict[str, Any] = json.loads(run("convert", "traces", "--json").stdout)
    assert said == {
        "store": "./cassettes",
        "spans": 5,
        "lines": 6,
        "damaged": 1,
        "problems": ["traces:6: not JSON: Input data was truncated"],
        "unwritten": 0,
        "traces": 1,
        "cassettes": 2,
        "unchanged": 0,
        "structure_only": 2,
        "unwanted": 0,
    }


def test_parents_in_a_circle_are_cut_and_said_of_nobody_else(run: Run) -> None:
    one, other, *rest = two_services()
    one.parent_span_id, other.parent_span_id = other.span_id, one.span_id
    Path("traces").write_bytes(encode([one, other, *rest]))
    assert run("convert", "traces").exit_code == 0
    assert sum(len(cassette.spans) for cassette in cassettes()) == 5


def test_a_trace_nested_too_deeply_costs_no_other(run: Run) -> None:
    deep = [two_services()[2] for _ in range(1500)]
    for number, span in enumerate(deep):
        span.trace_id, span.span_id = SECOND_TRACE, f"{number + 1:016x}"
        span.parent_span_id = f"{number:016x}" if number else ""
        span.start_time_unix_nano = BEGAN + number * MS
    Path("traces").write_bytes(encode(deep) + b"\n" + encode(two_services()))
    done = run("convert", "traces")
    assert done.exit_code == 0
    assert done.stderr == (
        f"skipped: trace {SECOND_TRACE}, span 0000000000000001: spans nested more than 1000 deep\n"
    )
    assert len(cassettes()) == 2


@pytest.mark.parametrize(
    ("kind", "document"),
    [("jaeger", test_foreign.JAEGER), ("zipkin", test_foreign.ZIPKIN), ("tempo", {"batches": []})],
)
def test_what_an_input_is_may_be_said(kind: str, document: Any, run: Run) -> None:
    Path("traces.json").write_text(json.dumps(document))
    by_content = run("convert", "traces.json", "-o", "by-content")
    by_name = run("convert", "traces.json", "-o", "by-name", "--from", kind)
    assert (by_content.exit_code, by_name.exit_code) == ((2, 2) if kind == "tempo" else (0, 0))
    if kind != "tempo":
        assert contents("by-name") == contents("by-content")
    Path("other.json").write_bytes(traces_file(TRACE))
    wrong = run("convert", "other.json", "--from", "zipkin")
    assert wrong.exit_code == 2
    assert "skipped: other.json:1: span '': traceId 'None' is not 32 hex digits" in wrong.stderr


def test_a_store_that_cannot_be_written_is_one_line(run: Run) -> None:
    Path("traces").write_bytes(traces_file(TRACE))
    Path("file").touch()
    done = run("convert", "traces", "-o", "file")
    assert done.exit_code == 2
    assert done.stderr == "error: file: it cannot be written: a file, where a folder of cassettes is to be\n"


def test_a_later_release_writes_the_same_bytes(run: Run, tmp_path: Path) -> None:
    """Else a rerun would write every cassette anew. Change the digest only with the intent to do that."""
    (tmp_path / "traces.jsonl").write_bytes(b"".join(lines(40, 50)))
    assert run("convert", "traces.jsonl").exit_code == 0
    digest = hashlib.sha256()
    for name, data in sorted(contents("cassettes").items()):
        digest.update(f"{name}\0".encode() + data)
    assert digest.hexdigest() == "b85b6f9d366b70c31408527108e989630b874c4559f5631c73c24344649eda9d"
