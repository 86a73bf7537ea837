"""Threads: work that a request hands to a thread belongs to that request.

A thread starts without the context of the code that started it, so what it does would belong to no
trace and no replay session. Here the few context variables that tracing and replaying need are handed on:
OpenTelemetry's context, the replay session, the inbound request, the source of clock and chance,
and a lane. The app's own variables are not: it would see values that it does not see without us.

Not an :class:`.Integration`: nothing is exchanged with anybody. Other processes
(``ProcessPoolExecutor``) are left alone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import inspect
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, Token, copy_context
from typing import Any, Final, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry import trace

from timetracer_otel import lanes, ports
from timetracer_otel.integrations import importing, wrapping
from timetracer_otel.nondeterminism import source

Function: TypeAlias = Callable[..., Any]

_VARIABLES: Final[tuple[ContextVar[Any], ...]] = (ports.session, ports.entry_variable, source.variable)

_INFRASTRUCTURE: Final = frozenset(
    {
        "_pytest", "aiosqlite", "anyio", "apscheduler", "asgiref", "asyncio", "concurrent", "ddtrace",
        "logging", "opentelemetry", "psycopg_pool", "pymongo", "sentry_sdk", "sqlalchemy",
        "timetracer_otel", "uvicorn", "watchdog", "watchfiles",
    }
)  # fmt: skip
"""Packages whose threads outlive the request during which they happen to start."""

_LOOKUPS: Final[tuple[Function, ...]] = tuple(
    inspect.unwrap(lookup)
    for lookup in (
        socket.getaddrinfo,
        socket.getnameinfo,
        socket.gethostbyname,
        socket.gethostbyname_ex,
        socket.gethostbyaddr,
    )
)
"""What event loops and clients hand to threads when they connect; in a replay they do not connect."""

_ANYIO: Final = "anyio.to_thread"
_OTEL_THREADING: Final = "opentelemetry.instrumentation.threading"

_lock = threading.Lock()
_wrapped: list[tuple[Any, str, Any, Any]] = []
_wanted = False


class Carried:
    """What the submitting context hands on. Called in a thread, it runs a function with that.

    Args:
        lane: of the work in the thread.
    """

    __slots__ = ("_otel", "_values")

    def __init__(self, lane: lanes.Lane | None) -> None:
        self._otel = otel_context.get_current()
        self._values: list[tuple[ContextVar[Any], Any]] = [(each, each.get()) for each in _VARIABLES]
        self._values.append((lanes.thread_lane, lane))

    def __call__(self, function: Function, /, *args: Any, **kwargs: Any) -> Any:
        """Run the function, and leave the thread as it was for the next one."""
        undo = self._begin(function)
        try:
            return function(*args, **kwargs)
        finally:
            _quietly(undo)

    def _begin(self, function: Function) -> Callable[[], None]:
        """Set the variables where the function will run; returns what resets them. Never raises."""
        try:
            own = _own_context(function)
            if own is None:
                return self._enter(keep_span=False)
            # asyncio.to_thread and its like: the function runs in a copy of a context that the app chose
            undo = own.run(self._enter, keep_span=True)
        except RuntimeError as error:
            if type(error) is not RuntimeError:
                ports.report("following work into a thread", error)
            return _nothing  # entered elsewhere: the function is about to say so
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("following work into a thread", error)
            return _nothing
        return functools.partial(_undo_in, own, undo)

    def _enter(self, *, keep_span: bool) -> Callable[[], None]:
        """Set the variables in the context that runs; returns what resets them."""
        tokens: list[tuple[ContextVar[Any], Token[Any]]] = [
            (variable, variable.set(value)) for variable, value in self._values
        ]
        attached = None if keep_span and _traced() else otel_context.attach(self._otel)

        def undo() -> None:
            if attached is not None:
                otel_context.detach(attached)
            for variable, token in reversed(tokens):
                variable.reset(token)

        return undo


def install() -> None:
    """Hand contexts on to threads from now on; once is enough."""
    global _wanted  # one process, one Thread class
    with _lock:
        if _wanted:
            return
        _wanted = True
        _wrap(concurrent.futures.ThreadPoolExecutor, "submit", _submit)
        _wrap(threading.Thread, "start", _start)
    if not importing.after(_ANYIO, _wrap_anyio):
        _wrap_anyio()


def uninstall() -> None:
    """Stop handing on; what others wrapped around or beneath stays."""
    global _wanted  # as above
    with _lock:
        _wanted = False
        while _wrapped:
            wrapping.take_out(*_wrapped.pop())


@contextlib.contextmanager
def belonging_nowhere() -> Iterator[None]:
    """What runs here belongs to no request, whichever one the context is a copy of."""
    tokens: list[tuple[ContextVar[Any], Token[Any]]] = [
        (variable, variable.set(None)) for variable in (*_VARIABLES, lanes.thread_lane)
    ]
    attached = otel_context.attach(otel_context.Context())
    try:
        yield
    finally:
        otel_context.detach(attached)
        for variable, token in reversed(tokens):
            variable.reset(token)


def carry(function: Function) -> Function:
    """A function that runs with what this context hands on, in a thread that serves many requests.

    Unlike work that an app submits, it may be part of a call that is already seen.
    """
    try:
        if ports.is_inside():
            return functools.partial(_inside, function)
        return functools.partial(Carried(_new_lane()), function) if _belongs() else function
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("following work into a thread", error)
        return function


def _inside(function: Function, *args: Any, **kwargs: Any) -> Any:
    with ports.inside():
        return function(*args, **kwargs)


def installed() -> bool:
    """True between :func:`install` and :func:`uninstall`."""
    return _wanted


def _wrap(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
    # beneath opentelemetry-instrumentation-threading, which undoes itself by removing what is outermost
    _wrapped.append((owner, name, *wrapping.insert_beneath(owner, name, vars(owner)[name], wrapper)))


def _wrap_anyio() -> None:
    module = sys.modules[_ANYIO]
    with _lock:
        if _wanted and not any(owner is module for owner, *_ in _wrapped):
            _wrap(module, "run_sync", _run_sync)


def _submit(wrapped: Function, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    carried = None
    try:
        if args and _belongs() and not _is_infrastructure(_submitted(args[0])):
            carried = Carried(_new_lane())
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("following work into a thread", error)
    return wrapped(*args, **kwargs) if carried is None else wrapped(carried, *args, **kwargs)


def _start(wrapped: Function, thread: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    run = None
    try:
        if _outlives_request(thread):
            if getattr(sys.flags, "thread_inherit_context", False):  # Python 3.14, where it is asked for
                wrapped = functools.partial(_without_ours, wrapped)
        elif _belongs():
            run = _carry_run(thread)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("following work into a thread", error)
    try:
        return wrapped(*args, **kwargs)
    except BaseException:
        if run is not None:
            _quietly(run.give_back)
        raise


def _carry_run(thread: Any) -> _CarriedRun | None:
    """Have the thread's ``run`` called in this context; ``None`` when that is so already."""
    names = vars(thread)
    if isinstance(names.get("run"), _CarriedRun):
        return None
    # on the instance, because subclasses (Timer is one) have a run() of their own
    run = names["run"] = _CarriedRun(Carried(_new_lane()), names, thread.run)
    return run


