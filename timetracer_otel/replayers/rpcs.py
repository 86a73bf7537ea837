"""Sending recorded RPCs to a gRPC server in this process, over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Final, Self

from timetracer_otel import ports
from timetracer_otel.errors import ApplicationError
from timetracer_otel.messages import GrpcReply, GrpcRequest, Request
from timetracer_otel.replayers.clients import AppResponse
from timetracer_otel.replayers.messages import OneByOne, ReplayedMessage
from timetracer_otel.replayers.pace import seconds_of
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import wait, wait_in_loop

WHOLE_SECONDS: Final = 30.0
"""How much longer than the recorded RPC its client waits."""
END_SECONDS: Final = 10.0
"""How long the server may take to say what it answered, once the client has it."""
_TRANSPORT: Final = frozenset({"user-agent", "te", "content-type", "traceparent", "tracestate", "baggage"})
"""Metadata that the client's library adds itself."""
_LOCAL: Final = "127.0.0.1:0"


def is_grpc_server(app: Any) -> bool:
    """True for a server of grpc's, or the coroutine of a factory that makes one."""
    return is_blocking(app) or _is_aio(app) or inspect.iscoroutine(app)


def is_blocking(app: Any) -> bool:
    """True for a synchronous one."""
    module = sys.modules.get("grpc")
    return module is not None and isinstance(app, module.Server)


def _is_aio(app: Any) -> bool:
    module = sys.modules.get("grpc.aio")
    return module is not None and isinstance(app, module.Server)


class GrpcClient:
    """Starts a server at a port of this machine, and sends it one RPC after the other.

    Args:
        app: a server that was not started, synchronous or not; or a coroutine that makes one.
    """

    family = "grpc"

    def __init__(self, app: Any) -> None:
        self._app = app
        self._grpc: Any = importlib.import_module("grpc")
        self._done: ReplayedMessage | None = None
        self._ended = threading.Event()
        self._told = asyncio.Event()
        self._messages = OneByOne(self._note)
        self._stack = contextlib.ExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._target = ""

    def __enter__(self) -> Self:
        before = ports.set_process_ports(ports.process_port(), self._messages)
        self._stack.callback(ports.set_process_ports, *before)
        try:
            self._start()
        except Exception as error:
            self._stack.close()
            raise ApplicationError(
                f"the gRPC server cannot be started: {type(error).__name__}: {error}"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        if is_blocking(self._app):
            port = self._app.add_insecure_port(_LOCAL)
            self._app.start()
            self._stack.callback(lambda: self._app.stop(None).wait())
            self._target = f"127.0.0.1:{port}"
            return
        self._loop = getattr(self._app, "_loop", None) or asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._target = self._run(self._start_aio())
        self._stack.callback(lambda: self._run(self._app.stop(None)))

    async def _start_aio(self) -> str:
        if inspect.iscoroutine(self._app):
            self._app = await self._app
        if not _is_aio(self._app):
            raise TypeError(f"{type(self._app).__name__} is no server of grpc.aio")
        port = self._app.add_insecure_port(_LOCAL)
        await self._app.start()
        return f"127.0.0.1:{port}"

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        assert self._loop is not None, "set when it was started"
        return self._loop.run_until_complete(work)

    def _note(self, message: ReplayedMessage) -> None:
        self._done = message
        self._ended.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    def send(self, message: Request, session: Session) -> AppResponse:
        """What the server answered.

        Args:
            message: the recorded RPC.
            session: answers the calls made meanwhile.
        """
        assert isinstance(message, GrpcRequest), "the cassettes were chosen by family"
        if message.messages is None:
            error = ApplicationError(
                "its messages were over the limit when it was recorded, so it cannot be sent"
            )
            return AppResponse(None, error)
        self._done = None
        self._ended.clear()
        self._told = asyncio.Event()
        self._messages.expected = session
        recorded = session.cassettes[0].inbound_answer
        enough = None
        if isinstance(recorded, GrpcReply) and not recorded.complete:
            enough = len(recorded.messages or ())
        seconds = seconds_of(session.cassettes[0]) + WHOLE_SECONDS
        with ports.inside():  # the client's own call is nobody's
            threads, tasks = threading.enumerate(), self._tasks()
            if self._loop is None:
                said = self._call(message, enough, seconds)
                self._ended.wait(END_SECONDS)
            else:
                said = self._run(self._call_aio(message, enough, seconds))
        done = self._done
        if done is None:
            return AppResponse(None, ApplicationError(f"the server did not take {message.method}: {said}"))
        if self._loop is None:
            waited = wait(session, [*threads, *done.threads])
        else:
            waited = self._run(wait_in_loop(session, tasks))
        return AppResponse(done.answer, done.error, waited)

    def _tasks(self) -> set[asyncio.Task[Any]]:
        return set() if self._loop is None else asyncio.all_tasks(self._loop)

    def _call(self, message: GrpcRequest, enough: int | None, seconds: float) -> str:
        def requests() -> Iterator[bytes]:
            yield from message.messages or ()

        with self._grpc.insecure_channel(self._target) as channel:
            call = channel.stream_stream(message.method)(
                requests(), metadata=_metadata(message), timeout=seconds
            )
            try:
                for number, _ in enumerate(call, 1):
                    if number == enough:
                        break
                if enough is not None:
                    call.cancel()
            except self._grpc.RpcError as error:
                return str(error.details())
        return ""

    async def _call_aio(self, message: GrpcRequest, enough: int | None, seconds: float) -> str:
        async def requests() -> AsyncIterator[bytes]:
            for one in message.messages or ():
                yield one

        said = ""
        async with self._grpc.aio.insecure_channel(self._target) as channel:
            call = channel.stream_stream(message.method)(
                requests(), metadata=_metadata(message), timeout=seconds
            )
            try:
                number = 0
                if enough != 0:
                    async for _ in call:
                        number += 1
                        if number == enough:
                            break
                if enough is not None:
                    call.cancel()
            except self._grpc.RpcError as error:
                said = str(error.details())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), END_SECONDS)
        return said


def _metadata(message: GrpcRequest) -> list[tuple[str, str | bytes]]:
    return [
        (name, value)
        for name, value in message.metadata
        if name.lower() not in _TRANSPORT and not name.lower().startswith(("grpc-", ":"))
    ]
