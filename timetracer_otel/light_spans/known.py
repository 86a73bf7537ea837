"""Whether the SDK that is installed is one whose spans are known here."""

from __future__ import annotations

import functools
from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace import INVALID_SPAN_CONTEXT

_FIELDS: Final = frozenset(
    {
        "_attributes", "_context", "_events", "_instrumentation_info", "_instrumentation_scope", "_kind",
        "_limits", "_links", "_lock", "_name", "_parent", "_record_end_metrics", "_record_exception",
        "_resource", "_sampler", "_set_status_on_exception", "_span_processor", "_start_time", "_end_time",
        "_status", "_trace_config",
    }
)  # fmt: skip
"""What a span of the SDK's holds."""


@functools.cache
def is_known() -> bool:
    """True where a span of the SDK's holds what is made here, and its attributes stay where they are."""
    made = sdk._Span("", INVALID_SPAN_CONTEXT, resource=Resource({}), limits=sdk.SpanLimits())
    # 1.43 and 1.44 have the same fields, and keep other attributes where there are too many
    release = tuple(int(part) for part in sdk_version.split(".")[:2] if part.isdecimal())
    return (
        release >= (1, 45) and vars(made).keys() == _FIELDS and hasattr(BoundedAttributes, "_setitem_locked")
    )
