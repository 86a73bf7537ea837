"""Recording a block that all work of the process belongs to (:mod:`timetracer_otel.blocks`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace

from timetracer_otel import ports
from timetracer_otel.blocks import Arrivals
from timetracer_otel.exporters.exchange import RecordedExchange
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.messages import Answer, Failure, HttpRequest, Request
from timetracer_otel.nondeterminism import ValueRecorder, drawing_from

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

    from timetracer_otel.exporters.trace import TraceRecording


class BlockRecorder(Recorder):
    """Gathers what the process does into one recording; traces beside it are not kept."""

    block: TraceRecording | None = None
    values: ValueRecorder | None = None
    arrivals: Arrivals
    _span: otel_trace.Span

    def begin_block(self, span: otel_trace.Span, own: tuple[str, ...]) -> None:
        """The span that has just started is the block's; see :class:`.Arrivals` for ``own``."""
        context = span.get_span_context()
        self._span = span
        self.block = self.assembler.find(context.trace_id, context.span_id)
        if self.block is not None:
            self.values = self.block.values = ValueRecorder(self.block.lanes.current)
        self.arrivals = Arrivals(self.join, self._joined, own)

    @contextlib.contextmanager
    def join(self) -> Iterator[None]:
        """Work in this context belongs to the block."""
        token = otel_context.attach(otel_trace.set_span_in_context(self._span))
        try:
            with drawing_from(self.values):
                yield
        finally:
            otel_context.detach(token)

    def begin(self, caller: ports.Caller, request: Request, span: Any = None) -> ports.Exchange:
        """As every recorder, but for requests to the application under test, which are not recorded."""
        if isinstance(request, HttpRequest) and self.arrivals.named(request):
            return NotOfTheBlock()
        exchange = super().begin(caller, request, span)
        if (
            isinstance(exchange, RecordedExchange)
            and isinstance(request, HttpRequest)
            and self.arrivals.possible(request)
        ):
            return _Doubtful(exchange, self.arrivals, request)
        return exchange

    def new_lane(self) -> Any:
        """A lane of the block, wherever the thread is started from."""
        return super().new_lane() if self._joined() or self.block is None else self.block.lanes.new()

    def _new_root(self, recording: TraceRecording, span: Span) -> None:
        # the first is the block's own; sampling and its like are for services
        recording.excluded = self.block is not None

    def _owner(self, span: Any = None) -> Recorder:
        return self  # all that the process does is the block's

    def _takes(self, recording: TraceRecording) -> bool:
        return recording is self.block

    def _above(self) -> otel_context.Context | None:
        return None if self._joined() else otel_trace.set_span_in_context(self._span)

    def _joined(self) -> bool:
        context = otel_trace.get_current_span().get_span_context()
        found = self.assembler.find(context.trace_id, context.span_id)
        return found is not None and found is self.block


class NotOfTheBlock:
    """A live call that is not part of the recording; nor is what happens below it, in this context."""

    recorded: Answer | Failure | None = None

    def __enter__(self) -> NotOfTheBlock:
        self._inside = ports.inside()
        self._inside.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._inside.__exit__(None, None, None)

    def finish(self, answer: Answer | Failure | None) -> None:
        """Nothing to do."""

    def reading(self, so_far: Any) -> None:
        """Nothing to do."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to do."""


class _Doubtful:
    """A call to this process: it turns out with its answer whether the application under test served it."""

    recorded: Answer | Failure | None = None

    def __init__(self, exchange: RecordedExchange, arrivals: Arrivals, request: HttpRequest) -> None:
        self._exchange = exchange
        self._arrivals = arrivals
        self._request = request
        self._before = arrivals.of(request)

    def __enter__(self) -> _Doubtful:
        self._exchange.__enter__()
        return self

    def __exit__(self, *given: Any) -> None:
        self._exchange.__exit__(*given)

    def finish(self, answer: Answer | Failure | None) -> None:
        """Forget it if it was served here."""
        if self._arrivals.of(self._request) > self._before:
            self._exchange.forget()
            answer = None
        self._exchange.finish(answer)

    def reading(self, so_far: Any) -> None:
        """As of every call."""
        self._exchange.reading(so_far)

    def gap(self, kind: str, detail: str) -> None:
        """As of every call."""
        self._exchange.gap(kind, detail)
