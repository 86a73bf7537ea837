"""What was masked in one message of a trace, masked in the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette, Gap
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import Answer, Failure, HttpRequest, Request, read_answer, read_request
from timetracer_otel.redaction.known import KnownSecrets
from timetracer_otel.span import Span, Status

_TARGETS: Final = frozenset({"url.path", "http.target", "url.full", "http.url"})
"""Where a request went: that is how it is found again."""


class _Said(NamedTuple):
    """A message that a span carries."""

    span: Span
    message: Request | Answer | Failure
    inbound: bool


def mask_cassette(cassette: Cassette, known: KnownSecrets) -> None:
    """Mask secrets wherever a cassette says them; what that hides from the app is listed among its gaps.

    Args:
        cassette: it is changed.
        known: the secrets.
    """
    gaps: list[Gap] = []
    payloads: dict[str, set[str]] = {}
    for span in cassette.spans:
        known.may_be_on(span)  # which digests are said somewhere is learned first
    for said in _messages(cassette):
        attributes = said.message.attributes()
        payloads.setdefault(said.span.span_id, set()).update(attributes)
        if not any(map(known.may_be_in, attributes.values())):
            continue
        masked: list[str] = []
        came_in = said.inbound and isinstance(said.message, HttpRequest)
        clean = known.message(said.message, masked, came_in=came_in)
        if clean is said.message:
            continue
        said.span.attributes.update(clean.attributes())
        if hides_from_the_app(said.message, inbound=said.inbound):
            where = "inbound " if said.inbound else ""
            gaps += [Gap("masked", f"{where}{place}", said.span.span_id) for place in masked]
    for span in cassette.spans:
        mask_the_rest(span, known, payloads.get(span.span_id, set()))
    listed = cassette.gaps  # they name calls by what these asked for
    clean_gaps = [msgspec.structs.replace(gap, detail=known.text(gap.detail)) for gap in listed]
    if gaps or clean_gaps != listed:
        cassette.entry.attributes.pop(names.GAPS, None)
        cassette.add_gaps([*clean_gaps, *gaps])


def mask_the_rest(span: Span, known: KnownSecrets, payloads: set[str]) -> None:
    """Mask the name of a span, what instrumentations wrote on it, and the texts of exceptions.

    Args:
        span: it is changed.
        known: the secrets.
        payloads: names of the attributes that carry messages, which are left as they are.
    """
    span.name = known.text(span.name)
    for name, value in span.attributes.items():
        if name not in payloads and name not in _TARGETS:
            span.attributes[name] = known.attribute(value)
    for event in span.events:
        event.attributes = {name: known.attribute(value) for name, value in event.attributes.items()}
    if span.status.message:
        span.status = Status(span.status.code, known.text(span.status.message))


def hides_from_the_app(message: Request | Answer | Failure, *, inbound: bool) -> bool:
    """Whether what is masked in a message is missing in a replay: the app is told it. What the app itself
    says is masked on both sides when it is compared.

    Args:
        message: which.
        inbound: it came in, or answers what did.
    """
    return hasattr(message, "canonical") == inbound


def _messages(cassette: Cassette) -> Iterator[_Said]:
    """Every message that can be read; what cannot be is masked as any attribute."""
    entry = cassette.entry
    for message in (_read(lambda: cassette.inbound_message), _read(lambda: cassette.inbound_answer)):
        if message is not None:
            yield _Said(entry, message, inbound=True)
    for call in cassette.calls():
        family, attributes = call.family, call.span.attributes
        for message in (
            _read(partial(read_request, family, attributes)),
            _read(partial(read_answer, family, attributes)),
        ):
            if message is not None:
                yield _Said(call.span, message, inbound=False)


def _read(message: Callable[[], Request | Answer | Failure | None]) -> Request | Answer | Failure | None:
    try:
        return message()
    except (CodecError, KeyError):
        return None
