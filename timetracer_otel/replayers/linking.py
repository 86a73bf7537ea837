"""What a request that came in gives the app, beside what the recorded one gave it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any, Final

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest
from timetracer_otel.messages.http import UNMATCHED_HEADERS, split_url
from timetracer_otel.redaction.mask import MASK, URL_MASK
from timetracer_otel.volatile import Links, Origins, shape

_OF_THE_CLIENT: Final = UNMATCHED_HEADERS | {
    "accept",
    "accept-language",
    "cache-control",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "origin",
    "pragma",
    "range",
    "referer",
    "upgrade",
}
"""Headers that say how the client works; apps do not pass their values on."""


def inbound_form(request: HttpRequest) -> dict[str, Any]:
    """Of a request that came in, what decides which cassette answers it."""
    form = {key: value for key, value in request.canonical().items() if key != "headers"}
    return {**form, "url": split_url(form["url"]).path or "/"}


def alike(cassette: Cassette, recorded: HttpRequest, live: HttpRequest) -> bool:
    """True when the recorded request is that one, but for values that a client makes anew each time.

    Args:
        cassette: whose request it is.
        recorded: the request.
        live: the request that came in now.
    """
    links = Links(Origins, recorded=cassette.started / 1e9, now=time.time())
    was_shape, was = shape(inbound_form(recorded))
    now_shape, now = shape(inbound_form(live))
    return was_shape == now_shape and links.judge(was, now) is not None


def learn_inbound(links: Links, recorded: HttpRequest, live: HttpRequest) -> None:
    """Learn what the live request gave the app in place of what the recorded one did."""
    links.learn(unmasked(inbound_form(recorded)), inbound_form(live))
    links.learn(unmasked(_headers(recorded)), _headers(live))


def unmasked(told: Any) -> Any:
    """What was told, with ``None`` for each text that a mask stands in: all secrets have the same, and the
    hash of a password must not become the password that a client sends.

    Args:
        told: nested dicts, lists and scalars.
    """
    if isinstance(told, dict):
        return {key: unmasked(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [unmasked(value) for value in told]
    return None if isinstance(told, str) and (MASK in told or URL_MASK in told) else told


def made_by_chance(cassette: Cassette) -> Iterator[str]:
    """Texts that are random though they look like digests: ids of traces and spans, and what was drawn."""
    for span in cassette.spans:
        yield span.trace_id
        for event in span.events:
            drawn = event.attributes.get("value") if event.name == names.EVENT_VALUE else None
            value = values.loads(drawn) if isinstance(drawn, str) else None
            if isinstance(value, bytes):
                yield value.hex()
                for encode in (base64.b64encode, base64.urlsafe_b64encode):
                    yield encode(value).decode().rstrip("=")


def _headers(request: HttpRequest) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name.lower() not in _OF_THE_CLIENT:
            headers.setdefault(name.lower(), []).append(value)
    return headers
