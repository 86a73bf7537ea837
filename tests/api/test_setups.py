"""OpenTelemetry set up by the app itself, in whatever order it does so. Each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.environment import without_settings
from tests.services.upstream import Upstream
from tests.slow import later
from timetracer_otel.cassette import Cassette
from timetracer_otel.store import FolderStore

STEPS = {
    "processor": "provider.add_span_processor(CassetteSpanProcessor(folder))",
    "exporter": "provider.add_span_processor(BatchSpanProcessor(CassetteSpanExporter(folder)))",
    "provider": "trace.set_tracer_provider(provider)",
    "install": "timetracer_otel.install()",
    "instrument": "HTTPXClientInstrumentor().instrument()",
}
SCRIPT = """
import sys, httpx, timetracer_otel
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from timetracer_otel import CassetteSpanExporter, CassetteSpanProcessor
folder, url = sys.argv[1:]
provider = TracerProvider()
{steps}
for number in range(2):
    with trace.get_tracer("app").start_as_current_span(f"job {{number}}"):
        with trace.get_tracer("app").start_as_current_span("work"):
            httpx.get(f"{{url}}/json/{{number}}")
{end}
"""


def run(script: str, *arguments: str) -> str:
    """What the script says on standard error."""
    own = without_settings()
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, env=own
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def cassettes(store: FolderStore) -> list[Cassette]:
    return sorted((cassette for _, cassette in store.iter()), key=lambda one: one.started)


def told(cassette: Cassette) -> tuple[str, list[str], list[tuple[str, str]]]:
    """Title, spans, and the calls: scope and answer."""
    return (
        cassette.title,
        [span.name for span in cassette.spans],
        [(call.span.scope.name, type(call.answer).__name__) for call in cassette.calls()],
    )


ORDERS = [
    (attach, *order)
    for attach in ("processor", "exporter")
    for order in (
        ("provider", "install", "instrument"),
        ("install", "instrument", "provider"),
        ("instrument", "provider", "install"),
    )
]


@pytest.mark.parametrize(
    "order",
    [
        *ORDERS,
        ("provider", "instrument", "install", "exporter"),
        ("install", "provider", "processor", "instrument"),
    ],
    ids=", ".join,
)
@pytest.mark.parametrize(
    "end",
    [pytest.param("", id="exit"), later("trace.get_tracer_provider().shutdown()", id="shutdown")],
)
def test_jobs_are_recorded_in_any_order_of_setting_up(
    order: tuple[str, ...], end: str, store: FolderStore, upstream: Upstream
) -> None:
    steps = "\n".join(STEPS[step] for step in order)
    assert run(SCRIPT.format(steps=steps, end=end), str(store.path), upstream.url) == ""
    call = ("opentelemetry.instrumentation.httpx", "HttpResponse")
    assert list(map(told, cassettes(store))) == [
        (f"job {number}", [f"job {number}", "work", "GET"], [call]) for number in range(2)
    ]


OWN_PROVIDER = """
import sys, httpx, timetracer_otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
folder, url = sys.argv[1:]
from opentelemetry import trace
trace.set_tracer_provider(TracerProvider())
provider = TracerProvider()
provider.add_span_processor({processor})
timetracer_otel.install()
with provider.get_tracer("app").start_as_current_span("job"):
    httpx.get(f"{{url}}/json")
"""


@pytest.mark.parametrize(
    "processor",
    [
        "timetracer_otel.CassetteSpanProcessor(folder, tracer_provider=provider)",
        "SimpleSpanProcessor(timetracer_otel.CassetteSpanExporter(folder, tracer_provider=provider))",
    ],
)
def test_a_provider_that_is_not_the_global_one(
    processor: str, store: FolderStore, upstream: Upstream
) -> None:
    assert run(OWN_PROVIDER.format(processor=processor), str(store.path), upstream.url) == ""
    assert list(map(told, cassettes(store))) == [
        ("job", ["job", "GET"], [("timetracer_otel", "HttpResponse")])
    ]


UNNAMED_PROVIDER = """
import sys, httpx, timetracer_otel
from opentelemetry.sdk.trace import TracerProvider
folder, url = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(timetracer_otel.CassetteSpanProcessor(folder))
timetracer_otel.install()
with provider.get_tracer("app").start_as_current_span("job"):
    assert httpx.get(f"{url}/json").json()["price"] == 12.5
    httpx.get(f"{url}/json")
