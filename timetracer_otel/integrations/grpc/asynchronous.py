"""The C core's calls as ``grpc.aio`` sees them: watched, or answered from a recording."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Any

from grpc._cython import cygrpc

from timetracer_otel import ports
from timetracer_otel.integrations.grpc.blocking import check, metadatums, reading_on
from timetracer_otel.integrations.grpc.conversation import COMING, GOING, Conversation, noting, pairs
from timetracer_otel.messages import GrpcReply

_CALL = "reading a call"


def watched(call: Any, conversation: Conversation) -> Any:
    """The call of the core, watched; itself where that cannot be done."""
    try:
        return WatchedCall(call, conversation)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("grpc: watching a call", error)
        return call


class WatchedCall:
    """A call of the core that goes out; everything passes through."""

    def __init__(self, call: Any, conversation: Conversation) -> None:
        self._call = call
        self._conversation = conversation
        self._under_way = 0
        call.add_done_callback(functools.partial(noting, COMING, self._settle))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __repr__(self) -> str:
        return repr(self._call)

    async def unary_unary(self, request: bytes, metadata: Any, *more: Any) -> Any:
        """One message each way."""
        noting(_CALL, self._begin, request, metadata)
        return await self._reading(self._call.unary_unary(request, metadata, *more))

    async def initiate_unary_stream(self, request: bytes, metadata: Any, *more: Any) -> None:
        """One message there, any number back."""
        noting(_CALL, self._begin, request, metadata)
        await self._call.initiate_unary_stream(request, metadata, *more)

    async def stream_unary(self, metadata: Any, *more: Any) -> Any:
        """Any number of messages there, one back."""
        noting(_CALL, self._begin, None, metadata)
        return await self._reading(self._call.stream_unary(metadata, *more))

    async def initiate_stream_stream(self, metadata: Any, *more: Any) -> None:
        """Any number of messages both ways."""
        noting(_CALL, self._begin, None, metadata)
        await self._call.initiate_stream_stream(metadata, *more)

    async def send_serialized_message(self, message: bytes) -> None:
        """The app sends a message."""
        noting(GOING, self._conversation.sent, message)
        await self._call.send_serialized_message(message)

    async def send_receive_close(self) -> None:
        """The app sends no more."""
        noting(GOING, self._conversation.half_closed)
        await self._call.send_receive_close()

    async def receive_serialized_message(self) -> Any:
        """The app reads a message."""
        return await self._reading(self._call.receive_serialized_message())

    def cancel(self, details: str) -> Any:
        """The app wants no more."""
        noting(GOING, self._conversation.cancelling)
        return self._call.cancel(details)

    def _begin(self, request: bytes | None, metadata: Any) -> None:
        self._conversation.request.metadata = pairs(metadata)
        if request is not None:
            self._conversation.sent(request)
        self._conversation.begin()
        exchange = self._conversation.exchange
        if exchange is not None:
            with exchange:
                """A span of our own, where the call has no other, is over when it has begun."""
        self._settle()

    async def _reading(self, waiting: Any) -> Any:
        self._under_way += 1
        self._conversation.reading += 1
        try:
            message = await waiting
            if isinstance(message, bytes):
                noting(COMING, self._conversation.received, message)
            return message
        except asyncio.CancelledError:
            self._conversation.reply.waited = True
            raise
        finally:
            self._under_way -= 1
            self._conversation.reading -= 1
            noting(COMING, self._settle)

    def _settle(self, *_: Any) -> None:
        """The status may come before the last message was handed over."""
        status = self._call._status
        if status is None or self._under_way or self._conversation.exchange is None:
            return
        metadata = self._call._initial_metadata
        if metadata:
            self._conversation.started(metadata)
        self._conversation.ended(
            status.code(), status.details(), status.trailing_metadata(), status.debug_error_string()
        )


class RecordedCall:
    """A call answered from a recording.

    Args:
        channel: the core's; older releases look here for the calls of one that is closed.
        conversation: what the app sends is told to it.
        deadline: when it would end, in seconds since the epoch.
    """

    def __init__(self, channel: Any, conversation: Conversation, deadline: float | None) -> None:
        self._channel = channel
        self._conversation = conversation
        self._deadline = deadline
        self._reply: GrpcReply | None = None
        self._error: BaseException | None = None
        self._at = 0
        self._began = time.monotonic_ns()
        self._changed = asyncio.Event()
        self._locally_cancelled = False
        self._callbacks: list[Callable[[], Any]] = []
        self._initial_metadata: Any = None
        self._status: Any = None

    async def unary_unary(self, request: bytes, metadata: Any, *_: Any) -> Any:
        """One message each way."""
        self._begin(request, metadata)
        return await self._only_message()

    async def initiate_unary_stream(self, request: bytes, metadata: Any, *_: Any) -> None:
        """One message there, any number back."""
        self._begin(request, metadata)
        self._end_if_all_is_read()

    async def stream_unary(self, metadata: Any, ready: Callable[[], None], *_: Any) -> Any:
        """Any number of messages there, one back."""
        ready()
        await self._choose_as_it_is_sent(metadata)
        return await self._only_message()

    async def initiate_stream_stream(self, metadata: Any, ready: Callable[[], None], *_: Any) -> None:
        """Any number of messages both ways."""
        ready()
        await self._choose_as_it_is_sent(metadata)

    async def send_serialized_message(self, message: bytes) -> None:
        """The app sends a message."""
        self._conversation.sent(message)
        self._error = self._error or self._conversation.divergence()
        self._changed.set()
        await asyncio.sleep(0)

    async def send_receive_close(self) -> None:
        """The app sends no more."""
        self._conversation.half_closed()
        self._error = self._error or self._conversation.divergence()
        self._changed.set()

    async def receive_serialized_message(self) -> Any:
        """The next message, or ``EOF``.

        Raises:
            ReplayError: the app reads further than was recorded, or no recorded call answers.
        """
        while True:
            if self._error is not None:
                raise self._error
            reply = self._reply
            if self._status is not None:
                return cygrpc.EOF
            if reply is not None:
                messages = reply.messages or []
                if self._at < len(messages):
                    if self._conversation.reached(reply, self._at):
                        return await self._next(messages[self._at])
                elif reply.complete:
                    if self._conversation.reached(reply, self._at):
                        self._end()
                        return cygrpc.EOF
                elif not reply.waited:
                    raise reading_on(self._conversation)
            self._changed.clear()
            await self._changed.wait()

    async def status(self) -> Any:
        """Waits until the call is over."""
        while self._status is None:
            if self._error is not None:
                raise self._error
            self._end_if_all_is_read()
            if self._status is None:
                self._changed.clear()
                await self._changed.wait()
        return self._status

    async def initial_metadata(self) -> Any:
        """Waits until there is an answer."""
        while self._initial_metadata is None:
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        return self._initial_metadata

    def cancel(self, details: str) -> None:
        """The app wants no more."""
        self._locally_cancelled = True
        self._finish(cygrpc.AioRpcStatus(cygrpc.StatusCode.cancelled, details, None, None))

    def cancelled(self) -> bool:
        """The call ended so."""
        return self._status is not None and self._status.code() == cygrpc.StatusCode.cancelled

    def is_locally_cancelled(self) -> bool:
        """The app ended it."""
        return self._locally_cancelled

    def done(self) -> bool:
        """The call is over."""
        return self._status is not None

    def is_ok(self) -> bool:
        """It ended well."""
        return self._status is not None and self._status.code() == cygrpc.StatusCode.ok

    def add_done_callback(self, callback: Callable[[], Any]) -> None:
        """Call that when it is over."""
        if self.done():
            callback()
        else:
            self._callbacks.append(callback)

    def time_remaining(self) -> float | None:
        """Seconds until the deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.time())

    def set_internal_error(self, error: str) -> None:
        """What the library makes of a failed write."""
        self._finish(cygrpc.AioRpcStatus(cygrpc.StatusCode.internal, error, (), error))

    def __repr__(self) -> str:
        if self._status is None:
            return "<_AioCall object>"
        code = _status_code(self._status.code())
        if self.is_ok():
            return cygrpc._OK_CALL_REPRESENTATION.format("_AioCall", code, self._status.details())  # type: ignore[no-any-return]  # a str
        return cygrpc._NON_OK_CALL_REPRESENTATION.format(  # type: ignore[no-any-return]  # as above
            "_AioCall", self._status.details(), code, self._status.debug_error_string()
        )

    def _begin(self, request: bytes, metadata: Any) -> None:
        self._conversation.request.metadata = pairs(metadata)
        self._conversation.sent(request)
        self._advance()
        if self._error is not None:
            raise self._error

    async def _choose_as_it_is_sent(self, metadata: Any) -> None:
        """In the task that made the call when it was recorded: tasks are counted."""
        self._conversation.request.metadata = pairs(metadata)
        while True:
            self._advance()
            if self._reply is not None or self._error is not None or self._status is not None:
                return
            self._changed.clear()
            await self._changed.wait()

    def _advance(self) -> None:
        if self._reply is None and self._error is None:
            try:
                self._choose()
            except Exception as error:  # noqa: BLE001  # raised where the app waits for the answer
                self._error = error
        self._error = self._error or self._conversation.divergence()
        self._changed.set()

    def _choose(self) -> None:
        recorded = self._conversation.choose()
        if recorded is not None:
            check(recorded, self._conversation)
            self._initial_metadata = metadatums(recorded.initial_metadata)
        self._reply = recorded

    async def _only_message(self) -> Any:
        message = await self.receive_serialized_message()
        if message is cygrpc.EOF:
            return None
        if self._status is None:
            self._end()
        return message

    async def _next(self, message: bytes) -> bytes:
        reply, at = self._reply, self._at
        self._at += 1
        if not at and self._conversation.delay:
            await asyncio.sleep(self._conversation.delay)
        if self._conversation.port.pace and reply is not None and at < len(reply.times):
            wait = (reply.times[at] - (time.monotonic_ns() - self._began)) / 1e9
            await asyncio.sleep(max(0.0, wait))
        asyncio.get_running_loop().call_soon(self._end_if_all_is_read)
        return message

    def _end_if_all_is_read(self) -> None:
        reply = self._reply
        if reply is None or not reply.complete or self._status is not None:
            return
        if self._at >= len(reply.messages or ()) and self._conversation.reached(reply, self._at):
            self._end()

    def _end(self) -> None:
        reply = self._reply
        assert reply is not None
        trailing = metadatums(reply.trailing_metadata)
        self._finish(cygrpc.AioRpcStatus(reply.code, reply.details, trailing, reply.debug))

    def _finish(self, status: Any) -> None:
        if self._status is not None:
            return
        if self._initial_metadata is None:
            self._initial_metadata = ()
        self._status = status
        self._changed.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


def _status_code(number: int) -> Any:
    from grpc import _common

    return _common.CYGRPC_STATUS_CODE_TO_STATUS_CODE.get(number)
