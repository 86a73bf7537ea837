"""``opentelemetry-instrument`` with one flag, in the setups that people have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.sync.client import connect

from tests.fidelity.servers import PLAIN, Server
from tests.recording.conftest import Run
from tests.recording.sink import OtlpSink
from tests.services.environment import instrumenting, without_settings
from tests.services.upstream import Upstream
from timetracer_otel import Cassette
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.replayers.verdict import Verdict
from timetracer_otel.span import SpanKind
from timetracer_otel.store import FolderStore

ONE_FLAG = ("opentelemetry-instrument", "--traces_exporter", "timetracer")


def checkout(server: Server) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{server.port}/checkout/7?coupon=X1", json={"card": "4111-2222"})


def files(store: FolderStore) -> list[Path]:
    return list(store.paths()) if store.path.exists() else []


def titles(store: FolderStore) -> list[str]:
    return sorted(store.load(path).title for path in files(store))


def test_one_flag_records_a_request_with_everything_it_said(
    run: Run, store: FolderStore, upstream: Upstream
) -> None:
    server = run(ONE_FLAG)
    answer = checkout(server)
    assert server.stop() in (0, -15)

    [path] = files(store)
    cassette = store.load(path)
    trace = cassette.entry.trace_id
    assert path.name == f"POST__checkout_order__{trace[:16]}.json"
    assert cassette.gaps == []
    request, response = cassette.inbound_request, cassette.inbound_response
    assert isinstance(request, HttpRequest)
    assert isinstance(response, HttpResponse)
    assert (request.method, request.url) == ("POST", f"http://127.0.0.1:{server.port}/checkout/7?coupon=X1")
    assert request.body == b'{"card":"4111-2222"}'
    assert (response.status, response.body) == (200, answer.content)
    assert [
        (call.integration, call.request.title(), call.answer.status)  # type: ignore[union-attr]  # HTTP calls
        for call in cassette.calls()
    ] == [
        ("httpx", f"GET {upstream.url}/json?order=7", 200),
        ("httpx", f"POST {upstream.url}/echo", 200),
    ]
    assert {call.span.scope.name for call in cassette.calls()} == {"opentelemetry.instrumentation.httpx"}


def test_a_settings_flag_of_the_launcher_is_the_variable(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    server = run((*ONE_FLAG, "--timetracer_dir", str(elsewhere), "--timetracer_compression", "gzip"))
    checkout(server)
    server.stop()
    assert [(path.name[:14], path.suffix) for path in FolderStore(elsewhere).paths()] == [
        ("POST__checkout", ".gz")
    ]


def distribution(folder: Path) -> None:
    """What opentelemetry-distro does: it asks for OTLP over gRPC for all that nobody configured."""
    (folder / "a_distro.py").write_text(
        "import os\n"
        "from opentelemetry.instrumentation.distro import BaseDistro\n"
        "from opentelemetry.sdk._configuration import _OTelSDKConfigurator\n"
        "class Configurator(_OTelSDKConfigurator): pass\n"
        "class Distro(BaseDistro):\n"
        "    def _configure(self, **kwargs):\n"
        "        for signal in ('TRACES', 'METRICS', 'LOGS'):\n"
        "            os.environ.setdefault(f'OTEL_{signal}_EXPORTER', 'otlp')\n"
    )
    info = folder / "a_distro-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-distro\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_distro]\ndistro = a_distro:Distro\n"
        "[opentelemetry_configurator]\nconfigurator = a_distro:Configurator\n"
    )


def test_one_flag_is_enough_beside_a_distribution_whose_defaults_nobody_serves(
    run: Run, store: FolderStore, tmp_path: Path
) -> None:
    distribution(tmp_path)
    server = run(ONE_FLAG, PYTHONPATH=str(tmp_path))
    checkout(server)
    server.stop()
    assert titles(store) == ["POST /checkout/{order}"]
    assert "Failed to auto initialize" not in server.log


def test_payloads_reach_no_other_exporter(run: Run, store: FolderStore, sink: OtlpSink) -> None:
    server = run(
        ("opentelemetry-instrument", "--traces_exporter", "otlp_proto_http,timetracer"),
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    checkout(server)
    sink.wait_for(SpanKind.SERVER)
    server.stop()

    assert titles(store) == ["POST /checkout/{order}"]
    sent = b"".join(sink.bodies)
    assert sink.spans != []
    for secret in (b"4111-2222", b"timetracer.call", b"body.content"):
        assert secret not in sent


def test_payloads_on_the_spans_travel_and_replay(
    run: Run, store: FolderStore, sink: OtlpSink, upstream: Upstream, tmp_path: Path
) -> None:
    server = run(
        ("opentelemetry-instrument", "--traces_exporter", "otlp_proto_http"),
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        TIMETRACER_PAYLOADS="span",
    )
    checkout(server)
    sink.wait_for(SpanKind.SERVER)
    server.stop()
    upstream.stop()

    assert files(store) == []
    travelled = Cassette.from_spans([span for span in sink.spans if span.name != "startup"])
    drawn = [event.attributes["source"] for event in travelled.entry.events]
    assert "clock@http" in drawn
    path = FolderStore(tmp_path / "travelled").write(travelled)
    [verdict] = replay_small_app(path, upstream.url)
    assert (verdict.outcome, verdict.differences, verdict.calls) == ("same", [], 2)


def test_secrets_of_the_request_are_masked_in_every_span_that_carries_a_payload(
    run: Run, sink: OtlpSink
) -> None:
    server = run(
        ("opentelemetry-instrument", "--traces_exporter", "otlp_proto_http"),
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        TIMETRACER_PAYLOADS="span",
    )
    answer = httpx.post(
        f"http://127.0.0.1:{server.port}/sign-in",
        headers={"Authorization": "Bearer tok-5e0c9aA1"},
        json={"password": "Sesam-0effne"},
    )
    sink.wait_for(SpanKind.SERVER)
    server.stop()

    assert answer.json() == {"hello": "tok-5e0c9aA1"}
    sent = b"".join(sink.bodies)
    assert b"tok-5e0c9aA1" not in sent
    assert b"Sesam-0effne" not in sent
    travelled = Cassette.from_spans([span for span in sink.spans if span.name != "startup"])
    [call] = travelled.calls()
    assert getattr(call.request, "body", b"") == b"[REDACTED] [REDACTED]"


def replay_small_app(path: Path, upstream: str) -> list[Verdict]:
    """In a process of its own: replaying sets up that process for good."""
    code = (
        "import sys, msgspec; from pathlib import Path\n"
        "from timetracer_otel import config\n"
        "from timetracer_otel.replayers.runner import replay_in_process\n"
        "app, path = 'tests.recording.small_app:app', Path(sys.argv[1])\n"
        "verdicts = list(replay_in_process(app, [path], config.load()))\n"
        "print(msgspec.json.encode(verdicts).decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "UPSTREAM_URL": upstream},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=list[Verdict])


@pytest.mark.parametrize(("record_unsampled", "expected"), [("true", 1), ("false", 0)])
def test_traces_that_sampling_drops_are_recorded_when_asked_and_still_not_exported(
    run: Run, store: FolderStore, sink: OtlpSink, record_unsampled: str, expected: int
) -> None:
    server = run(
        ("opentelemetry-instrument", "--traces_exporter", "otlp_proto_http,timetracer"),
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_TRACES_SAMPLER="always_off",
        TIMETRACER_RECORD_UNSAMPLED=record_unsampled,
    )
    checkout(server)
    server.stop()
    assert len(files(store)) == expected
    assert sink.bodies == []


def test_excluded_paths_leave_nothing_behind_not_even_their_calls(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG)
    assert httpx.get(f"http://127.0.0.1:{server.port}/health").json() == {"ok": True}
    server.stop()
    assert files(store) == []


def test_an_exception_is_recorded_with_its_stack(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG)
    assert httpx.get(f"http://127.0.0.1:{server.port}/failing").status_code == 500
    server.stop()
    [path] = files(store)
    entry = store.load(path).entry
    [event] = [event for event in entry.events if event.name == "exception"]
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "no such thing"
    assert 'raise ValueError("no such thing")' in str(event.attributes["exception.stacktrace"])
    assert entry.attributes["http.response.status_code"] == 500


def test_a_bad_setting_is_one_line_and_the_app_runs_unrecorded(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG, TIMETRACER_SAMPLE_RATE="often")
    assert checkout(server).status_code == 200
    server.stop()
    [line] = [line for line in server.log.splitlines() if "timetracer" in line]
    assert line.startswith("timetracer-otel: TIMETRACER_SAMPLE_RATE")
    assert "'often'" in line
    assert files(store) == []


def test_mode_off_wins_over_the_exporter(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG, TIMETRACER_MODE="off")
    assert checkout(server).status_code == 200
    server.stop()
    assert files(store) == []


def test_recording_answers_as_the_plain_service_does(run: Run) -> None:
    plain, recording = run(PLAIN), run(ONE_FLAG)

    def ask(server: Server) -> list[tuple[int, bytes, list[tuple[str, str]]]]:
        base = f"http://127.0.0.1:{server.port}"
        answers = [
            httpx.post(f"{base}/checkout/7", json={"card": "1"}),
            httpx.post(f"{base}/checkout/x", content=b"{"),
            httpx.post(f"{base}/length", content=iter([b"a" * 70_000, b"b"])),
            httpx.get(f"{base}/counting"),
            httpx.get(f"{base}/failing"),
            httpx.get(f"{base}/nowhere"),
        ]
        return [
            (answer.status_code, answer.content, [h for h in answer.headers.multi_items() if h[0] != "date"])
            for answer in answers
        ]

    assert ask(recording) == ask(plain)


def test_cassettes_are_plain_otlp_json(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG)
    checkout(server)
    server.stop()
    [path] = files(store)
    document = json.loads(path.read_text())
    assert list(document) == ["resourceSpans"]
    resource = {item["key"]: item["value"] for item in document["resourceSpans"][0]["resource"]["attributes"]}
    assert resource["timetracer.cassette.version"] == {"stringValue": "1"}
    assert resource["telemetry.sdk.language"] == {"stringValue": "python"}


@pytest.mark.parametrize(
    ("disabled", "scope"),
    [("", "opentelemetry.instrumentation.fastapi"), ("fastapi", "fastapi")],
    ids=["contrib", "native"],
)
def test_both_telemetries_of_fastapi_carry_the_request(
    run: Run, store: FolderStore, upstream: Upstream, disabled: str, scope: str
) -> None:
    server = run(ONE_FLAG, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled)
    answer = checkout(server)
    assert server.stop() in (0, -15)
    upstream.stop()

    [path] = files(store)
    cassette = store.load(path)
    assert cassette.entry.scope.name == scope
    assert cassette.title == "POST /checkout/{order}"
    assert isinstance(cassette.inbound_response, HttpResponse)
    assert cassette.inbound_response.body == answer.content
    [verdict] = replay_small_app(path, upstream.url)
    assert (verdict.outcome, verdict.differences, verdict.calls) == ("same", [], 2)


def test_websockets_pass_through_untouched(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG)
    with connect(f"ws://127.0.0.1:{server.port}/echo") as socket:
        socket.send("one")
        socket.send("two")
        assert [socket.recv(), socket.recv()] == ["ONE", "TWO"]
    server.stop()
    assert [store.load(path).inbound_request for path in files(store)] in ([], [None])


def test_a_client_that_goes_in_the_middle_leaves_what_it_got(run: Run, store: FolderStore) -> None:
    server = run(ONE_FLAG)
    with httpx.stream("GET", f"http://127.0.0.1:{server.port}/endless") as answer:
        assert next(answer.iter_raw())[:16] == b"piece of 16 byte"
    server.stop()

    [path] = files(store)
    cassette = store.load(path)
    response = cassette.inbound_response
    assert isinstance(response, HttpResponse)
    assert (response.status, response.complete) == (200, False)
    assert response.body is not None
    assert response.body.startswith(b"piece of 16 byte")
    assert [gap.kind for gap in cassette.gaps] == ["incomplete response"]


def test_credentials_that_were_masked_are_supplied_to_a_replay(
    run: Run, store: FolderStore, upstream: Upstream
) -> None:
    server = run(ONE_FLAG)
    token = {"authorization": "Bearer right"}
    assert httpx.get(f"http://127.0.0.1:{server.port}/account", headers=token).text == "yours"
    server.stop()

    [path] = files(store)
    assert "Bearer right" not in path.read_text()
    assert [(gap.kind, gap.detail) for gap in store.load(path).gaps] == [
        ("masked", "inbound request header authorization")
    ]

    def replay(*options: str) -> tuple[int, str]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "timetracer_otel", "replay", str(path)),
                *("--app", "tests.recording.small_app:app", *options),
            ],
            env={**os.environ, **instrumenting("fastapi", "httpx"), "UPSTREAM_URL": upstream.url},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout

    status, printed = replay()
    assert status == 1
    assert "response status: recorded 200, live 401" in printed
    status, printed = replay("--header", "Authorization: Bearer right")
    assert (status, printed.split()[:2]) == (0, ["same", "GET"])


MESSAGES = """
import asyncio
import httpx
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

