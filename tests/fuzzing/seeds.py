"""Where fuzzing begins: real cassettes and values, made by code."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from typing import Any, Final

from tests.cli import samples
from tests.converting import test_convert, test_foreign, test_older, traces
from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.formats import encode

_VALUES: Final[list[Any]] = [
    {"a": [1, 2.5, None, True, "text"]},
    {1: (2, {3}), b"x": frozenset([4])},
    decimal.Decimal("1.25"),
    dt.datetime(2026, 11, 20, 14, 3, tzinfo=dt.UTC),
    dt.timedelta(1, 2, 3),
    uuid.UUID(int=7),
    2**200,
    float("nan"),
    "\ud800",
    range(1, 9, 2),
]


def seeds(target: str) -> list[bytes]:
    """The documents that a target of that name begins with."""
    cassettes: list[Cassette] = [samples.checkout(), samples.failing(), samples.hostile("x")]
    if target == "values":
        return [values.dumps(value).encode() for value in _VALUES]
    if target == "json":
        return [cassette.dump() for cassette in cassettes]
    if target == "protobuf":
        return [cassette.dump("protobuf") for cassette in cassettes]
    if target == "others":
        written = (test_foreign.JAEGER, test_foreign.MESSAGE, test_foreign.ZIPKIN)
        return [json.dumps(document).encode() for document in written] + [
            json.dumps({"batches": test_foreign.in_base64(test_foreign.otlp())["resourceSpans"]}).encode(),
            encode(traces.two_services()),
        ]
    if target == "older":
        return [test_older.RECORDED.read_bytes()]
    if target == "stream":
        return list(test_convert.FORMS.values())
    if target == "recognition":
        return [
            cassettes[0].dump("protobuf", "gzip"),
            cassettes[0].dump("json", "zstd"),
            b"\xef\xbb\xbf\n {}",
        ]
    return [cassette.dump(encoding) for cassette in cassettes for encoding in ("json", "protobuf")]
