"""No connection leaves the process during a replay, unless a live call makes it."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import wrapt

from timetracer_otel import ports
from timetracer_otel.blocks import listens_here
from timetracer_otel.errors import LiveConnectionError

_NATIVE = (
    # drivers that connect in C, and an event loop that does
    ("psycopg2", "_connect"),
    ("psycopg.generators", "connect"),
    ("uvloop", "Loop.create_connection"),
    ("uvloop", "Loop.create_unix_connection"),
    ("uvloop", "Loop.create_datagram_endpoint"),
    ("uvloop", "Loop.getaddrinfo"),
)
_KNOWN_AS = {
    ("psycopg2", "_connect"): "psycopg2.connect",
    ("psycopg.generators", "connect"): "psycopg.connect",
}
"""What an app calls, where the guard stands beneath an integration that answers for it."""
_lock = threading.Lock()
_installed = False


def install() -> None:
    """Watch over every way out; costs one look at a context variable a connection."""
    global _installed  # one guard a process
    with _lock:
        if _installed:
            return
        _installed = True
    for name in ("connect", "connect_ex"):
        wrapt.wrap_function_wrapper("socket", f"socket.{name}", _guard_socket)
    wrapt.wrap_function_wrapper("socket", "socket.sendto", _guard_sendto)
    wrapt.wrap_function_wrapper("socket", "getaddrinfo", _guard_lookup)
    for module, path in _NATIVE:
        wrapt.register_post_import_hook(_on_import(path), module)


_letting_in = 0


@contextlib.contextmanager
def letting_in() -> Iterator[None]:
    """Within, connections to servers of this very process are let through: to the app under test."""
    global _letting_in  # one guard a process
    _letting_in += 1
    try:
        yield
    finally:
        _letting_in -= 1


Refusal: TypeAlias = "Callable[[str, Any, Callable[[], str]], None]"
"""Told of a connection outside a replay: what it is to, in words and as an address, and how to learn who
tries; raises where it must not be.
"""
_blocks: list[Refusal] = []


@contextlib.contextmanager
def blocking(refusal: Refusal) -> Iterator[None]:
    """Within, connections outside a replay are asked about, too."""
    _blocks.append(refusal)
    try:
        yield
    finally:
        _blocks.remove(refusal)


def refuse(target: str, address: Any = None) -> None:
    """Raise if this context replays and no live call is under way, or if the network is blocked.

    Args:
        target: what it is about, in words.
        address: host and port, where it is known.

    Raises:
        LiveConnectionError: names the target and the code that tried.
    """
    port = ports.session.get() or ports.process_port()
    if port is None or not port.replaying:
        for refusal in _blocks:
            refusal(target, address, _culprit)
        return
    if ports.is_inside():
        return
    if _letting_in and isinstance(address, tuple) and listens_here(*address[:2]):
        return
    raise LiveConnectionError(
        f"replay: a live connection to {target} was refused, tried by {_culprit()}; no integration answered"
        " it: TIMETRACER_LIVE_PLUGINS lets a library that has one through, another needs one"
        " (docs/integrations.md)"
    )


def _guard_socket(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
    if _leaves(instance):
        address = args[0] if args else None
        refuse(_address(address), address)
    return wrapped(*args, **kwargs)


def _guard_sendto(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
    if _leaves(instance):
        refuse(_address(args[-1] if args else None))
    return wrapped(*args, **kwargs)


def _guard_lookup(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
    host = args[0] if args else kwargs.get("host")
    if host not in (None, "", "localhost", b"localhost") and not _numeric(host):
        refuse(str(host))
    return wrapped(*args, **kwargs)


def _on_import(path: str) -> Callable[[Any], None]:
    def loaded(module: Any) -> None:
        def guard(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            refuse(f"a server (by {_KNOWN_AS.get((module.__name__, path), f'{module.__name__}.{path}')})")
            return wrapped(*args, **kwargs)

        try:
            wrapt.wrap_function_wrapper(module, path, guard)
        except AttributeError as error:
            ports.report(f"guarding {module.__name__}.{path}", error)

    return loaded


def _leaves(sock: socket.socket) -> bool:
    """Internet sockets, and Unix ones that carry a stream (a local database)."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        return True
    return sock.family == getattr(socket, "AF_UNIX", None) and sock.type == socket.SOCK_STREAM


def _numeric(host: Any) -> bool:
    text = host.decode("latin-1") if isinstance(host, bytes) else str(host)
    return ":" in text or text.replace(".", "").isdigit()


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return str(address)


_INFRASTRUCTURE = (
    "MySQLdb",
    "psycopg",
    "psycopg2",
    "timetracer_otel",
    "wrapt",
    "socket",
    "asyncio",
    "ssl",
    "anyio",
    "selectors",
    "threading",
)


def _culprit() -> str:
    """Module and line of the first frame that is not plumbing."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "?"))
        if module.split(".", 1)[0] not in _INFRASTRUCTURE:
            return f"{module}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return "unknown code"
