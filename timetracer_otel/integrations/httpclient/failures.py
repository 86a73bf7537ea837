"""What connections raise, as messages and back."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from timetracer_otel.integrations import exceptions
from timetracer_otel.messages import Answer, Failure

PHASE = "__phase__"
"""Of a failure: the step that raised, where that was before an answer was asked for."""
_PROXIED = "__proxied__"
CONNECTING, SENDING = "connecting", "sending"
UNASKED = "asyncio.exceptions.CancelledError"
"""In the place of an answer that nobody asked for."""
_CONNECTION = "timetracer.connection"
"""In the place of the connection among an exception's arguments and fields."""


_UPON_URLLIB3 = frozenset({"urllib3", "requests", "botocore"})


def connection_faults(library: str) -> dict[str, Answer | Failure]:
    """What a connection raises when something goes wrong, as it is recorded.

    Args:
        library: whose connection it is.
    """
    refused = Failure("ConnectionRefusedError", [111, "Connection refused"], {PHASE: CONNECTING})
    late = Failure("TimeoutError", ["timed out"], {PHASE: CONNECTING})
    if library in _UPON_URLLIB3:
        text = "Failed to establish a new connection: [Errno 111] Connection refused"
        fields = {PHASE: CONNECTING, "conn": _CONNECTION, "_message": text}
        refused = Failure("urllib3.exceptions.NewConnectionError", [text], fields)
        late = Failure(
            "urllib3.exceptions.ConnectTimeoutError",
            [_CONNECTION, "Connection timed out. (connect timeout)"],
            {PHASE: CONNECTING},
        )
    lost = Failure("http.client.RemoteDisconnected", ["Remote end closed connection without response"])
    return {
        "timeout": Failure("TimeoutError", ["timed out"]),
        "connect timeout": late,
        "refused": refused,
        "connection error": refused,
        "reset": Failure("ConnectionResetError", [104, "Connection reset by peer"]),
        "disconnected": lost,
    }


def described(error: BaseException, connection: Any, phase: str) -> Failure:
    """The exception, a mark in the place of the connection it holds."""
    failure = exceptions.describe(error, skip=frozenset({"conn", "pool"}))
    link: BaseException | None = error
    described: Failure | None = failure
    while link is not None and described is not None:
        for index, argument in enumerate(link.args):
            if argument is connection:
                described.args[index] = _CONNECTION
        held = [name for name, value in vars(link).items() if value is connection]
        described.fields.update(dict.fromkeys(held, _CONNECTION))
        link, described = link.__cause__ or link.__context__, described.cause or described.context
    if phase:
        failure.fields[PHASE] = phase
        if getattr(connection, "_has_connected_to_proxy", False):
            failure.fields[_PROXIED] = True
    return failure


def rebuilt(failure: Failure, connection: Any) -> BaseException:
    """The exception as it was raised, of this connection."""
    error = exceptions.rebuild(failure, _exception_classes())
    if failure.fields.get(PHASE) == CONNECTING and hasattr(connection, "_has_connected_to_proxy"):
        connection._has_connected_to_proxy = failure.fields.get(_PROXIED) is True
    link: BaseException | None = error
    while link is not None:
        link.args = tuple(connection if argument == _CONNECTION else argument for argument in link.args)
        for name, value in vars(link).items():
            if value == _CONNECTION:
                setattr(link, name, connection)
        link = link.__cause__ or link.__context__
    return error


def _exception_classes() -> Mapping[str, type[BaseException]]:
    """What connections raise, and what is below them."""
    import http.client  # it loads us, so it is not there yet as we are loaded

    found = exceptions.module_exceptions(http.client, ssl)
    found |= exceptions.by_name(socket.gaierror, socket.herror)
    above = sys.modules.get("urllib3.exceptions")
    return found if above is None else found | exceptions.module_exceptions(above)
