"""The span."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from timetracer_otel import ports
from timetracer_otel.nondeterminism import clock

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes, AttributeValue

    from timetracer_otel.light_spans.tracer import LightTracer

_PLAIN: Final = frozenset({str, int, float, bool})
_TEXT: Final = frozenset({str})
_UNSET: Final = Status(StatusCode.UNSET)


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
