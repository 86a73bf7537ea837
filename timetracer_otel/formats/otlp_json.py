"""OTLP/JSON: bytes <-> spans.

The JSON encoding of ``TracesData`` as the OTLP specification has it
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): lowerCamelCase keys, ids in hex,
enums as integers, 64-bit integers as decimal strings, unknown fields ignored. Protobuf's own
``json_format`` gets ids and enums wrong.
"""

from __future__ import annotations

from timetracer_otel.formats.json_reader import decode
from timetracer_otel.formats.json_writer import encode

__all__ = ["decode", "encode"]
