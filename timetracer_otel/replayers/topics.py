"""Running a consumer in this process, and giving it recorded messages one after the other."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from timetracer_otel import ports
from timetracer_otel.errors import ApplicationError
from timetracer_otel.messages import Request
from timetracer_otel.replayers.clients import AppResponse
from timetracer_otel.replayers.messages import OneByOne, ReplayedMessage
from timetracer_otel.replayers.pace import seconds_of
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import wait

WHOLE_SECONDS: Final = 30.0
"""How much longer than the recorded work on a message it may take."""
STOP_SECONDS: Final = 10.0
"""How long a consumer may take to end, once there are no more messages."""
_WAIT_SECONDS: Final = 0.005


class NoMoreMessages(KeyboardInterrupt):
    """Ends a consumer's loop as Ctrl+C would: what was recorded is used up."""


def is_consumer(app: Any) -> bool:
    """True for a function that can be called without arguments."""
    if not inspect.isfunction(app):
        return False
    needed = [
        one
        for one in inspect.signature(app).parameters.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    return not needed


class _Deliveries(OneByOne):
    """Hands over the message that is replayed when the consumer asks for one."""

    def __init__(self, done: Callable[[ReplayedMessage], None]) -> None:
        super().__init__(done)
        self.waiting: Request | None = None
        self.stopped = False

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """The message that was handed over, once."""
        entry = super().receive(caller, message, traced=traced, headers=headers)
        self.expected = None
        return entry

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """The message, when there is one.

        Raises:
            NoMoreMessages: there will be no more, and the consumer waits for one.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            message = self.waiting
            if message is not None and accepts(message):
                self.waiting = None
                return message
            if self.stopped and timeout != 0:
                raise NoMoreMessages
            if deadline is not None and time.monotonic() >= deadline:
                return None
            time.sleep(_WAIT_SECONDS)


class ConsumerClient:
    """Calls a function that consumes messages, in a thread, and again when it ended.

    The work on a message ends with the next poll, or with the function.

    Args:
        app: the function, asynchronous or not.
    """

    family = "kafka"

    def __init__(self, app: Any) -> None:
        self._app = app
        self._done: ReplayedMessage | None = None
        self._deliveries = _Deliveries(self._note)
        self._thread: threading.Thread | None = None
        self._raised: BaseException | None = None
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = ports.set_process_ports(ports.process_port(), self._deliveries)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deliveries.stopped = True
        thread, loop, task = self._thread, self._loop, self._task
        if thread is not None and thread.is_alive() and loop is not None and task is not None:
            loop.call_soon_threadsafe(task.cancel)
        if thread is not None:
            thread.join(STOP_SECONDS)
        ports.set_process_ports(*self._before)

    def _note(self, message: ReplayedMessage) -> None:
        self._done = message

    def _start(self) -> None:
        self._raised = None
        self._thread = threading.Thread(target=contextvars.Context().run, args=(self._run,), daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            if inspect.iscoroutinefunction(self._app):
                with asyncio.Runner() as runner:
                    self._loop = runner.get_loop()
                    self._task = self._loop.create_task(self._app())
                    self._loop.run_until_complete(self._task)
            else:
                self._app()
        except (NoMoreMessages, asyncio.CancelledError):
            pass
        except BaseException as error:  # noqa: BLE001  # the app's own exception is part of the verdict
            self._raised = error

    def send(self, message: Request, session: Session) -> AppResponse:
        """What the consumer made of the message.

        Args:
            message: what was recorded.
            session: answers the calls made meanwhile.
        """
        self._done = None
        threads, tasks = threading.enumerate(), self._tasks()
        self._deliveries.expected, self._deliveries.waiting = session, message
        if self._thread is None or not self._thread.is_alive():
            self._start()
        thread = self._thread
        deadline = time.monotonic() + seconds_of(session.cassettes[0]) + WHOLE_SECONDS
        while self._done is None and thread is not None and thread.is_alive():
            if time.monotonic() > deadline:
                what = "asked for no message like it" if self._deliveries.waiting is not None else "goes on"
                return AppResponse(None, ApplicationError(f"the consumer {what} after {WHOLE_SECONDS:.0f} s"))
            time.sleep(_WAIT_SECONDS)
        if thread is not None and not thread.is_alive():
            raised, self._raised = self._raised, None
            if raised is not None:
                return AppResponse(None, raised)
        if self._deliveries.waiting is not None:
            error = ApplicationError("the consumer ended without asking for the message")
            return AppResponse(None, error)
        serving = [] if self._done is None else self._done.threads
        waited = wait(session, [*threads, *serving], lambda: self._tasks() - tasks)
        return AppResponse(None, None if self._done is None else self._done.error, waited)

    def _tasks(self) -> set[asyncio.Task[Any]]:
        """What goes on in the consumer's loop beside itself."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return set()
        return asyncio.all_tasks(loop) - {self._task}