class _CarriedRun:
    """A thread's ``run`` in the context that started it; gives the thread its own ``run`` back."""

    __slots__ = ("_before", "_carried", "_names", "_run")

    def __init__(self, carried: Carried, names: dict[str, Any], run: Callable[[], None]) -> None:
        self._carried = carried
        self._names = names
        self._before = names.get("run")
        self._run = run

    def __call__(self) -> None:
        _quietly(self.give_back)
        self._carried(self._run)

    def give_back(self) -> None:
        self._names.pop("run", None)
        if self._before is not None:
            self._names["run"] = self._before


def _run_sync(wrapped: Function, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # anyio copies the context by itself; what lacks is a lane
    try:
        lane = _new_lane() if _belongs() else None
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("following work into a thread", error)
        lane = None
    return wrapped(*args, **kwargs) if lane is None else _in_lane(lane, wrapped, args, kwargs)


async def _in_lane(lane: lanes.Lane, wrapped: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = lanes.thread_lane.set(lane)
    try:
        return await wrapped(*args, **kwargs)
    finally:
        with contextlib.suppress(ValueError):  # finalised in another context
            lanes.thread_lane.reset(token)


def _belongs() -> bool:
    """True when what runs here belongs to a request that somebody records or replays."""
    if not _wanted or ports.is_inside():
        return False
    return _traced() or any(variable.get() is not None for variable in _VARIABLES)


def _new_lane() -> lanes.Lane | None:
    try:
        port = ports.current()
        lane: lanes.Lane | None = None if port is None else port.new_lane()
        return lane
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("numbering work in another thread", error)
        return None


def _traced() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _outlives_request(thread: Any) -> bool:
    return (
        _is_infrastructure(type(thread))
        or _is_infrastructure(vars(thread).get("_target"))
        or _is_infrastructure(vars(thread).get("function"))  # a Timer's
    )


def _is_infrastructure(function: Any) -> bool:
    module = getattr(function, "__module__", None)
    if isinstance(module, str) and module.partition(".")[0] in _INFRASTRUCTURE:
        return True
    inner = getattr(function, "__wrapped__", function)  # in a replay they are guarded
    return any(inner is lookup for lookup in _LOOKUPS)


def _submitted(function: Any) -> Any:
    """The function that the app submitted, where OpenTelemetry's wrapper saw it before us."""
    if getattr(function, "__module__", None) != _OTEL_THREADING:
        return function
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    cell = cells.get("original_func")
    return function if cell is None else cell.cell_contents


def _own_context(function: Any) -> Context | None:
    """The context that the function is going to enter: that of ``context.run``, or a partial of it."""
    function = _submitted(function)
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", None)
    return owner if isinstance(owner, Context) and function.__name__ == "run" else None


def _without_ours(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Call it in a copy of this context in which nobody records or replays."""

    def call() -> Any:
        for variable in (*_VARIABLES, lanes.thread_lane):
            variable.set(None)
        otel_context.attach(otel_context.Context())
        return function(*args, **kwargs)

    return copy_context().run(call)


def _nothing() -> None:
    pass


def _undo_in(own: Context, undo: Callable[[], None]) -> None:
    try:
        own.run(undo)
    except RuntimeError as error:  # entered elsewhere by now
        if type(error) is not RuntimeError:
            raise


def _quietly(act: Callable[[], None]) -> None:
    """Do something of ours; what it raises is reported once and goes no further."""
    try:
        act()
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("following work into a thread", error)
