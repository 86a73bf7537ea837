"""An integration: what timetracer-otel knows of one library. One file, one class.

A subclass names its library, its message family and its wrap points, and says three things:
``request`` (call to message), ``answer`` (result to message) and ``rebuild`` (message to the
library's own result). One wrapper serves recording and replaying, so that seeing a call and
answering it cannot drift apart.

The flow of a call is written once, as a generator that yields what must be awaited or called
(:data:`Flow`); :mod:`~timetracer_otel.integrations.flows` drives it for a synchronous wrap point or for an
asynchronous one.
"""

from __future__ import annotations

import functools
import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError, TimetracerError
from timetracer_otel.integrations import exceptions
from timetracer_otel.messages import Answer, Failure, Request

T = TypeVar("T")
A = TypeVar("A", Answer, Failure)
R = TypeVar("R")
Flow: TypeAlias = Generator[Callable[[], Any], Any, T]
"""Yields zero-argument callables; gets back what they returned (awaited where awaitable) or has
their exception thrown in; returns the call's result."""


class Invocation(msgspec.Struct, frozen=True):
    """One call of a wrapped function: ``wrapped(*args, **kwargs)`` on ``instance``."""

    wrapped: Callable[..., Any]
    instance: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def proceed(self) -> Any:
        """Make the call (a coroutine for an asynchronous one)."""
        return self.wrapped(*self.args, **self.kwargs)


class Point(msgspec.Struct, frozen=True):
    """A function to wrap, when its module is imported.

    Attributes:
        module: its module: ``httpx``, ``redis.asyncio.client``.
        path: its name there: ``HTTPTransport.handle_request``.
        handler: the flow to run around a call; the integration's ``exchange`` when ``None``.
        direct: gives the call as it can be recorded without that flow (:mod:`.direct`), or ``None``.
        asynchronous: the function returns an awaitable.
        optional: not every supported version of the library has it.
        wrapper: a wrapt wrapper to use as it is, instead of a flow (frameworks).
        replacement: makes of the function the one to put in its place, where even a wrapper would be felt,
            or where none can be put (a class of C's).
        undo: takes the replacement away where putting back what was there is not enough.
    """

    module: str
    path: str
    handler: Callable[[Invocation], Flow[Any]] | None = None
    asynchronous: bool = False
    direct: Callable[[ports.Port, Invocation], Invocation | None] | None = None
    optional: bool = False
    wrapper: Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any] | None = None
    replacement: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    undo: Callable[[], None] | None = None


class Wrappable(ABC):
    """Anything that is wrapped around a library, at its points."""

    name: ClassVar[str]
    """The library's name: ``httpx``."""
    oldest: ClassVar[tuple[str, ...]] = ()
    """The oldest release that is known: ``("httpx>=0.26",)``; several where any of them brings the library.
    An older one is not wrapped, and that is said.
    """

    @abstractmethod
    def points(self) -> Sequence[Point]:
        """Where the library is wrapped."""

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What the library raises, or is answered, when something goes wrong: ``timeout``, ``connect
        timeout``, ``refused``, ``reset``, and whatever else has a name; as it would be recorded.
        """
        return {}


class Pause:
    """What a flow yields to wait so many seconds, blocking or not as the wrapped function is."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> None:
        """Wait, the thread blocked."""
        time.sleep(self.seconds)


