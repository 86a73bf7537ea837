"""The names of the formats, apart from what writes them: a command line is drawn without loading it."""

from __future__ import annotations

from typing import Final

FORMATS: Final = ("otlp-json", "otlp-protobuf", "jaeger", "zipkin", "perfetto", "speedscope", "har", "curl")
