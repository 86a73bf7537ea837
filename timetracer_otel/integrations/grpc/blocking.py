"""The C core's calls as grpc's synchronous classes see them: watched, or answered from a recording.

``segregated`` calls are polled by whoever made them, ``managed`` ones hand their events to a thread.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, NamedTuple

from grpc._cython import cygrpc

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.grpc.conversation import COMING, GOING, Conversation, noting
from timetracer_otel.messages import GrpcReply

_T = cygrpc.OperationType
_SENDS_MESSAGE, _HALF_CLOSES = _T.send_message, _T.send_close_from_client
_METADATA, _MESSAGE, _STATUS = (
    _T.receive_initial_metadata,
    _T.receive_message,
    _T.receive_status_on_client,
)

Handler = Callable[[Any], Any]
Batch = tuple[Sequence[Any], Handler | None]


def note_operations(conversation: Conversation, operations: Sequence[Any]) -> None:
    """What the app asks of the core."""
    for operation in operations:
        kind = operation.type()
        if kind == _SENDS_MESSAGE:
            conversation.sent(operation._message)
        elif kind == _HALF_CLOSES:
            conversation.half_closed()
        elif kind == _MESSAGE:
            conversation.reading += 1


def note_event(conversation: Conversation, event: Any) -> None:
    """What the core has done of it."""
    for operation in event.batch_operations:
        kind = operation.type()
        if kind == _METADATA:
            conversation.started(operation.initial_metadata())
        elif kind == _MESSAGE:
            conversation.reading -= 1
            if operation.message() is not None:
                conversation.received(operation.message())
        elif kind == _STATUS:
            conversation.ended(
                operation.code(),
                operation.details(),
                operation.trailing_metadata(),
                operation.error_string(),
            )


def handle(conversation: Conversation, handler: Handler, event: Any) -> Any:
    """Have an event of a managed call handled, and note it first."""
    noting(COMING, note_event, conversation, event)
    return handler(event)


class WatchedCall:
    """A call of the core that goes out; everything passes through."""

    def __init__(self, call: Any, conversation: Conversation) -> None:
        self._call = call
        self._conversation = conversation

    def operate(self, operations: Sequence[Any], tag: Handler | None) -> Any:
        """The app starts operations."""
        noting(GOING, note_operations, self._conversation, operations)
        return self._call.operate(operations, tag and functools.partial(handle, self._conversation, tag))

    def next_event(self) -> Any:
        """The app waits for one."""
        event = self._call.next_event()
        noting(COMING, note_event, self._conversation, event)
        return event

    def cancel(self, code: Any, details: Any) -> Any:
        """The app wants no more."""
        noting(GOING, self._conversation.cancelling)
        return self._call.cancel(code, details)


class RecordedCall:
    """A call answered from a recording, one event after the other as the core would give them.

    Args:
        conversation: what the app sends is told to it.
        reply: the answer; ``None`` where the app's messages still have to tell which.
        batches: the operations that the call starts with.
        managed: events go to their handlers in a thread.
    """

    def __init__(
        self, conversation: Conversation, reply: GrpcReply | None, batches: Sequence[Batch], *, managed: bool
    ) -> None:
        self._conversation = conversation
        self._reply = reply
        self._managed = managed
        self._condition = threading.Condition()
        self._batches: deque[Batch] = deque(batches)
        self._at = 0
        self._began = time.monotonic_ns()
        self._cancelled: tuple[Any, Any] | None = None
        self._error: BaseException | None = None
        self._status_given = False
        if reply is None:
            self._choose()
        if managed:
            # a context of its own: callbacks run in it, as they do in the core's thread
            thread = threading.Thread(target=self._deliver, daemon=True, name="timetracer-grpc")
            Context().run(thread.start)

    def operate(self, operations: Sequence[Any], tag: Handler | None) -> bool:
        """The app starts operations.

        Raises:
            ReplayError: it reads further than was recorded.
        """
        noting(GOING, note_operations, self._conversation, operations)
        with self._condition:
            if self._reply is None and self._error is None:
                self._choose()
            self._error = self._error or self._conversation.divergence()
            if any(operation.type() == _MESSAGE for operation in operations):
                self._refuse_reading_on()
            self._batches.append((operations, tag))
            self._condition.notify_all()
        return True

    def next_event(self) -> Any:
        """The next event.

        Raises:
            MissError: no recorded call answers this one.
        """
        event, _ = self._wait()
        return event

    def cancel(self, code: Any, details: Any) -> None:
        """The app wants no more."""
        with self._condition:
            if self._cancelled is None:
                self._cancelled = (code, details)
            self._condition.notify_all()

    def _choose(self) -> None:
        try:
            recorded = self._conversation.choose()
            if recorded is not None:
                check(recorded, self._conversation)
            self._reply = recorded
        except Exception as error:  # noqa: BLE001  # raised where the app waits for the answer
            self._error = error

    def _refuse_reading_on(self) -> None:
        if self._error is not None:
            raise self._error
        reply = self._reply
        if reply is None or reply.complete or reply.waited or self._cancelled is not None:
            return
        if self._at >= len(reply.messages or ()):
            raise reading_on(self._conversation)

    def _deliver(self) -> None:
        while True:
            event, tag = self._wait()
            if tag is not None:
                tag(event)
            with self._condition:
                if self._status_given and not self._batches:
                    return

    def _wait(self) -> tuple[Any, Handler | None]:
        with self._condition:
            while True:
                if self._error is not None and not self._managed:
                    raise self._error
                for batch in self._batches:
                    done = self._done(batch[0])
                    if done is not None:
                        self._batches.remove(batch)
                        return _Event(tuple(done)), batch[1]
                self._condition.wait(self._pause())

    def _done(self, operations: Sequence[Any]) -> list[_Done] | None:
        """The operations as done, all of them or none."""
        at, done, status = self._at, [], False
        for operation in operations:
            kind = operation.type()
            if kind == _METADATA:
                if self._reply is None and not self._over:
                    return None
                done.append(_Done(kind, metadata=metadatums(self._reply and self._reply.initial_metadata)))
            elif kind == _MESSAGE:
                message = self._message(at)
                if message is _WAIT:
                    return None
                at += message is not None
                done.append(_Done(kind, content=message))
            elif kind == _STATUS:
                given = self._status(at)
                if given is None:
                    return None
                status = True
                done.append(given)
            else:
                done.append(_Done(kind))
        self._at = at
        self._status_given = self._status_given or status
        return done

    @property
    def _over(self) -> bool:
        return self._cancelled is not None or self._error is not None

    def _message(self, at: int) -> Any:
        if self._over:
            return None
        reply = self._reply
        if reply is None:
            return _WAIT
        messages = reply.messages or []
        if at >= len(messages):
            return None if reply.complete else _WAIT
        return messages[at] if self._due(at) else _WAIT

    def _due(self, at: int) -> bool:
        """The app has sent what it had sent when this message came, and the time has come."""
        assert self._reply is not None
        return self._conversation.reached(self._reply, at) and self._pause_before(at) <= 0

    def _pause_before(self, at: int) -> float:
        reply = self._reply
        if not self._conversation.port.pace or reply is None or at >= len(reply.times):
            return 0.0
        return (reply.times[at] - (time.monotonic_ns() - self._began)) / 1e9

    def _pause(self) -> float | None:
        pause = self._pause_before(self._at)
        return pause if pause > 0 else None

    def _status(self, at: int) -> _Done | None:
        if self._cancelled is not None:
            code, details = self._cancelled
            return _Done(_STATUS, status=(code, details, (), None))
        if self._error is not None:
            return _Done(_STATUS, status=(cygrpc.StatusCode.unknown, str(self._error), (), str(self._error)))
        reply = self._reply
        if reply is None or not reply.complete or at < len(reply.messages or ()):
            return None
        if not self._conversation.reached(reply, at):
            return None
        trailing = metadatums(reply.trailing_metadata)
        return _Done(_STATUS, status=(reply.code, reply.details, trailing, reply.debug))


_WAIT = object()


class _Event(NamedTuple):
    batch_operations: tuple[_Done, ...]


class _Done:
    """An operation that the core would have done."""

    __slots__ = ("_content", "_kind", "_metadata", "_status")

    def __init__(
        self, kind: int, *, metadata: Any = (), content: bytes | None = None, status: tuple[Any, ...] = ()
    ) -> None:
        self._kind = kind
        self._metadata = metadata
        self._content = content
        self._status = status

    def type(self) -> int:
        return self._kind

    def initial_metadata(self) -> Any:
        return self._metadata

    def message(self) -> bytes | None:
        return self._content

    def code(self) -> Any:
        return self._status[0]

    def details(self) -> Any:
        return self._status[1]

    def trailing_metadata(self) -> Any:
        return self._status[2]

    def error_string(self) -> Any:
        return self._status[3]


def metadatums(metadata: Any) -> tuple[Any, ...]:
    """Metadata as the core gives it."""
    return tuple(cygrpc._Metadatum(name, value) for name, value in metadata or ())


def check(reply: GrpcReply, conversation: Conversation) -> None:
    """Refuse what was not recorded whole.

    Raises:
        ReplayError: messages are missing.
    """
    if reply.messages is None:
        raise ReplayError(
            f"the messages that answer {conversation.request.title()} were not recorded: they were over the"
            " limit; record again with a larger TIMETRACER_MAX_BODY_KB"
        )


def reading_on(conversation: Conversation) -> ReplayError:
    """The app reads further than it did."""
    return ReplayError(
        f"{conversation.request.title()} was cancelled here when it was recorded; the app now reads on:"
        " record again"
    )
