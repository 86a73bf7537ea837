"""Installing wrappers beneath everybody else's, and taking them away again.

Ours goes innermost: below the standard instrumentation's wrapper whichever came first. So the
instrumentation's span is current when our wrapper runs, and uninstrumenting leaves ours alone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import wrapt

from timetracer_otel import ports
from timetracer_otel.integrations import direct, importing, releases
from timetracer_otel.integrations.base import Integration, Invocation, Point, Wrappable
from timetracer_otel.integrations.flows import run, run_async


class _Inserted(NamedTuple):
    """A wrapper, where it was put first, and the function beneath it."""

    point: Point
    wrapper: Any
    beneath: Any

    def does_as(self, point: Point) -> bool:
        """True when that point is wrapped in the same way."""
        return (self.point.wrapper, self.point.handler) == (point.wrapper, point.handler)


_lock = threading.RLock()
"""Who holds it waits for no import: import hooks wait for it, with Python's lock of their module in hand."""
_installed: dict[tuple[str, str, str], Callable[[], None]] = {}
"""How to take away what is installed, by integration, module and path."""
_inserted: dict[str, list[_Inserted]] = {}
"""What is wrapped, by integration."""
_wanted: dict[str, Wrappable] = {}
_settled: dict[str, Wrappable] = {}
"""Wanted ones each of whose points is wrapped, or will be when its module loads."""
_hooked: dict[tuple[str, str], tuple[Wrappable, Point]] = {}
"""What is wrapped when a module loads, by integration and place."""
_too_old: dict[str, bool] = {}
"""Whether the installed release is older than the integration knows, by its name."""


def install(integration: Wrappable, wanted: Callable[[], bool] = lambda: True) -> None:
    """Wrap the integration's points, now where their modules are loaded, else when they load.

    Args:
        integration: what to install.
        wanted: asked when nobody else installs or takes away; false where it was taken away meanwhile.
    """
    points: Sequence[Point] | None = None
    waited: set[str] = set()
    while True:
        if points is None and not _is_settled(integration):
            points = integration.points()
        _wait(points or (), waited)
        with _lock:
            if not _is_settled(integration):
                if points is None or _in_progress(points, waited):
                    continue
                if wanted():
                    _install(integration, points)
            if _hooked:
                importing.follow()
            return


def _is_settled(integration: Wrappable) -> bool:
    return _settled.get(integration.name) is integration


def _install(integration: Wrappable, points: Sequence[Point]) -> None:
    _wanted[integration.name] = integration
    settled = True
    for point in points:
        hook = integration.name, _key(point)
        if _is_loaded(point.module):
            settled = _apply(integration, point) and settled
        elif hook in _hooked or importing.after(point.module, _on_import(*hook)):
            _hooked[hook] = integration, point
        else:
            settled = _apply(integration, point) and settled
    if settled:
        _settled[integration.name] = integration


def _is_loaded(module: str) -> bool:
    return sys.modules.get(module) is not None and not importing.is_running(module)


def _wait(points: Sequence[Point], waited: set[str]) -> None:
    """Wait until no other thread is in the middle of importing their modules."""
    for module in _in_progress(points, waited):
        waited.add(module)
        with contextlib.suppress(Exception):  # whoever imports it is told
            importlib.import_module(module)


def _in_progress(points: Sequence[Point], waited: Collection[str]) -> list[str]:
    """Modules that somebody, maybe this thread, imports unseen by us, and that were not waited for."""
    specs = {one.module: getattr(sys.modules.get(one.module), "__spec__", None) for one in points}
    begun = [name for name, spec in specs.items() if getattr(spec, "_initializing", False)]
    return [name for name in begun if name not in waited and not importing.is_running(name)]


def uninstall(integration: Wrappable) -> None:
    """Take the integration's wrappers away; everybody else's stay."""
    with _lock:
        _wanted.pop(integration.name, None)
        _settled.pop(integration.name, None)
        for key in [key for key in _installed if key[0] == integration.name]:
            _installed.pop(key)()
        _inserted.pop(integration.name, None)


def installed(name: str) -> bool:
    """True when the integration of that name is wanted, and its library not too old."""
    return name in _wanted


def find(name: str) -> Wrappable | None:
    """The integration of that name, when it is wanted, and its library not too old."""
    return _wanted.get(name)


def _key(point: Point) -> str:
    return f"{point.module}:{point.path}"


