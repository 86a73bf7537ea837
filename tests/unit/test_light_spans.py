"""A light span is, to everybody who asks, what the SDK's own would be; and only where nobody else sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, TraceIdRatioBased

from timetracer_otel.exporters.convert import attributes
from timetracer_otel.exporters.processor import tap
from timetracer_otel.exporters.sdk_spans import attributes_of, events_of, links_of
from timetracer_otel.light_spans import LightSpan, lighten
from timetracer_otel.replayers import livetree
from timetracer_otel.sampling import RecordOnly
from timetracer_otel.tree import ENTRY


def provider(*, light: bool, **how: Any) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False, **how)
    tap(made)
    if light:
        lighten(made)
    return made


def said(span: Any) -> dict[str, Any]:
    """All that a span says, but for its identifiers and times."""
    text = json.loads(span.to_json())
    del text["context"], text["parent_id"], text["start_time"], text["end_time"]
    for event in text["events"]:
        del event["timestamp"]
        event["attributes"].pop("exception.stacktrace", None)
    for link in text["links"]:
        del link["context"]
    return {
        **text,
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "scope": span.instrumentation_scope,
        "resource": span.resource.attributes["telemetry.sdk.name"],
        "recording": span.is_recording(),
        "kept": attributes(attributes_of(span)),
        "happened": len(events_of(span)),
        "linked": len(links_of(span)),
        "ended": span.end_time is not None,
        "flags": span.context.trace_flags,
        "state": dict(span.context.trace_state),
        "remote": None if span.parent is None else span.parent.is_remote,
    }


def plain(tracer: trace.Tracer) -> Any:
    span = tracer.start_span(
        "tea", kind=trace.SpanKind.CLIENT, attributes={"cups": 2, "hot": True, "size": 0.5}
    )
    span.set_attribute("leaf", "green")
    span.set_attributes({"cups": 3, "pot": "blue"})
    span.end()
    return span


def live(tracer: trace.Tracer) -> Any:
    span = tracer.start_span("tea", attributes={"pot": "blue"})
    seen = span.attributes  # type: ignore[attr-defined]  # the SDK's spans have them
    span.set_attribute("cups", 2)
    span.set_attribute("seen", sorted(seen))
    return span


def odd(tracer: trace.Tracer) -> Any:
    leaves = ["green", "black"]
    span = tracer.start_span("tea", attributes={"leaves": leaves, "": "no key", "none": None})
    leaves.append("white")
    span.set_attribute("", "no key")
    span.set_attribute(7, "no text")  # type: ignore[arg-type]  # what the SDK refuses
    span.set_attribute("day", date(2026, 11, 27))  # type: ignore[arg-type]  # what it writes as text
    span.set_attributes({"a": (1, 2), "b": {"c": "d"}})
    span.set_attributes({8: "no text either"})  # type: ignore[dict-item]  # as above
    span.end()
    return span


def full(tracer: trace.Tracer) -> Any:
    span = tracer.start_span("tea", attributes={f"start{number}": number for number in range(3)})
    for number in range(4):
        span.set_attribute(f"one{number}", number)
        span.set_attribute("again", number)
    span.set_attributes({f"several{number}": str(number) for number in range(3)})
    for number in range(6):
        span.add_event("poured", {"cup": number})
    span.end()
    return span


def linked(tracer: trace.Tracer) -> Any:
    before = tracer.start_span("before")
    span = tracer.start_span("tea", links=[trace.Link(before.get_span_context(), {"why": "first"})])
    span.add_link(before.get_span_context())
    span.add_event("poured")
    span.update_name("green tea")
    span.set_status(trace.StatusCode.ERROR, "cold")
    span.set_status(trace.Status(trace.StatusCode.UNSET))
    span.end()
    return span


def late(tracer: trace.Tracer) -> Any:
    span = tracer.start_span("tea")
    span.set_attribute("cups", 1)
    span.end(5)
    span.end(5)
    span.set_attribute("cups", 2)
    span.set_attributes({"pot": "blue"})
    span.add_event("poured")
    span.update_name("coffee")
    span.set_status(trace.StatusCode.ERROR)
    assert span.end_time == 5  # type: ignore[attr-defined]  # the SDK's spans have it
    with pytest.raises(TypeError):
        span._attributes["cups"] = 3  # type: ignore[attr-defined]  # as above
    return span


def raising(tracer: trace.Tracer) -> Any:
    with pytest.raises(ValueError, match="spilt"), tracer.start_as_current_span("tea") as span:
        raise ValueError("spilt" if trace.get_current_span() is span else "")
    assert not trace.get_current_span().is_recording()
    return span


def silent(tracer: trace.Tracer) -> Any:
    with (
        pytest.raises(ValueError, match="spilt"),
        tracer.start_as_current_span("tea", record_exception=False, set_status_on_exception=False) as span,
    ):
        raise ValueError("spilt")
    return span


def left(tracer: trace.Tracer) -> Any:
    with tracer.start_as_current_span("tea", end_on_exit=False) as span:
        pass
    assert span.is_recording()
    with pytest.raises(KeyError), span:
        raise KeyError("no tea")
    return span


def decorated(tracer: trace.Tracer) -> Any:
    @tracer.start_as_current_span("tea", attributes={"cups": 1})
    def pour() -> trace.Span:
        return trace.get_current_span()

    first, second = pour(), pour()
    assert first is not second
    return second


def below(tracer: trace.Tracer) -> Any:
    with tracer.start_as_current_span("tea"), tracer.start_as_current_span("cup") as span:
        pass
    return span


def far(tracer: trace.Tracer) -> Any:
    """Below a span of another process, with a state of its own."""
    state = trace.TraceState([("vendor", "1")])
    above = trace.SpanContext(1, 2, True, trace.TraceFlags(1), state)
    outer = tracer.start_span("tea", trace.set_span_in_context(trace.NonRecordingSpan(above)))
    return tracer.start_span("cup", trace.set_span_in_context(outer))


def started_elsewhen(tracer: trace.Tracer) -> Any:
    span = tracer.start_span("tea", start_time=3)
    assert span.start_time == 3  # type: ignore[attr-defined]  # the SDK's spans have it
    assert span._readable_span().start_time == 3  # type: ignore[attr-defined]  # as above
    return span


USES = [
    plain, live, odd, full, linked, late, raising, silent, left, decorated, below, far, started_elsewhen
]  # fmt: skip
LIMITS = {
    "usual": None,
    "few": SpanLimits(max_span_attributes=4, max_events=2, max_links=1),
    "none": SpanLimits(max_span_attributes=0),
    "short": SpanLimits(max_span_attribute_length=3),
    "unlimited": SpanLimits(max_span_attributes=SpanLimits.UNSET),
}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_it_says_what_the_sdks_own_would(use: Callable[[trace.Tracer], Any], limits: str) -> None:
    light = use(provider(light=True, span_limits=LIMITS[limits]).get_tracer("shop", "1"))
    own = use(provider(light=False, span_limits=LIMITS[limits]).get_tracer("shop", "1"))
    assert said(light) == said(own)
    assert isinstance(light, Span)
    assert isinstance(light, ReadableSpan)
    assert isinstance(light, LightSpan) == (limits != "short" and not isinstance(own, trace.NonRecordingSpan))


def test_a_sampler_or_identifiers_of_the_users_are_asked_for_every_span() -> None:
    class Odd(RandomIdGenerator):
        def generate_span_id(self) -> int:
            return 7

    for how in ({"sampler": TraceIdRatioBased(1.0)}, {"sampler": ALWAYS_OFF}, {"id_generator": Odd()}):
        light = plain(provider(light=True, **how).get_tracer("shop"))
        own = plain(provider(light=False, **how).get_tracer("shop"))
        assert type(light) is type(own)


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_in_a_replay_it_says_what_the_sdks_own_would(use: Callable[[trace.Tracer], Any]) -> None:
    def replaying() -> TracerProvider:
        made = TracerProvider(sampler=RecordOnly(DEFAULT_ON, everything=True), shutdown_on_exit=False)
        livetree.watch(made)
        return made

    light = use(replaying().get_tracer("shop", "1"))
    noticed = replaying()
    noticed.add_span_processor(Watching())
    own = use(noticed.get_tracer("shop", "1"))
    assert said(light) == said(own)
    assert (type(light).__name__, type(own).__name__) == ("LightSpan", "_Span")


def test_a_replay_in_a_process_that_recorded_before_has_them() -> None:
    made = provider(light=True)
    livetree.watch(made)
    tracer = made.get_tracer("shop")
    with tracer.start_as_current_span("pot"), tracer.start_as_current_span("tea") as span:
        assert isinstance(span, LightSpan)
        assert livetree.path_above(span, ("shop",)) == (ENTRY, "pot")


def test_a_tracer_that_was_there_before_makes_them_too() -> None:
    made = TracerProvider(shutdown_on_exit=False)
    tap(made)
    early = made.get_tracer("shop")
    lighten(made)
    assert isinstance(early.start_span("tea"), LightSpan)
    assert made.get_tracer("shop") is early


class Watching(SpanProcessor):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        self.seen.append(f"{span.name} started, {type(span).__name__}")

    def on_end(self, span: ReadableSpan) -> None:
        self.seen.append(f"{span.name} ended, {type(span).__name__}, {dict(span.attributes or {})}")


def test_a_processor_that_is_added_gets_the_sdks_own_and_the_ends_of_those_under_way() -> None:
    made = provider(light=True)
    tracer = made.get_tracer("shop")
    outer = tracer.start_span("outer", attributes={"cups": 1})
    watching, exported = Watching(), InMemorySpanExporter()
    made.add_span_processor(watching)
    made.add_span_processor(SimpleSpanProcessor(exported))
    with tracer.start_as_current_span("inner", trace.set_span_in_context(outer)):
        pass
    outer.end()
    assert watching.seen == [
        "inner started, _Span",
        "inner ended, ReadableSpan, {}",
        "outer ended, ReadableSpan, {'cups': 1}",
    ]
    assert [span.name for span in exported.get_finished_spans()] == ["inner", "outer"]


def test_where_there_is_a_processor_already_nothing_changes() -> None:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(Watching())
    tap(made)
    lighten(made)
    assert not isinstance(made.get_tracer("shop").start_span("tea"), LightSpan)
