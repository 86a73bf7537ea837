"""A websocket connection as an entry: what the app asks while it is open belongs to it.

What is said over the connection itself passes through and is not recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.messages import HttpResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_SWITCHING, _REFUSED = 101, 403
_DENIAL = "websocket.http.response"


async def serve(
    port: ports.EntryPort,
    entry: ports.Entry,
    app: App,
    scope: Message,
    receive: Receive,
    send: Send,
    *,
    over: Callable[[], None],
) -> None:
    """Serve one connection.

    Args:
        port: who takes it.
        entry: what it was given.
        app: the application.
        scope: as the server gave it.
        receive: as above.
        send: as above.
        over: called when the application is done with it, before the entry is closed.
    """
    answer = entry.start(b"") if port.wants_body else None
    if answer is not None:
        await _refuse(answer, scope, receive, send)
        return
    answered = False

    def note(message: Message) -> None:
        nonlocal answered
        status = 0 if answered else _status_of(message)
        if status:
            answered = True
            entry.response_started(HttpResponse(status, [], body=None))

    async def noting_send(message: Message) -> None:
        safely(note, message)
        await send(message)

    try:
        with activated(entry):
            await app(scope, receive, noting_send)
    except BaseException as error:
        safely(entry.failed, error)
        raise
    finally:
        safely(over)
        safely(entry.response_ended)
        safely(entry.close)


def _status_of(message: Message) -> int:
    """What the handshake is answered by that message; 0 where it is not."""
    kind = message["type"]
    if kind == "websocket.accept":
        return _SWITCHING
    if kind == f"{_DENIAL}.start":
        return int(message["status"])
    return _REFUSED if kind == "websocket.close" else 0


async def _refuse(answer: HttpResponse, scope: Message, receive: Receive, send: Send) -> None:
    """No connection: the answer where the server can give it, else its 403."""
    await receive()  # the handshake
    if _DENIAL not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1011})
        return
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{_DENIAL}.start", "status": answer.status, "headers": headers})
    await send({"type": f"{_DENIAL}.body", "body": answer.body or b"", "more_body": False})
