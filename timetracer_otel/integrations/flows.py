"""Who makes the calls that flows yield, synchronously, asynchronously or within a generator.

A flow says how a call is recorded or answered (:data:`~timetracer_otel.integrations.base.Flow`). Where it is
about one that the app makes, nothing reaches the app but what the call itself returns or raises.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Flow, Invocation, Once, Pause

T = TypeVar("T")


def run(flow: Flow[T], call: Invocation | None = None) -> T:
    """Drive a flow synchronously.

    Args:
        flow: what to drive.
        call: the call it is about, where nothing but what that returns or raises may reach the app: whatever
            else the flow raises is reported, and the call made if it was not yet. The flow must yield
            :meth:`Invocation.proceed` to make it.
    """
    made, value, failed = False, None, None
    try:
        thunk = next(flow)
        while True:
            proceeds = getattr(thunk, "__func__", None) is _PROCEED
            try:
                value = thunk()
            except BaseException as error:  # noqa: BLE001  # handed to the flow, which decides
                made, failed = made or proceeds, error
                thunk = flow.throw(error)
            else:
                made = made or proceeds
                if type(thunk) is Once:
                    call = None if call is None else value
                thunk = flow.send(value)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except Exception as error:
        if call is None or error is failed:
            raise
        ports.report("recording a call", error)
    finally:
        problem, failed = failed, None  # no cycle of its traceback and this frame
    assert call is not None, "else it was raised above"
    return call.proceed() if not made else _outcome(value, problem)  # type: ignore[no-any-return]  # the call's own


async def run_async(flow: Flow[T], call: Invocation | None = None) -> T:
    """Drive a flow, awaiting what its callables return; the arguments are those of :func:`run`."""
    made, value, failed = False, None, None
    try:
        thunk = next(flow)
        while True:
            proceeds = getattr(thunk, "__func__", None) is _PROCEED
            try:
                value = asyncio.sleep(thunk.seconds) if isinstance(thunk, Pause) else thunk()
                if inspect.isawaitable(value):
                    value = await value
            except BaseException as error:  # noqa: BLE001  # handed to the flow, which decides
                made, failed = made or proceeds, error
                thunk = flow.throw(error)
            else:
                made = made or proceeds
                if type(thunk) is Once:
                    call = None if call is None else value
                thunk = flow.send(value)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except Exception as error:
        if call is None or error is failed:
            raise
        ports.report("recording a call", error)
    finally:
        problem, failed = failed, None  # no cycle of its traceback and this frame
    assert call is not None, "else it was raised above"
    return await call.proceed() if not made else _outcome(value, problem)  # type: ignore[no-any-return]  # the call's own


class _Made:
    """A generator function of a library's: what came of it, whatever becomes of the flow that called it."""

    def __init__(self, wrapped: Callable[..., Generator[Any, Any, Any]]) -> None:
        self._wrapped = wrapped
        self.begun = False
        self.value: Any = None
        self.failed: BaseException | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        self.begun = True
        try:
            self.value = yield from self._wrapped(*args, **kwargs)
        except BaseException as error:
            self.failed = error
            raise
        return self.value


def run_generator(
    record: Callable[[Callable[..., Generator[Any, Any, Any]]], Generator[Any, Any, Any]],
    call: Invocation,
    *,
    strict: bool,
) -> Generator[Any, Any, Any]:
    """Drive what is around a function of a library's that is itself a generator.

    Args:
        record: is given the function to call, at most once, and yields what that yields.
        call: the call; nothing but what it returns or raises reaches the app, as in :func:`run`.
        strict: what else is raised is for the app to see, too: in a replay.
    """
    made = _Made(call.wrapped)
    try:
        return (yield from record(made))
    except Exception as error:
        if strict or error is made.failed:
            raise
        ports.report("recording a call", error)
    finally:
        failed, made.failed = made.failed, None  # no cycle of its traceback and this frame
    if not made.begun:
        return (yield from call.proceed())
    return _outcome(made.value, failed)


_PROCEED = Invocation.proceed


def _outcome(value: Any, failed: BaseException | None) -> Any:
    """What the call returned, or raised."""
    if failed is None:
        return value
    try:
        raise failed
    finally:
        failed = None