def _on_import(name: str, key: str) -> Callable[[], None]:
    def loaded() -> None:
        try:
            with _lock:
                # that of the one of that name now: another may have been taken away before the library came
                integration, point = _hooked[name, key]
                if _wanted.get(name) is integration:
                    _apply(integration, point)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"wrapping {key}", error)

    return loaded


def _apply(integration: Wrappable, point: Point) -> bool:
    """Wrap a point, unless its library is too old; false where it is not there, or not yet: a module may be
    in the middle of its import.
    """
    key = (integration.name, point.module, point.path)
    if key in _installed:
        return True
    if _leave_alone(integration):
        return True
    try:
        owner: Any = sys.modules[point.module]
        *parents, attribute = point.path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        if isinstance(owner, type):
            # instrumentations put a subclass in its place: wrap where the function is, for all of them
            owner = next((kind for kind in owner.__mro__ if attribute in vars(kind)), owner)
        present = vars(owner)[attribute] if attribute in vars(owner) else getattr(owner, attribute)
    except (AttributeError, KeyError) as error:
        if not point.optional:
            ports.report(f"{integration.name}: {_key(point)} is not in this version of the library", error)
        return False
    if point.replacement is not None:
        ours = point.replacement(present)
        setattr(owner, attribute, ours)
        _installed[key] = point.undo or partial(take_out, owner, attribute, ours, present)
        return True
    # a module may have taken it, wrapped, from another: once is enough
    inserted = _inserted.setdefault(integration.name, [])
    found = next((one for one in inserted if one.wrapper is present and one.does_as(point)), None)
    if found is None:
        wrapper, beneath = insert_beneath(owner, attribute, present, around(integration, point))
        found = _Inserted(point, wrapper, beneath)
        inserted.append(found)
    _installed[key] = partial(take_out, owner, attribute, found.wrapper, found.beneath)
    return True


def _leave_alone(integration: Wrappable) -> bool:
    """True where the library is too old: nobody wants its integration then."""
    old = _too_old.get(integration.name)
    if old is None:
        old = _too_old[integration.name] = releases.too_old(integration.oldest)
    if old:
        _wanted.pop(integration.name, None)
    return old


def around(integration: Wrappable, point: Point) -> Callable[..., Any]:
    """The wrapper that a point asks for; for :func:`install`, and for functions where none can be put."""
    if point.wrapper is not None:
        return point.wrapper
    handler = point.handler
    owner: Any = integration
    if handler is None:
        assert isinstance(integration, Integration), f"{integration.name}: {point.path} has no handler"
        handler = integration.exchange
    drive: Callable[[Any, Invocation | None], Any] = run_async if point.asynchronous else run
    record = direct.record_async if point.asynchronous else direct.record

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        port = ports.current()
        if port is None:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, instance, args, kwargs)
        if port.replaying:
            return drive(handler(call), None)
        try:
            sent = None if point.direct is None else point.direct(port, call)
            flow = handler(call) if sent is None else None
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{integration.name}: recording a call", error)
        else:
            return drive(flow, call) if sent is None else record(owner, port, sent)
        return wrapped(*args, **kwargs)

    return wrapper


def insert_beneath(owner: Any, attribute: str, present: Any, wrapper: Callable[..., Any]) -> tuple[Any, Any]:
    """Put ``wrapper`` around the function at the bottom of the chain of wrapt wrappers.

    Returns:
        The wrapper as it is installed, and the function beneath it.
    """
    outer = None
    inner = present
    while isinstance(inner, wrapt.FunctionWrapper):
        outer, inner = inner, inner.__wrapped__
    ours = wrapt.FunctionWrapper(inner, wrapper)
    if outer is None:
        setattr(owner, attribute, ours)
    else:
        outer.__wrapped__ = ours
    return ours, inner


def take_out(owner: Any, attribute: str, wrapper: Any, original: Any) -> None:
    """Undo :func:`insert_beneath`, whatever was wrapped around it or taken from around it since."""
    present = vars(owner).get(attribute)
    if _is(present, wrapper):
        setattr(owner, attribute, original)
        return
    while isinstance(present, wrapt.FunctionWrapper):
        if _is(present.__wrapped__, wrapper):
            present.__wrapped__ = original
            return
        present = present.__wrapped__


def _is(present: Any, wrapper: Any) -> bool:
    # OpenTelemetry's unwrap() leaves what getattr() gives: our wrapper bound to nothing
    return present is wrapper or getattr(present, "_self_parent", None) is wrapper


def _renew() -> None:
    """Another thread of the process that forked this one may have held it."""
    global _lock  # as many as processes
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
