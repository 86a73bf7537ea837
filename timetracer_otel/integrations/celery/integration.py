"""Where Celery runs tasks and publishes them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point
from timetracer_otel.integrations.celery.plain import published, received
from timetracer_otel.integrations.celery.results import CeleryResults
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.messages import Answer, Failure, TaskMessage, TaskOutcome
from timetracer_otel.nondeterminism import undrawn

_INSTRUMENTATION = "opentelemetry.instrumentation.celery"
_WRAPPED = "timetracer_wrapped"


class CeleryIntegration(Integration):
    """Records each task that a worker runs as an entry, and each that is published as a call.

    A publish is seen at kombu's producer, below the signals and routers of the app and above every
    transport. What the transport does (redis, SQS) is part of that one call.
    """

    name: ClassVar[str] = "celery"
    oldest = ("celery>=5.3",)
    family: ClassVar[str] = "celery"
    scopes: ClassVar[tuple[str, ...]] = (_INSTRUMENTATION,)

    def __init__(self) -> None:
        self._results = CeleryResults()

    def points(self) -> Sequence[Point]:
        """Where tasks are run and published, and the worker's own conversation with its broker."""
        return (
            Point("celery.app.trace", "build_tracer", wrapper=self._build_tracer),
            Point("kombu.messaging", "Producer.publish", self._publish),
            Point("kombu.pidbox", "Mailbox._broadcast", self._results.broadcast),
            Point("celery.worker.consumer.consumer", "Consumer.start", wrapper=_unseen),
            Point("kombu.transport.redis", "Channel._get_pool", wrapper=_quiet_pool, optional=True),
            *self._results.points(),
        )

    # tasks that are published

    def _publish(self, call: Invocation) -> Flow[Any]:
        """A message of kombu's; of those that are tasks, a call."""
        headers = call.kwargs.get("headers")
        body = call.args[0] if call.args else call.kwargs.get("body")
        is_task = isinstance(headers, Mapping) and "task" in headers and "id" in headers
        if not is_task and not (isinstance(body, Mapping) and "task" in body and "id" in body):
            return (yield call.proceed)  # an event of a worker, a message of an app that uses kombu itself
        return (yield from self.exchange(_undrawn(call)))

    def request(self, call: Invocation) -> TaskMessage:
        """The task in the message."""
        given = dict(call.kwargs)
        body = call.args[0] if call.args else given["body"]
        exchange = given.get("exchange")
        name = str(getattr(exchange, "name", exchange) or "")
        queue = str(given.get("routing_key") or "")
        headers = dict(given.get("headers") or {})
        headers |= {key: given[key] for key in ("priority", "expiration") if given.get(key)}
        return published(body, headers, f"{name}/{queue}" if name and name != queue else queue)

    def answer(self, result: Any, call: Invocation) -> TaskOutcome:
        """Nothing that a publisher is told is used by Celery."""
        return TaskOutcome("SENT")

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """As of a transport that confirms nothing."""
        if isinstance(answer, TaskOutcome):
            return None
        raise ReplayError("celery: what was recorded is no answer to a publish; is the cassette damaged?")

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Whatever the transport may raise."""
        return exceptions.LoadedExceptions()

    def failure(self, error: BaseException, call: Invocation | None = None) -> Failure:
        """The exception; where it is made of another one, that it is."""
        failure = exceptions.describe(error)
        failure.args = [
            {_WRAPPED: True} if one is error.__cause__ or one is error.__context__ else data
            for one, data in zip(error.args, failure.args, strict=True)
        ]
        return failure

    def rebuild_failure(self, failure: Failure, call: Invocation | None = None) -> BaseException:
        """The exception, made of the one that caused it as before."""
        error = exceptions.rebuild(failure, self.exception_classes())
        within = error.__cause__ or error.__context__
        error.args = tuple(within if isinstance(one, dict) and _WRAPPED in one else one for one in error.args)
        return error

    # tasks that are run

    def _build_tracer(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        tracer = wrapped(*args, **kwargs)
        if kwargs.get("eager"):
            return tracer  # run in place by who calls it: part of that
        name = args[0] if args else kwargs["name"]
        return functools.partial(self._run, tracer, str(name))

    def _run(
        self, tracer: Callable[..., Any], name: str, uuid: Any, args: Any, kwargs: Any, request: Any = None
    ) -> Any:
        port = ports.entry_port()
        entry = None if port is None else safely(self._open, port, name, uuid, args, kwargs, request)
        if entry is None:
            return tracer(uuid, args, kwargs, request)
        try:
            with ports.outside(), activated(entry):
                result = tracer(uuid, args, kwargs, request)
        except BaseException as error:
            safely(entry.failed, error)
            raise
        else:
            safely(report, entry, result)
        finally:
            safely(entry.close)
        return result

    def _open(
        self, port: ports.EntryPort, name: str, uuid: Any, args: Any, kwargs: Any, request: Any
    ) -> ports.Inbound | None:
        given = request if isinstance(request, Mapping) else {}
        message = received(name, str(uuid), args, kwargs, given)
        headers = {key: value for key, value in given.items() if isinstance(value, str)}
        return port.receive(self, message, traced=is_traced(), headers=headers)


def is_traced() -> bool:
    """True when the standard instrumentation draws a span of each task."""
    module = sys.modules.get(_INSTRUMENTATION)
    return module is not None and bool(module.CeleryInstrumentor().is_instrumented_by_opentelemetry)


def report(entry: ports.Inbound, result: Any) -> None:
    """Tell the entry what Celery's tracer made of a task."""
    outcome, error = outcome_of(result)
    if error is not None:
        entry.failed(error)
    entry.answered(outcome)


def outcome_of(result: Any) -> tuple[TaskOutcome, BaseException | None]:
    """What came of a task, and what it raised where it failed.

    Args:
        result: the return value, the information on a failure, the runtime and the text of it.
    """
    from timetracer_otel.integrations.celery.plain import plain

    value, info, *_ = result
    if info is None:
        return TaskOutcome("SUCCESS", plain(value)), None
    error = info.retval
    if info.state == "FAILURE":
        return TaskOutcome("FAILURE", None), error if isinstance(error, BaseException) else None
    why = getattr(error, "exc", None)
    when = getattr(error, "when", None)
    said = {"why": str(why) if why is not None else str(error), "when": plain(when)}
    return TaskOutcome(str(info.state), said), None


def _undrawn(call: Invocation) -> Invocation:
    """The call, made with values of chance and clock that nobody notes: in a replay it is not made."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with undrawn():
            return call.wrapped(*args, **kwargs)

    return msgspec.structs.replace(call, wrapped=wrapped)


def _unseen(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a worker says to its broker is nobody's call; the tasks that it runs are seen all the same.

    Raises:
        ReplayError: in a replay, where there is no broker to fetch tasks from.
    """
    port = ports.process_port()
    if port is not None and port.replaying:
        raise ReplayError(
            "celery: a worker has no broker in a replay; replay its tasks in process: timetracer-otel replay"
            " cassettes/ --app MODULE:APP"
        )
    with ports.inside():
        return wrapped(*args, **kwargs)


def _quiet_pool(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Connections of kombu's transport over redis, which carry what is seen above."""
    from timetracer_otel.integrations.redis import quiet_pools

    pool = wrapped(*args, **kwargs)
    safely(quiet_pools.add, cast("Any", pool))
    return pool