"""


def test_a_provider_that_nobody_names_is_asked_for(store: FolderStore, upstream: Upstream) -> None:
    told_once = run(UNNAMED_PROVIDER, str(store.path), upstream.url)
    assert told_once == (
        "timetracer-otel: httpx: recording a call: no span for it: there is no global tracer provider;"
        " give yours as tracer_provider to what records (the app is not affected; said once)\n"
        "timetracer-otel: 1 cassette written; httpx: recording a call (2 times)\n"
    )
    assert list(map(told, cassettes(store))) == [("job", ["job"], [])]


def test_without_install_there_is_structure_only(store: FolderStore, upstream: Upstream) -> None:
    steps = "\n".join(STEPS[step] for step in ("processor", "provider", "instrument"))
    run(SCRIPT.format(steps=steps, end=""), str(store.path), upstream.url)
    assert list(map(told, cassettes(store))) == [
        (f"job {number}", [f"job {number}", "work", "GET"], []) for number in range(2)
    ]


FORK = """
import os, sys, warnings, httpx, timetracer_otel
# from Python 3.12 on it warns of any thread, ours that writes too (docs/processes.md)
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
folder, url = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(timetracer_otel.CassetteSpanProcessor(folder))
trace.set_tracer_provider(provider)
timetracer_otel.install()
def job(name):
    with trace.get_tracer("app").start_as_current_span(name):
        httpx.get(f"{url}/json/{name}")
job("before")
with trace.get_tracer("app").start_as_current_span("meanwhile"):
    child = os.fork()
    if child == 0:
        trace.use_span(trace.INVALID_SPAN).__enter__()
        job("child")
        provider.force_flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
job("after")
"""


def test_after_a_fork_parent_and_child_write_their_own_and_nobody_else_s(
    store: FolderStore, upstream: Upstream
) -> None:
    assert run(FORK, str(store.path), upstream.url) == ""
    assert sorted((cassette.title, len(cassette.calls())) for cassette in cassettes(store)) == [
        ("after", 1),
        ("before", 1),
        ("child", 1),
        ("meanwhile", 0),
    ]


OWN = "timetracer_otel"
BLOCK = """
import sys, httpx, timetracer_otel
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
folder, own, url = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(timetracer_otel.CassetteSpanProcessor(folder))
trace.set_tracer_provider(provider)
timetracer_otel.install()
with trace.get_tracer("app").start_as_current_span("before"):
    httpx.get(f"{url}/json/1")
with timetracer_otel.record(own, name="import"):
    httpx.get(f"{url}/json/2")
    with trace.get_tracer("app").start_as_current_span("part"):
        httpx.get(f"{url}/json/3")
with trace.get_tracer("app").start_as_current_span("after"):
    httpx.get(f"{url}/json/4")
"""


@pytest.mark.parametrize("place", ["the same", "another"])
def test_what_a_block_records_is_no_cassette_of_the_processor_as_well(
    store: FolderStore, tmp_path: Path, upstream: Upstream, place: str
) -> None:
    own = store if place == "the same" else FolderStore(tmp_path / "own")
    assert run(BLOCK, str(store.path), str(own.path), upstream.url) == ""

    assert {name: calls for one in (store, own) for name, _, calls in map(told, cassettes(one))} == {
        "before": [(OWN, "HttpResponse")],
        "import": [(OWN, "HttpResponse")] * 2,
        "after": [(OWN, "HttpResponse")],
    }
    assert [one.title for one in cassettes(store)] == ["before", *["import"] * (store is own), "after"]
