"""Which trace a span belongs to, and what happens to traces that never end."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from typing import TypeVar

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from timetracer_otel.exporters import trace as trace_module
from timetracer_otel.exporters.assembler import Assembler
from timetracer_otel.exporters.budget import Budget
from timetracer_otel.exporters.trace import CallPayload, State, TraceRecording
from timetracer_otel.messages import RedisCommand, RedisReply


class Tap(SpanProcessor):
    """Feeds an assembler and notes what it does with each recording, by the name of its entry."""

    def __init__(self, max_open: int = 10) -> None:
        self.names: dict[int, str] = {}
        self.delivered: list[str] = []
        self.given_up: list[str] = []
        self.assembler = Assembler(
            lambda recording: self.done(recording, self.delivered),
            lambda recording: None,
            lambda recording, span: self.names.update({id(recording): span.name}),
            lambda recording: self.done(recording, self.given_up),
            Budget(1 << 30, 1 << 30),
            max_open,
        )

    def done(self, recording: TraceRecording, where: list[str]) -> None:
        where.append(self.names[id(recording)])
        recording.take()
        self.assembler.forget(recording, written=False)

    def on_start(self, span: Span, parent_context: object = None) -> None:
        self.assembler.started(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.assembler.ended(span)

    def knows(self, span: trace.Span) -> bool:
        context = span.get_span_context()
        return self.assembler.find(context.trace_id, context.span_id) is not None


def tracer(tap: Tap) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tap)
    return provider.get_tracer("app")


def test_a_trace_is_delivered_once_when_its_last_span_has_ended() -> None:
    tap = Tap()
    make = tracer(tap)
    entry = make.start_span("entry")
    child = make.start_span("child", trace.set_span_in_context(entry))
    entry.end()
    assert tap.delivered == []
    child.end()
    assert tap.delivered == ["entry"]
    assert not tap.knows(entry)
    assert not tap.knows(child)


def test_of_traces_that_never_end_the_oldest_are_given_up() -> None:
    tap = Tap(max_open=2)
    make = tracer(tap)
    spans = [make.start_span(name) for name in ("first", "second", "third", "fourth")]
    assert tap.given_up == ["first", "second"]
    assert [tap.knows(span) for span in spans] == [False, False, True, True]
    spans[0].end()
    spans[3].end()
    assert tap.delivered == ["fourth"]


def test_a_trace_that_waits_to_be_written_is_not_given_up() -> None:
    tap = Tap(max_open=2)
    tap.assembler._deliver = lambda recording: tap.delivered.append(tap.names[id(recording)])
    make = tracer(tap)
    for name in ("first", "second", "third"):
        make.start_span(name).end()
    spans = [make.start_span(name) for name in ("fourth", "fifth", "sixth")]
    assert (tap.delivered, tap.given_up) == (["first", "second", "third"], ["fourth"])
    assert [tap.knows(span) for span in spans] == [False, True, True]


def test_messages_of_the_asgi_protocol_are_known_and_not_kept() -> None:
    tap = Tap()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tap)
    asgi = provider.get_tracer("opentelemetry.instrumentation.asgi")
    entry = asgi.start_span("GET /")
    message = asgi.start_span("GET / http send", trace.set_span_in_context(entry))
    below = asgi.start_span("work", trace.set_span_in_context(message))
    context = entry.get_span_context()
    recording = tap.assembler.find(context.trace_id, context.span_id)
    assert recording is not None
    assert [span.name for span in recording.open.values()] == ["GET /", "work"]
    for span in (below, message, entry):
        span.end()
    assert tap.delivered == ["GET /"]


def test_spans_over_the_limit_of_a_trace_are_forgotten_when_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "MAX_SPANS", 3)
    tap = Tap()
    make = tracer(tap)
    entry = make.start_span("entry")
    above = trace.set_span_in_context(entry)
    for _ in range(2):
        make.start_span("kept", above).end()
    over = make.start_span("over", above)
    below = make.start_span("below", trace.set_span_in_context(over))
    context = entry.get_span_context()
    recording = tap.assembler.find(context.trace_id, context.span_id)
    assert recording is not None
    assert [tap.knows(span) for span in (over, below)] == [True, True]
    for _ in range(100):
        make.start_span("over", above).end()
    below.end()
    over.end()
    assert [tap.knows(span) for span in (over, below)] == [False, False]
    assert (len(recording.span_ids), recording.dropped_spans) == (3, 102)
    entry.end()
    assert tap.delivered == ["entry"]


def test_messages_of_the_asgi_protocol_are_forgotten_when_they_end() -> None:
    tap = Tap()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tap)
    asgi = provider.get_tracer("opentelemetry.instrumentation.asgi")
    entry = asgi.start_span("GET /")
    for _ in range(100):
        asgi.start_span("GET / http send", trace.set_span_in_context(entry)).end()
    context = entry.get_span_context()
    recording = tap.assembler.find(context.trace_id, context.span_id)
    assert recording is not None
    assert recording.span_ids == {context.span_id}


T = TypeVar("T")


def at_collection(number: int, act: Callable[[], T], then: Callable[[], object]) -> tuple[T, bool]:
    """Act, and do something at the so many-th collection of garbage meanwhile; whether it came to that."""
    collections = itertools.count(1)
    happened = False

    def collecting(phase: str, info: dict[str, int]) -> None:
        nonlocal happened
        if phase == "start" and next(collections) == number:
            happened = True
            then()

    before = gc.get_threshold()
    gc.callbacks.append(collecting)
    gc.set_threshold(1)
    try:
        return act(), happened
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collecting)


@pytest.mark.parametrize("state", [State.QUEUED, State.WAITING])
def test_what_a_collection_ends_while_a_trace_is_taken_is_counted_once(state: State) -> None:
    def answered_at(number: int) -> bool:
        budget = Budget(1 << 20, 1 << 20)
        recording = TraceRecording(1, 1, budget)
        call = CallPayload("redis", "redis", RedisCommand(["GET", "a"]), 0)
        assert recording.call_began(2, call)
        recording.state = state
        batch, happened = at_collection(
            number, recording.take, lambda: recording.call_answered(call, RedisReply("b"))
        )
        assert budget.held == batch.bytes + recording.bytes
        return happened

    assert answered_at(1)
    assert not all(answered_at(number) for number in range(2, 1000))
