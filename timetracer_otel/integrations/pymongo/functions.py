"""PyMongo up to 4.17, which sends most commands with functions: no method of a connection sees them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.pymongo.arguments import argument

_Wrapper: TypeAlias = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]

_connection: Final[ContextVar[Any]] = ContextVar("timetracer_pymongo_connection", default=None)
"""That of the command which is under way in this context."""


def points(
    package: str, send: Callable[[Invocation], Flow[Any]], receive: _Wrapper, *, asynchronous: bool
) -> Sequence[Point]:
    """Where commands are sent and received; nowhere from 4.18 on.

    Args:
        package: where the client's modules are.
        send: what is done around a connection's ``send_message``.
        receive: what is done around its ``receive_message``.
        asynchronous: their functions are awaited.
    """
    module = f"{package}.network"
    sending = "async_sendall" if asynchronous else "sendall"
    # up to 4.11 it has one name in both
    receiving = ("receive_message", "async_receive_message") if asynchronous else ("receive_message",)
    return (
        # where it is called, not where it is
        Point(f"{package}.pool", "command", _command, asynchronous, optional=True),
        Point(module, sending, functools.partial(_sending, send), asynchronous),
        *(Point(module, name, optional=True, wrapper=_receiving(receive)) for name in receiving),
    )


def _command(call: Invocation) -> Flow[Any]:
    held = _connection.set(argument(call, 0, "conn"))
    try:
        return (yield call.proceed)
    finally:
        _connection.reset(held)


def _sending(send: Callable[[Invocation], Flow[Any]], call: Invocation) -> Flow[Any]:
    connection = _connection.get()
    if connection is None:  # the port came while the command was under way
        return (yield call.proceed)
    socket, *message = call.args
    method = functools.partial(call.wrapped, socket)
    return (yield from send(Invocation(method, connection, tuple(message), call.kwargs)))


def _receiving(receive: _Wrapper) -> _Wrapper:
    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # up to 4.11 it is also what a connection's own method calls
        if not args or args[0] is not _connection.get():
            return wrapped(*args, **kwargs)
        return receive(functools.partial(wrapped, args[0]), args[0], args[1:], kwargs)

    return wrapper
