"""What a request ended in, against what another did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from timetracer_otel import values
from timetracer_otel.comparison.bodies import body_differences, decoded
from timetracer_otel.comparison.parts import NOTHING, REPLAY, Difference, Equal, Words, differences
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import Answer, Failure, HttpResponse
from timetracer_otel.redaction import Redactor, masked_equal

UNCOMPARED: Final = frozenset(
    {
        "date", "server", "content-length", "connection", "keep-alive", "transfer-encoding", "traceparent",
        "tracestate", "traceresponse", "server-timing",
    }
)  # fmt: skip
"""Response headers that a server adds, that follow from the body, or that are about this trace."""

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{6,16}")


def outcome_differences(
    recorded: Answer | Failure | None, live: Answer | Failure | None, equal: Equal, redactor: Redactor | None
) -> list[Difference]:
    """Where two outcomes differ; nothing where none was recorded, or an exception was.

    Args:
        recorded: what it was.
        live: what it is.
        equal: whether two values say the same.
        redactor: masks the live one, where it is not known whether the recorded one was masked: they need
            only be equal in one of both ways.
    """
    if recorded is None or isinstance(recorded, Failure):
        return []
    forms = [live]
    if redactor is not None and live is not None:
        masked = redactor.message(live, [])
        forms += [masked] if masked is not live else []
    return min((list(_parts(recorded, form, equal)) for form in forms), key=len)


def exception_change(recorded: str, live: str, words: Words = REPLAY) -> str:
    """The line that says how the exception that went through the app changed; empty where it did not.

    Args:
        recorded: what it was; empty for none.
        live: what it is.
        words: what the two are called.
    """
    if masked_equal(_ADDRESS.sub("0x", recorded), _ADDRESS.sub("0x", live)):
        return ""
    recorded, live = " ".join(recorded.split()), " ".join(live.split())
    if not recorded:
        return f"the app raised {live}" if words == REPLAY else f"{words[1]} raised {live}"
    if not live:
        return f"exception swallowed: {words[0]} {recorded}, {words[1]} none"
    return f"exception: {words[0]} {recorded}, {words[1]} {live}"


def _parts(recorded: Answer, live: Answer | Failure | None, equal: Equal) -> Iterator[Difference]:
    if isinstance(recorded, HttpResponse):
        if not isinstance(live, HttpResponse):
            yield Difference("response", str(recorded.status), "none")
            return
        yield from _http_parts(recorded, live, equal)
        return
    if live is None or type(live) is not type(recorded):
        yield Difference("result", type(recorded).__name__, NOTHING if live is None else type(live).__name__)
        return
    yield from differences(plain(recorded), plain(live), "result", equal)


def _http_parts(recorded: HttpResponse, live: HttpResponse, equal: Equal) -> Iterator[Difference]:
    if recorded.status != live.status:
        yield Difference("response status", str(recorded.status), str(live.status))
    yield from differences(headers_of(recorded), headers_of(live), "response header ", equal)
    if recorded.body is None or not recorded.complete:
        return
    yield from body_differences(
        decoded(recorded.body, recorded.header("content-encoding")),
        None if live.body is None else decoded(live.body, live.header("content-encoding")),
        recorded.header("content-type") or "",
        live.header("content-type") or "",
        "response body",
        equal,
    )


def headers_of(response: HttpResponse) -> dict[str, Any]:
    """The headers that matter, by their names in lower case; several of one name as a list."""
    grouped: dict[str, Any] = {}
    for name, value in response.headers:
        lower = name.lower()
        if lower in UNCOMPARED:
            continue
        if lower == "allow":  # a set of methods, which some frameworks write in another order in each process
            value = ", ".join(sorted(method.strip() for method in value.split(",")))
        known = grouped.get(lower)
        grouped[lower] = value if known is None else [*(known if isinstance(known, list) else [known]), value]
    return grouped


def plain(answer: Answer | Failure) -> dict[str, Any]:
    """The parts of an answer by the last word of their attributes."""
    return {name.rpartition(".")[2]: _read(value) for name, value in answer.attributes().items()}


def _read(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return values.loads(value)
        except CodecError:
            return value
    return value
