"""What the app's modules drew as they were imported, as a cassette of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

from timetracer_otel import attributes as names
from timetracer_otel import ports
from timetracer_otel.nondeterminism import Importing, ImportRecorder
from timetracer_otel.redaction import MASK, Redactor

if TYPE_CHECKING:
    from timetracer_otel.exporters.recorder import Recorder


class RecordedImport:
    """From here to the first request, or to the start-up of the app, of which it says nothing.

    A process that is forked meanwhile goes on with what was drawn before, and has a cassette of its own.

    Args:
        recorder: stands behind the ports of the process.
    """

    def __init__(self, recorder: Recorder) -> None:
        settings = recorder.settings
        hides = Redactor.from_settings(settings).hides if settings.redact else None
        self._recorder = recorder
        self._values = ImportRecorder(hides, MASK)
        self._importing = Importing(self._values)
        ports.UntilFirst.stand(recorder.requests, self.over)

    def over(self) -> None:
        """The app is imported: have what it drew written."""
        values, recorder = self._values, self._recorder
        if not self._importing.over() or not values.events() or not recorder.active:
            return
        span = recorder.tracer().start_span(
            names.IMPORT,
            context=otel_context.Context(),
            attributes={names.ENTRY_FRAMEWORK: "python"},
            start_time=values.began,
        )
        context = span.get_span_context()
        recording = recorder.assembler.find(context.trace_id, context.span_id)
        if recording is not None:
            recording.values = values
            for source in values.hidden:
                recording.gap("masked", f"value of {source}", context.span_id)
        span.end()
