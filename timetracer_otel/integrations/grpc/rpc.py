"""One RPC that a server answers: what came in and what went out, as it passes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any

import wrapt

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.integrations.grpc.conversation import MESSAGE_BYTES, pairs, schema_of
from timetracer_otel.messages import GrpcReply, GrpcRequest

_UNKNOWN, _CANCELLED, _FAILED_PRECONDITION = 2, 1, "FAILED_PRECONDITION"


class Rpc:
    """What a handler is given and gives, watched.

    Args:
        caller: the integration that saw it.
        port: who records or replays it.
        request: the call without messages.
        traced: an instrumentation opens its span.
    """

    def __init__(
        self, caller: ports.Caller, port: ports.EntryPort, request: GrpcRequest, *, traced: bool
    ) -> None:
        self._caller = caller
        self._port = port
        self._traced = traced
        self._entry: ports.Inbound | None = None
        self._context: Any = None
        self._over = False
        self._gaps: list[str] = []
        self._sizes = {"request": 0, "reply": 0}
        self.request = request
        self.reply = GrpcReply()

    def handler(self, handler: Any) -> Any:
        """The handler, watched; of the same kind."""
        kind = ("stream" if handler.request_streaming else "unary") + (
            "_stream" if handler.response_streaming else "_unary"
        )
        behavior = getattr(handler, kind)
        make = getattr(sys.modules["grpc"], f"{kind}_rpc_method_handler")
        return make(
            self._behavior(behavior, streaming=handler.response_streaming),
            request_deserializer=self._reading(handler.request_deserializer),
            response_serializer=self._writing(
                handler.response_serializer, last=not handler.response_streaming
            ),
        )

    # what passes

    def _reading(self, deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
        def read(data: bytes) -> Any:
            safely(self._keep, self.request, data, "request")
            message = data if deserialize is None else deserialize(data)
            self.request.schema = safely(schema_of, message)
            return message

        return read

    def _writing(self, serialize: Callable[[Any], bytes] | None, *, last: bool) -> Callable[[Any], bytes]:
        def write(message: Any) -> bytes:
            data: bytes = message if serialize is None else serialize(message)
            safely(self._keep, self.reply, data, "reply")
            self.reply.schema = safely(schema_of, message)
            if last:
                safely(self.finish)
            return data

        return write

    def _keep(self, message: GrpcRequest | GrpcReply, data: bytes, what: str) -> None:
        if message.messages is None:
            return
        self._sizes[what] += len(data) + MESSAGE_BYTES
        limit: int = getattr(ports.process_port(), "body_limit", 2**62)
        if self._sizes[what] > limit:
            message.messages = None
            self._gaps.append(f"{what}, {self._sizes[what]} bytes")
        else:
            message.messages.append(bytes(data))

    # the handler's work

    def _open(self, request: Any, context: Any, watched: Callable[..., Any]) -> tuple[Any, Any]:
        """Begin; the message, or messages, and the context that the app gets.

        Raises:
            ReplayError: in replay, when no cassette recorded such an RPC.
        """
        self._context = context
        entry = safely(self._receive, context)
        if entry is not None:
            self._entry = entry
            context = _Context(context, self)
        return watched(request, self.request) if self.request.streaming else request, context

    def _receive(self, context: Any) -> ports.Inbound | None:
        self.request.metadata = pairs(context.invocation_metadata())
        headers = {name: value for name, value in self.request.metadata if isinstance(value, str)}
        return self._port.receive(self._caller, self.request, traced=self._traced, headers=headers)

    def _behavior(self, behavior: Callable[..., Any], *, streaming: bool) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(behavior):
            return self._async_stream(behavior)
        if inspect.iscoroutinefunction(behavior):
            return self._async_unary(behavior, streaming=streaming)
        return self._stream(behavior) if streaming else self._unary(behavior)

    def _unary(self, behavior: Callable[..., Any]) -> Callable[..., Any]:
        def answer(request: Any, context: Any) -> Any:
            given = self._opened(request, context)
            with _Ending(self), activated(self._entry):
                return behavior(*given)

        return answer

    def _stream(self, behavior: Callable[..., Any]) -> Callable[..., Any]:
        def answers(request: Any, context: Any) -> Iterator[Any]:
            given = self._opened(request, context)
            with _Ending(self):
                with activated(self._entry):
                    responses = iter(behavior(*given))
                while True:
                    with activated(self._entry):
                        try:
                            response = next(responses)
                        except StopIteration:
                            break
                    yield response
            safely(self.finish)

        return answers

    def _async_unary(self, behavior: Callable[..., Any], *, streaming: bool) -> Callable[..., Any]:
        async def answer(request: Any, context: Any) -> Any:
            given = await self._opened_async(request, context)
            with _Ending(self), activated(self._entry):
                result = await behavior(*given)
            if streaming:  # its answers went out by context.write()
                safely(self.finish)
            return result

        return answer

    def _async_stream(self, behavior: Callable[..., Any]) -> Callable[..., Any]:
        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            given = await self._opened_async(request, context)
            with _Ending(self):
                responses = behavior(*given)
                while True:
                    with activated(self._entry):
                        try:
                            response = await anext(responses)
                        except StopAsyncIteration:
                            break
                    yield response
            safely(self.finish)

        return answers

    def _opened(self, request: Any, context: Any) -> Any:
        try:
            return self._open(request, context, _Requests)
        except ReplayError as error:
            context.abort(getattr(sys.modules["grpc"].StatusCode, _FAILED_PRECONDITION), str(error))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("recording a request", error)
        return request, context

    async def _opened_async(self, request: Any, context: Any) -> Any:
        try:
            return self._open(request, context, _AsyncRequests)
        except ReplayError as error:
            await context.abort(getattr(sys.modules["grpc"].StatusCode, _FAILED_PRECONDITION), str(error))
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("recording a request", error)
        return request, context

    # its end

    def failed(self, error: BaseException) -> None:
        """The handler raised: it aborted the RPC, or broke."""
        aborted = type(error) is Exception or type(error).__name__ == "AbortError"
        if not (aborted and self._code()):
            if type(error).__name__ == "CancelledError":
                self.reply.code, self.reply.complete = _CANCELLED, False
            else:
                self.reply.code = _UNKNOWN
                if self._entry is not None:
                    self._entry.failed(error)

    def finish(self) -> None:
        """Everything is known: the status, the trailers."""
        entry = self._entry
        if self._over or entry is None:
            return
        self._over = True
        reply = self.reply
        reply.code = reply.code or self._code()
        details = _said(self._context, "details")
        reply.details = details.decode("utf-8", "replace") if isinstance(details, bytes) else details or None
        reply.trailing_metadata = pairs(_said(self._context, "trailing_metadata") or ())
        for detail in self._gaps:
            entry.gap("body over limit", detail)
        entry.answered(reply)
        entry.close()

    def _code(self) -> int:
        code = _said(self._context, "code")
        value = getattr(code, "value", code)
        number = value[0] if isinstance(value, tuple) else value
        return number if isinstance(number, int) else 0


class _Ending:
    """Around a handler's work: what ends it early is what came of the RPC."""

    __slots__ = ("_rpc",)

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, GeneratorExit):  # nobody wants the rest of a stream
            self._rpc.reply.complete = False
        elif error is not None:
            safely(self._rpc.failed, error)
        if error is not None:
            safely(self._rpc.finish)