class Once:
    """What a flow yields to have an app's arguments read that can be read only once.

    It gets the call with what was read, and that call is made, whatever becomes of the flow. What the app
    raises meanwhile is the app's.

    Args:
        call: the call.
        read: makes of its arguments those that can be read again.
    """

    __slots__ = ("_call", "_read")

    def __init__(self, call: Invocation, read: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
        self._call = call
        self._read = read

    def __call__(self) -> Invocation:
        """Read them."""
        call = self._call
        return Invocation(call.wrapped, call.instance, self._read(call.args), call.kwargs)


class Integration(Wrappable):
    """Base class of what knows a library that talks to the outside world."""

    family: ClassVar[str]
    """The message family: ``http``, ``db``, ``redis``."""
    scopes: ClassVar[tuple[str, ...]] = ()
    """Instrumentation scopes whose spans are this library's own."""

    @abstractmethod
    def request(self, call: Invocation) -> Request | Flow[Request]:
        """The call as a message, safe from later changes by the app.

        A generator function where reading the request needs I/O (a streamed body).
        """

    @abstractmethod
    def answer(self, result: Any, call: Invocation) -> Answer:
        """The library's result as a message."""

    @abstractmethod
    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The library's own result, such that the app cannot tell it from the real one."""

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """The exceptions this library raises, by ``module.QualName``; built-in ones are known."""
        return {}

    def failure(self, error: BaseException, call: Invocation) -> Failure:
        """What the library raised, as a message."""
        return exceptions.describe(error)

    def rebuild_failure(self, failure: Failure, call: Invocation) -> BaseException:
        """The library's own exception.

        Raises:
            ReplayError: the class is not one of :meth:`exception_classes`.
        """
        return exceptions.rebuild(failure, self.exception_classes())

    def own_error(self, call: Invocation) -> BaseException | None:
        """What the app's own code raised while its request was read: a replay raises that, too."""
        return None

    def observe(self, result: Any, call: Invocation, exchange: ports.Exchange) -> Any:
        """Report a live result and return what the app gets: the result itself, by default.

        Override where the answer is only known later (streams): return a stand-in that
        passes everything on and calls ``exchange.finish`` at the end.
        """
        try:
            exchange.finish(self.answer(result, call))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading an answer", error)
            exchange.gap("unreadable answer", f"{type(error).__name__}: {error}")
            exchange.finish(None)
        return result

    def span(self, call: Invocation) -> Any:
        """The OpenTelemetry span of this call where it is not the current one, else ``None``."""
        return None

    def pause(self, seconds: float) -> Callable[[], Any]:
        """What the flow of a call yields to wait."""
        return Pause(seconds)

    def exchange(self, call: Invocation) -> Flow[Any]:
        """The flow of every call: ask the port, then answer from the recording or go live."""
        port = ports.current()
        if port is None:
            return (yield call.proceed)
        request: Any = None
        try:
            request = self.request(call)
            if inspect.isgenerator(request):
                request = yield from request
            span = self.span(call)
        except Exception as error:
            if port.replaying and not port.live(self):
                if isinstance(error, ReplayError):
                    raise
                raise ReplayError(
                    f"{self.name}: this call cannot be read, so it is not answered: {error}"
                ) from error
            ports.report(f"{self.name}: reading a request", error)
            request = None
        if request is None:
            # still the app's to make; not in the handler above, where the app's exceptions would get its
            # exception as their context
            return (yield call.proceed)
        exchange = port.begin(self, request, span)
        recorded = exchange.recorded
        if recorded is not None and (seconds := ports.delay_of(exchange)):
            yield self.pause(seconds)
        if isinstance(recorded, Failure) and recorded.type_name in exceptions.CANCELLED:
            yield functools.partial(exceptions.wait_for_cancellation, request.title())
        own = None if recorded is None else self.own_error(call)
        if own is not None:
            raise own
        if isinstance(recorded, Failure):
            raise self._given_back(self.rebuild_failure, recorded, call)
        if recorded is not None:
            return self._given_back(self.rebuild, recorded, call)
        failed: BaseException | None = None
        try:
            with exchange:
                try:
                    result = yield call.proceed
                except BaseException as error:
                    failed = error
                    raise
        except BaseException as error:
            if error is failed:  # the call's, and nothing of ours
                self._report_failure(error, call, exchange)
            raise
        finally:
            failed = None  # no cycle of its traceback and this frame
        return self.observe(result, call, exchange)

    def _given_back(self, rebuild: Callable[[A, Invocation], R], recorded: A, call: Invocation) -> R:
        """What the library would have given; a recording that no library could have made is a
        ``ReplayError``, not an odd failure within the app.
        """
        try:
            return rebuild(recorded, call)
        except TimetracerError:
            raise
        except Exception as error:
            raise ReplayError(
                f"{self.name}: the recorded answer cannot be given back"
                f" ({type(error).__name__}: {error}); is the cassette damaged?"
            ) from error

    def _report_failure(self, error: BaseException, call: Invocation, exchange: ports.Exchange) -> None:
        try:
            exchange.finish(self.failure(error, call))
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self.name}: reading an exception", problem)
            exchange.finish(None)
