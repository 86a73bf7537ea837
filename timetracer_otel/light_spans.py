"""Spans that cost less, where nobody but us sees them: cassettes are all that becomes of them, or a replay.

Of what the SDK makes for each span (four locks, two bounded lists, a bounded dictionary, a copy of the span
when it ends) most spans need nothing. A :class:`LightSpan` is one of the SDK's in every respect; what is
rarely asked for it makes when it is asked, and attributes of plain types are set without a look at each.

A tracer makes them as long as all processors of its provider are ours, and the SDK is one whose spans are
known here: as soon as anybody else sees the spans they are the SDK's own again.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import wrapt
from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from timetracer_otel import ports
from timetracer_otel.nondeterminism import clock, entropy
from timetracer_otel.sampling import RecordOnly

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.trace import Link
    from opentelemetry.util.types import Attributes, AttributeValue

T = TypeVar("T")

_PLAIN: Final = frozenset({str, int, float, bool})
_TEXT: Final = frozenset({str})
_UNLIMITED: Final = 2**31
_UNSET: Final = Status(StatusCode.UNSET)
_RANDOM: Final = 2
"""The flag of a trace whose id is random (W3C Trace Context, level 2)."""
_ROOT_FLAGS: Final = TraceFlags(TraceFlags.SAMPLED | _RANDOM)
_SAMPLED: Final = frozenset({TraceFlags(TraceFlags.SAMPLED), _ROOT_FLAGS})
_NOT_SAMPLED: Final = {flag: TraceFlags(flag) for flag in (0, _RANDOM)}
_FIELDS: Final = frozenset(
    {
        "_attributes", "_context", "_events", "_instrumentation_info", "_instrumentation_scope", "_kind",
        "_limits", "_links", "_lock", "_name", "_parent", "_record_end_metrics", "_record_exception",
        "_resource", "_sampler", "_set_status_on_exception", "_span_processor", "_start_time", "_end_time",
        "_status", "_trace_config",
    }
)  # fmt: skip
"""What a span of the SDK's holds."""
[_CURRENT] = otel_trace.set_span_in_context(otel_trace.INVALID_SPAN, Context())
"""Where a context has its span."""


class OwnProcessor(sdk.SpanProcessor):
    """A processor of ours: its spans may be light."""


class TraceIds(IdGenerator):
    """Base of what gives ids to traces alone.

    Args:
        other: makes those of spans.
    """

    def __init__(self, other: IdGenerator) -> None:
        self.other = other

    def generate_span_id(self) -> int:
        """The other's."""
        return self.other.generate_span_id()

    def is_trace_id_random(self) -> bool:
        """As the other's are."""
        return self.other.is_trace_id_random()


class _Alone:
    """What the tracers of one provider share.

    Attributes:
        processors: the provider's.
        only: what these were when all of them were ours.
        starts, ends: their methods.
    """

    __slots__ = ("ends", "only", "processors", "starts")

    def __init__(self, processors: Any) -> None:
        self.processors = processors
        self.know()

    def know(self) -> None:
        """The processors that there are now are ours."""
        self.only: tuple[Any, ...] = self.processors._span_processors
        self.starts = [one.on_start for one in self.only]
        unlike = sdk.SpanProcessor.on_end
        self.ends = [one.on_end for one in self.only if type(one).on_end is not unlike]


_alone: weakref.WeakKeyDictionary[sdk.TracerProvider, _Alone] = weakref.WeakKeyDictionary()