def _said(context: Any, what: str) -> Any:
    method = getattr(context, what, None)
    return method() if method is not None else None


class _Context(wrapt.ObjectProxy):  # type: ignore[type-arg]  # generic for type checkers only, before wrapt 2
    """The servicer's context, which does not tell what was sent and read by it."""

    def __init__(self, context: Any, rpc: Rpc) -> None:
        super().__init__(context)
        self._self_rpc = rpc

    def send_initial_metadata(self, initial_metadata: Any) -> Any:
        """Send it."""
        safely(self._note, initial_metadata)
        return self.__wrapped__.send_initial_metadata(initial_metadata)

    def _note(self, initial_metadata: Any) -> None:
        self._self_rpc.reply.initial_metadata = pairs(initial_metadata)

    async def read(self) -> Any:
        """The next message, of an asynchronous server."""
        message = await self.__wrapped__.read()
        if message is sys.modules["grpc.aio"].EOF:
            self._self_rpc.request.complete = True
        return message


class _Requests(wrapt.ObjectProxy):  # type: ignore[type-arg]  # as above
    """The messages of a client, read by the app."""

    def __init__(self, requests: Any, request: GrpcRequest) -> None:
        super().__init__(requests)
        self._self_request = request

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            return next(self.__wrapped__)
        except StopIteration:
            self._self_request.complete = True
            raise

    next = __next__


class _AsyncRequests(wrapt.ObjectProxy):  # type: ignore[type-arg]  # as above
    """As above, of an asynchronous server."""

    def __init__(self, requests: Any, request: GrpcRequest) -> None:
        super().__init__(requests)
        self._self_request = request
        self._self_iterator: Any = None

    def __aiter__(self) -> Any:
        self._self_iterator = self.__wrapped__.__aiter__()
        return self

    async def __anext__(self) -> Any:
        if self._self_iterator is None:
            self._self_iterator = self.__wrapped__.__aiter__()
        try:
            return await self._self_iterator.__anext__()
        except StopAsyncIteration:
            self._self_request.complete = True
            raise
