"""What aiohttp's connections raise, as messages and back."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from timetracer_otel.integrations import exceptions
from timetracer_otel.messages import Answer, Failure

CONNECTING = "__connecting__"
"""Of a failure: there was no connection yet."""

_KEY, _INFO = "timetracer.connection_key", "timetracer.request_info"
"""In the place of what an exception holds of its request."""
_WRAPPED = "timetracer.exception"
_OS_FIELDS = ("errno", "strerror")


def connection_faults() -> dict[str, Answer | Failure]:
    """What a connection raises when something goes wrong, as it is recorded."""
    module = "aiohttp.client_exceptions"
    below = Failure(
        "ConnectionRefusedError", [111, "Connect call failed"], _os_fields(111, "Connect call failed")
    )
    refused = Failure(
        f"{module}.ClientConnectorError",
        [_KEY, {_WRAPPED: below.plain()}],
        {"_conn_key": _KEY, "_os_error": {_WRAPPED: below.plain()}, CONNECTING: True},
    )
    reset = [104, "Connection reset by peer"]
    return {
        "timeout": Failure(f"{module}.SocketTimeoutError", ["Timeout on reading data from socket"]),
        "connect timeout": Failure("TimeoutError", [], {CONNECTING: True}),
        "refused": refused,
        "connection error": refused,
        "reset": Failure(f"{module}.ClientOSError", list(reset), _os_fields(*reset)),
        "disconnected": Failure(
            f"{module}.ServerDisconnectedError", ["Server disconnected"], {"message": "Server disconnected"}
        ),
    }


def _os_fields(number: Any, text: Any) -> dict[str, Any]:
    return {"errno": number, "strerror": text}


def described(error: BaseException, request: Any, *, connecting: bool = False) -> Failure:
    """The exception, marks in the place of what it holds of the request."""
    held = frozenset({"_conn_key", "_os_error", "request_info", "history", "_certificate_error"})
    failure = exceptions.describe(error, skip=held)
    link: BaseException | None = error
    part: Failure | None = failure
    while link is not None and part is not None:
        part.args[:] = [
            _marked(argument, request, given)
            for argument, given in zip(link.args, part.args, strict=True)
        ]  # fmt: skip
        for name in held & vars(link).keys():
            part.fields[name] = _marked(vars(link)[name], request, None)
        if isinstance(link, OSError):
            given = {name: getattr(link, name) for name in _OS_FIELDS}
            part.fields.update({name: value for name, value in given.items() if value is not None})
        link, part = link.__cause__ or link.__context__, part.cause or part.context
    if connecting:
        failure.fields[CONNECTING] = True
    return failure


def rebuilt(failure: Failure, request: Any) -> BaseException:
    """The exception as it was raised, of this request."""
    error = exceptions.rebuild(failure, _exception_classes())
    link: BaseException | None = error
    while link is not None:
        link.args = tuple(_unmarked(argument, request) for argument in link.args)
        for name, value in list(vars(link).items()):
            setattr(link, name, _unmarked(value, request))
        link = link.__cause__ or link.__context__
    return error


def _marked(value: Any, request: Any, otherwise: Any) -> Any:
    if isinstance(value, BaseException):
        return {_WRAPPED: described(value, request).plain()}
    if value == request.connection_key:
        return _KEY
    if value == request.request_info:
        return _INFO
    return list(value) if value == () else otherwise


def _unmarked(value: Any, request: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {_WRAPPED}:
        return rebuilt(Failure.from_plain(value[_WRAPPED]), request)
    if value == _KEY:
        return request.connection_key
    if value == _INFO:
        return request.request_info
    return () if value == [] else value


def _exception_classes() -> Mapping[str, type[BaseException]]:
    """What aiohttp raises, and what is below it."""
    modules = [sys.modules[f"aiohttp.{name}"] for name in ("client_exceptions", "http_exceptions")]
    found = exceptions.module_exceptions(*modules, ssl)
    return found | exceptions.by_name(socket.gaierror, socket.herror, asyncio.CancelledError)