class LightSpan(sdk._Span):
    """A span of the SDK's, made by a :class:`LightTracer`."""

    _end_time: int | None = None
    _status = _UNSET
    _record_exception = True
    _set_status_on_exception = True
    _record_end_metrics = None
    _trace_config = None
    above: Any = None
    """The span that it was drawn in, where somebody noted it: the SDK's spans know only its id."""

    def __init__(
        self,
        tracer: LightTracer,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Attributes,
        start_time: int,
    ) -> None:
        # not the SDK's: that makes all of it
        self._tracer = tracer
        self._name = name
        self._context = context
        self._parent = parent
        self._kind = kind
        self._resource = tracer.resource
        self._instrumentation_scope = tracer._instrumentation_scope
        self._start_time = start_time
        self.plain: dict[str, AttributeValue] = {}
        if attributes:
            self.set_attributes(attributes)

    def __getattr__(self, name: str) -> Any:
        made: Any
        if name == "_attributes":
            limits = self._tracer._span_limits
            made = BoundedAttributes(
                limits.max_span_attributes, immutable=False, max_value_len=limits.max_span_attribute_length
            )
            made._dict = self.plain  # one dictionary, however it is written to
            made._immutable = self._end_time is not None
        elif name in _MADE_LATER:
            made = _MADE_LATER[name](self)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.__dict__.setdefault(name, made)  # the first of two threads' is both's

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """See :meth:`opentelemetry.trace.Span.set_attribute`."""
        plain = self.plain
        if (
            type(value) in _PLAIN
            and type(key) is str
            and key
            and self._end_time is None
            and len(plain) < self._tracer._most_attributes
        ):
            plain.pop(key, None)
            plain[key] = value
        else:
            super().set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """See :meth:`opentelemetry.trace.Span.set_attributes`."""
        plain = self.plain
        if (
            _PLAIN.issuperset(map(type, attributes.values()))
            and _TEXT.issuperset(map(type, attributes))
            and "" not in attributes
            and self._end_time is None
            and len(plain) + len(attributes) <= self._tracer._most_attributes
        ):
            for key in attributes:
                plain.pop(key, None)
            plain.update(attributes)
        else:
            super().set_attributes(attributes)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """See :meth:`opentelemetry.trace.Span.set_status`."""
        # what instrumentations say of every call that went well, and which changes nothing
        if type(status) is Status and status.status_code is StatusCode.UNSET and self._end_time is None:
            return
        super().set_status(status, description)

    def end(self, end_time: int | None = None) -> None:
        """See :meth:`opentelemetry.trace.Span.end`."""
        try:
            alone = self._tracer._alone
            if self._end_time is None and alone.processors._span_processors is alone.only:
                ended = clock.real_time_ns() if end_time is None else end_time
                if self.__dict__.setdefault("_end_time", ended) is ended:  # else another thread was faster
                    bounded = self.__dict__.get("_attributes")
                    if bounded is not None:
                        bounded._immutable = True
                    for end in alone.ends:
                        end(self)
                    return
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("ending a span", error)
        super().end(end_time)

    @property
    def dropped_attributes(self) -> int:
        """How many attributes there was no room for."""
        return super().dropped_attributes if "_attributes" in self.__dict__ else 0

    @property
    def dropped_events(self) -> int:
        """How many events there was no room for."""
        return super().dropped_events if "_events" in self.__dict__ else 0

    @property
    def dropped_links(self) -> int:
        """How many links there was no room for."""
        return super().dropped_links if "_links" in self.__dict__ else 0


_MADE_LATER: Final[dict[str, Callable[[LightSpan], Any]]] = {
    "_events": lambda span: BoundedList(span._tracer._span_limits.max_events),
    "_instrumentation_info": lambda span: span._tracer.instrumentation_info,
    "_limits": lambda span: span._tracer._span_limits,
    "_links": lambda span: span._new_links(()),
    "_lock": lambda _: threading.Lock(),
    "_sampler": lambda span: span._tracer.sampler,
    "_span_processor": lambda span: span._tracer.span_processor,
}


class LightTracer(sdk.Tracer):
    """What a tracer of the SDK's becomes: :func:`lighten`."""

    _alone: _Alone
    _most_attributes: int
    scope_name: str

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> otel_trace.Span:
        """See :meth:`opentelemetry.trace.Tracer.start_span`."""
        try:
            span = self._light_span(name, context, kind, attributes, links, start_time)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("opening a span", error)
            span = None
        if span is None:
            return super().start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        if not record_exception:
            span._record_exception = False
        if not set_status_on_exception:
            span._set_status_on_exception = False
        for start in self._alone.starts:
            start(span, context)
        return span

    def _light_span(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] | None,
        start_time: int | None,
    ) -> LightSpan | None:
        """The span, not yet shown to the tap; ``None`` where it is the SDK's to make."""
        alone = self._alone
        if alone.processors._span_processors is not alone.only or not self._tracer_config.is_enabled:
            return None
        sampler, ids = self.sampler, self.id_generator
        unsampled = type(sampler) is RecordOnly and sampler.samples_nothing
        if not unsampled and sampler is not DEFAULT_ON:
            return None
        if type(ids) is not RandomIdGenerator and not _is_random(ids):
            return None
        current = otel_trace.get_current_span(context)
        above = current._context if type(current) is LightSpan else current.get_span_context()
        if above is not None and above.is_valid:
            # by place: each name is a function
            trace_id, _, is_remote, flags, state, _ = above
            if unsampled:
                flags = _NOT_SAMPLED[flags & _RANDOM]
            elif is_remote or flags not in _SAMPLED:
                return None  # for the sampler to say
            parent: SpanContext | None = above
            made = tuple.__new__(
                SpanContext, (trace_id, entropy.shared_bits(64) or 1, False, flags, state, True)
            )
        else:
            parent = None
            trace_id = (
                entropy.shared_bits(128) or 1 if type(ids) is RandomIdGenerator else ids.generate_trace_id()
            )
            flags = _NOT_SAMPLED[_RANDOM] if unsampled else _ROOT_FLAGS
            made = SpanContext(trace_id, entropy.shared_bits(64) or 1, False, flags)
        span = LightSpan(
            self,
            name,
            made,
            parent,
            kind,
            attributes,
            clock.real_time_ns() if start_time is None else start_time,
        )
        if links:
            span._links = span._new_links(links)
        return span

    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:
        """See :meth:`opentelemetry.trace.Tracer.start_as_current_span`."""
        arguments = (
            name, context, kind, attributes, links, start_time,
            record_exception, set_status_on_exception, end_on_exit,
        )  # fmt: skip
        try:
            return _Current(self, arguments)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("opening a span", error)
            return super().start_as_current_span(*arguments)