app = FastAPI()
kinds = []

@app.get("/")
async def root():
    kinds.append(type(trace.get_current_span()).__name__)
    return {}

async def ask():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        await client.get("/")

asyncio.run(ask())
memory = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(memory))
asyncio.run(ask())
print(sorted(span.name for span in memory.get_finished_spans() if span.kind is not trace.SpanKind.CLIENT))
print([type(one).__name__ for one in trace.get_tracer_provider()._active_span_processor._span_processors])
print(kinds)
"""


def test_spans_of_messages_are_drawn_as_soon_as_somebody_else_sees_them(tmp_path: Path) -> None:
    """No cassette keeps them: where nobody else looks they cost nothing. Nor is there a queue for nothing,
    and all other spans are light until then.
    """
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts"), ONE_FLAG[0]), *ONE_FLAG[1:], sys.executable, "-c", MESSAGES],
        cwd=tmp_path,
        env={**os.environ, "TIMETRACER_DIR": str(tmp_path / "cassettes")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "['GET /', 'GET / http send', 'GET / http send']",
        "['SpanTap', 'SimpleSpanProcessor']",
        "['LightSpan', '_Span']",
    ]
    alone, _ = [cassette for _, cassette in FolderStore(tmp_path / "cassettes").iter()]
    assert [span.name for span in alone.spans] == ["GET /"]


METRICS = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

provider = metrics.get_meter_provider()
early = provider.get_meter("shop").create_counter("sold")
early.add(1)
reader = InMemoryMetricReader()
provider.add_metric_reader(reader)
early.add(2)
provider.get_meter("stock").create_counter("bought").add(3)
for scope in reader.get_metrics_data().resource_metrics[0].scope_metrics:
    sold = [(one.name, [point.value for point in one.data.data_points]) for one in scope.metrics]
    print(scope.scope.name, sold)
"""


