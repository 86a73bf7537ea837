"""What a server says unasked: notifications where the app listens, and notices beside its answers.

A notification is a call of the request that began to listen. A replay gives it as soon as as many statements
were asked on the connection as before it came.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from timetracer_otel import ports
from timetracer_otel.integrations.asyncpg.known import Known, Listening, Told
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.messages import SqlResult, SqlStatement

if TYPE_CHECKING:
    from timetracer_otel.integrations.asyncpg.integration import AsyncpgIntegration

_COLUMNS = [["pid"], ["channel"], ["payload"]]
_STEP = "notification"


def points(integration: AsyncpgIntegration) -> Sequence[Point]:
    """Beginning to listen, and what is heard."""
    ours = _Ears(integration)
    module = "asyncpg.connection"
    return (
        Point(module, "Connection.add_listener", ours.listen, asynchronous=True),
        Point(module, "Connection._process_notification", wrapper=ours.notified),
        Point(module, "Connection._process_log_message", wrapper=ours.noticed),
    )


class _Ears:
    def __init__(self, integration: AsyncpgIntegration) -> None:
        self._integration = integration

    def listen(self, call: Invocation) -> Flow[Any]:
        connection = call.instance
        channel = call.args[0] if call.args else call.kwargs["channel"]
        new = not connection.is_closed() and channel not in connection._listeners
        result = yield call.proceed
        if new and channel in connection._listeners:
            self._begin(connection, str(channel))
        return result

    def _begin(self, connection: Any, channel: str) -> None:
        known = self._integration.known(connection)
        message = known.link.statement(f'LISTEN "{channel}"')
        known.channels[channel] = Listening(contextvars.copy_context(), message, known.asked)
        port = ports.current()
        if known.link.replayed and port is not None:
            known.due += self._recorded(port, message)
            give(connection, known)

    def _recorded(self, port: ports.Port, message: SqlStatement) -> list[Told]:
        found = []
        for request in port.recorded_requests(self._integration):
            if not isinstance(request, SqlStatement) or not request.step.startswith(f"{_STEP} "):
                continue
            if request.text != message.text:
                continue
            answer = port.begin(self._integration, request).recorded
            if isinstance(answer, SqlResult) and answer.rows:
                pid, channel, payload = answer.rows[0]
                after = answer.extra.get("after")
                own = answer.extra.get("own") is True
                found.append(Told(after if isinstance(after, int) else 0, pid, own, channel, payload))
        return found

    def notified(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            self._hear(connection, *args)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("asyncpg: hearing a notification", error)
        return wrapped(*args, **kwargs)

    def _hear(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        known = self._integration._known.get(connection)
        listening = None if known is None else known.channels.get(channel)
        if known is None or listening is None or known.link.replayed or channel not in connection._listeners:
            return
        listening.heard += 1
        message = msgspec.structs.replace(listening.message, step=f"{_STEP} {listening.heard}")
        own = pid == connection.get_server_pid()
        answer = SqlResult(
            columns=list(_COLUMNS),
            rows=[[pid, channel, payload]],
            extra={"after": known.asked - listening.since, "own": own},
        )
        listening.context.copy().run(self._note, message, answer)

    def _note(self, message: SqlStatement, answer: SqlResult) -> None:
        port = ports.current()
        if port is not None:
            with port.begin(self._integration, message) as exchange:
                exchange.finish(answer)

    def noticed(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            known = self._integration._known.get(connection)
            if known is not None and connection._log_listeners and not known.link.replayed:
                known.notices.append(dict(args[0]))
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("asyncpg: hearing a notice", error)
        return wrapped(*args, **kwargs)


def tell(connection: Any, known: Known, notices: Any, query: str) -> None:
    """Say what a recorded server said beside an answer, and notifications that came by then."""
    for fields in notices if isinstance(notices, list) else ():
        connection._process_log_message(dict(fields), query)
    give(connection, known)


def give(connection: Any, known: Known) -> None:
    """Give the notifications whose time has come."""
    while known.due:
        told = known.due[0]
        listening = known.channels.get(told.channel)
        if listening is None or known.asked - listening.since < told.after:
            return
        del known.due[0]
        pid = connection.get_server_pid() if told.own else told.pid
        asyncio.get_running_loop().call_soon(_give, connection, pid, told.channel, told.payload)


def _give(connection: Any, pid: int, channel: str, payload: str) -> None:
    if not connection.is_closed():
        connection._process_notification(pid, channel, payload)
