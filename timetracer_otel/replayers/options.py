"""What a replay is told beyond the settings."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from timetracer_otel.comparison import Threshold
from timetracer_otel.messages import HttpRequest
from timetracer_otel.redaction import is_credential


class ReplayOptions(msgspec.Struct, frozen=True):
    """How recorded requests are sent, and how what comes of them is judged.

    Attributes:
        headers: sent in place of the recorded ones of that name (credentials that were masked).
        threshold: how much slower is too slow; by default no time is.
        update: what is different is accepted: the live outcome replaces the cassette.
    """

    headers: tuple[tuple[str, str], ...] = ()
    threshold: Threshold | None = None
    update: bool = False


def with_headers(request: HttpRequest, headers: Sequence[tuple[str, str]]) -> HttpRequest:
    """The request with those headers in place of its own of that name. A credential is given to no request
    that came without: what an app refused then it is to refuse now.
    """
    own = {name.lower() for name, _ in request.headers}
    headers = [(name, value) for name, value in headers if name.lower() in own or not is_credential(name)]
    given = {name.lower() for name, _ in headers}
    kept = [(name, value) for name, value in request.headers if name.lower() not in given]
    return msgspec.structs.replace(request, headers=[*kept, *headers])