@pytest.mark.parametrize("exporter", ["timetracer", "console"])
def test_measurements_are_made_as_soon_as_somebody_reads_them(tmp_path: Path, exporter: str) -> None:
    """Before that they are nobody's: the same with another exporter, where they are made."""
    launcher = str(Path(sysconfig.get_path("scripts"), ONE_FLAG[0]))
    done = subprocess.run(
        [launcher, "--traces_exporter", exporter, sys.executable, "-c", METRICS],
        cwd=tmp_path,
        env={**os.environ, "TIMETRACER_DIR": str(tmp_path / "cassettes"), "TIMETRACER_MODE": "record"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["shop [('sold', [2])]", "stock [('bought', [3])]"]


def made_up(folder: Path) -> None:
    """The instrumentation of a library, for versions of it that nobody has any more."""
    info = folder / "a_library-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: a-library\nVersion: 1\nProvides-Extra: instruments\n"
        'Requires-Dist: click<1; extra == "instruments"\n'
    )
    (info / "entry_points.txt").write_text("[opentelemetry_instrumentor]\na-library = a_library:Made\n")


@pytest.mark.parametrize(
    ("flags", "said"),
    [(ONE_FLAG[1:], ["a-library"]), (("--traces_exporter", "none"), ["a-library", "sqlalchemy"])],
)
def test_a_library_that_the_standard_instrumentation_does_not_take_is_no_error_where_ours_does(
    tmp_path: Path, flags: tuple[str, ...], said: list[str]
) -> None:
    made_up(tmp_path)
    own = without_settings()
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts"), ONE_FLAG[0]), *flags, sys.executable, "-c", ONE_STATEMENT],
        env={**own, "PYTHONPATH": str(tmp_path), "OTEL_METRICS_EXPORTER": "none"},
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    conflicts = [line for line in done.stderr.splitlines() if "only instruments" in line]
    assert sorted(line.partition(" only")[0] for line in conflicts) == said
    store = FolderStore(tmp_path / "cassettes")
    calls = [call for path in files(store) for call in store.load(path).calls()]
    ours = set() if "sqlalchemy" in said else {("sqlalchemy", "timetracer_otel")}
    assert {(call.integration, call.span.scope.name) for call in calls} == ours


ONE_STATEMENT = """
import sqlalchemy
from opentelemetry import trace

with trace.get_tracer("app").start_as_current_span("script"):
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
"""


IN_CODE = """
import timetracer_otel
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

{own}
timetracer_otel.auto_setup()
print(type(trace.get_tracer("shop").start_span("tea")).__name__)
"""
OWN = """
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
"""


@pytest.mark.parametrize(("own", "kind"), [("", "LightSpan"), (OWN, "_Span")])
def test_spans_are_light_where_nobody_but_us_sees_them(tmp_path: Path, own: str, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_CODE.format(own=own)],
        cwd=tmp_path,
        env={**os.environ, "TIMETRACER_MODE": "record"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [kind]
