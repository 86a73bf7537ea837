"""Spans of our own: one that cannot be opened fails nobody, and none tells a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import propagate
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from timetracer_otel import config
from timetracer_otel.exporters.processor import tap
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.integrations.httpx import HttpxIntegration
from timetracer_otel.integrations.redis import RedisIntegration
from timetracer_otel.messages import HttpRequest, RedisCommand, RedisReply, read_answer
from timetracer_otel.store import FolderStore


class Broken(TextMapPropagator):
    def extract(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]  # it only raises
        raise RuntimeError("not today")

    def inject(self, *args: object, **kwargs: object) -> None:
        """Nothing."""

    @property
    def fields(self) -> set[str]:
        return set()


@pytest.fixture
def broken_propagator() -> Iterator[None]:
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Broken())
    yield
    propagate.set_global_textmap(before)


@pytest.mark.usefixtures("broken_propagator")
def test_a_propagator_that_raises_does_not_reach_the_app(tmp_path: Path) -> None:
    recorder = Recorder(FolderStore(tmp_path), config.load({}), TracerProvider(shutdown_on_exit=False))
    entry = recorder.requests.open("starlette", HttpRequest("GET", "http://shop/"), None, traced=False)
    assert entry is not None
    served = []
    with entry.activate():
        served.append("answer")
    entry.close()
    assert served == ["answer"]
    assert recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_span_of_ours_tells_other_exporters_no_secret(tmp_path: Path) -> None:
    provider, exported = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    recorder = Recorder(FolderStore(tmp_path), config.load({}), provider)
    tap(provider).recorder = recorder
    request = HttpRequest("GET", "http://rates/EUR?api_key=abc123&day=1")
    exchange = recorder.begin(HttpxIntegration(), request)
    with exchange:
        pass
    exchange.finish(None)
    recorder.close()
    [span] = exported.get_finished_spans()
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "url.full": "http://rates/EUR?api_key=%5BREDACTED%5D&day=1",
        "server.address": "rates",
    }


def test_an_answer_on_a_span_is_masked_by_what_was_asked(tmp_path: Path) -> None:
    provider, exported = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    recorder = Recorder(FolderStore(tmp_path), config.load({"TIMETRACER_PAYLOADS": "span"}), provider)
    tap(provider).recorder = recorder
    exchange = recorder.begin(RedisIntegration(), RedisCommand(["HGET", "user:1", "password"]))
    with exchange:
        pass
    exchange.finish(RedisReply("sesame"))
    recorder.close()
    [span] = exported.get_finished_spans()
    assert read_answer("redis", dict(span.attributes or {})) == RedisReply("[REDACTED]")  # type: ignore[arg-type]  # texts and numbers