class _Current:
    """A span that is current in a ``with`` block, or in a function that this decorates."""

    __slots__ = ("_arguments", "_span", "_token", "_tracer")

    def __init__(self, tracer: LightTracer, arguments: tuple[Any, ...]) -> None:
        self._tracer = tracer
        self._arguments = arguments

    def __enter__(self) -> otel_trace.Span:
        span = self._span = self._tracer.start_span(*self._arguments[:-1])
        self._token = attach(span)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        otel_context.detach(self._token)
        span = self._span
        *_, record_exception, set_status_on_exception, end_on_exit = self._arguments
        try:
            if isinstance(error, Exception) and span.is_recording():
                if record_exception:
                    span.record_exception(error)
                if set_status_on_exception:
                    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("the error of a span", problem)
        if end_on_exit:
            span.end()

    def __call__(self, function: T) -> T:
        """As a decorator it is the SDK's, for functions of either colour."""
        made = sdk.Tracer.start_as_current_span(self._tracer, *self._arguments)
        return made(function)


def attach(span: otel_trace.Span) -> Token[Context]:
    """Make a span the current one; what is given takes that back (:func:`opentelemetry.context.detach`)."""
    try:
        context = Context({**otel_context.get_current(), _CURRENT: span})
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("opening a span", error)
        context = otel_trace.set_span_in_context(span)
    return otel_context.attach(context)


def lighten(provider: sdk.TracerProvider) -> None:
    """Have the tracers of a provider make light spans, those that it has and those to come.

    Args:
        provider: one that has no processors but ours; else nothing changes.
    """
    processors = provider._active_span_processor
    present: tuple[Any, ...] = processors._span_processors
    if not present or not all(isinstance(one, OwnProcessor) for one in present) or not _is_known():
        return
    alone = _alone.get(provider)
    if alone is not None:
        alone.know()
        return
    alone = _alone[provider] = _Alone(processors)

    def got(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tracer = wrapped(*args, **kwargs)
        try:
            _lighten(tracer, alone)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("following a tracer provider", error)
        return tracer

    tracers: list[Any] = list(provider._tracers.values())
    for tracer in tracers:
        _lighten(tracer, alone)
    wrapt.wrap_function_wrapper(provider, "get_tracer", got)


def _lighten(tracer: otel_trace.Tracer, alone: _Alone) -> None:
    if type(tracer) is not sdk.Tracer or type(tracer._tracer_metrics).__name__ != "NoOpTracerMetrics":
        return  # one already, or the SDK counts its spans
    limits = tracer._span_limits
    if limits.max_span_attribute_length is None:
        most = limits.max_span_attributes
        vars(tracer).update(
            _alone=alone,
            _most_attributes=_UNLIMITED if most is None else most,
            scope_name=tracer._instrumentation_scope.name,
        )
        tracer.__class__ = LightTracer


def _is_random(ids: IdGenerator) -> bool:
    """True where the ids of spans are."""
    return isinstance(ids, TraceIds) and type(ids.other) is RandomIdGenerator


@functools.cache
def _is_known() -> bool:
    """True where a span of the SDK's holds what is made here, and its attributes stay where they are."""
    made = sdk._Span("", INVALID_SPAN_CONTEXT, resource=Resource({}), limits=sdk.SpanLimits())
    # 1.43 and 1.44 have the same fields, and keep other attributes where there are too many
    release = tuple(int(part) for part in sdk_version.split(".")[:2] if part.isdecimal())
    return (
        release >= (1, 45) and vars(made).keys() == _FIELDS and hasattr(BoundedAttributes, "_setitem_locked")
    )
