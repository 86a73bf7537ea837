"""A block that all work of the process belongs to: a test, which runs alone in its process.

Threads and event loops that were started before know nothing of the block. What they do meanwhile is its
work all the same, and so is a request that comes in from a browser or another process. A request that the
block itself sends to an application that is served in this process is not what it says to the outside
world.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from timetracer_otel import ports
from timetracer_otel.messages import Answer, HttpRequest, HttpResponse, Request
from timetracer_otel.messages.http import split_url

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104  # compared with
_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # as above
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Arrivals:
    """Takes the requests that come in during a block; see :class:`~timetracer_otel.ports.EntryPort`.

    Args:
        join: enters the block, for a request that is served in a context that knows nothing of it.
        joined: true where the context belongs to the block.
        own: hosts (``localhost:8000``) of the application under test where that is not seen by itself.
    """

    wants_body = False

    def __init__(
        self,
        join: Callable[[], contextlib.AbstractContextManager[object]],
        joined: Callable[[], bool],
        own: tuple[str, ...] = (),
    ) -> None:
        self._join = join
        self._joined = joined
        self._own = own
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, str]] = Counter()

    def open(
        self, framework: str, head: HttpRequest, route: str | None, *, traced: bool
    ) -> ports.Entry | None:
        """A request came in; one in a context of the block is left alone."""
        with self._lock:
            self._seen[_target(head)] += 1
        return None if self._joined() else _Joined(self._join)

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """A message came in that is no HTTP request; one in a context of the block is left alone."""
        return None if self._joined() else _Joined(self._join)

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """Nothing waits to be delivered: the test sends what comes in."""
        return None

    def startup(self, framework: str) -> ports.Startup | None:
        """What an application does when it starts is work of the block."""
        return None

    def stopping(self) -> None:
        """Nothing to write."""

    def of(self, request: HttpRequest) -> int:
        """How often a request like that one has come in."""
        return self._seen[_target(request)]

    def named(self, request: HttpRequest) -> bool:
        """True for a request to a host that was named as the application's own."""
        return split_url(request.url).netloc.rpartition("@")[2] in self._own

    def possible(self, request: HttpRequest) -> bool:
        """True when the request may be one to an application of this process."""
        if ports.current_entry() is not None:  # said by the application itself
            return False
        parts = split_url(request.url)
        return listens_here(parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0))


class _Joined:
    """What came in and is served in the block; see :class:`~timetracer_otel.ports.Entry` and ``Inbound``."""

    def __init__(self, join: Callable[[], contextlib.AbstractContextManager[object]]) -> None:
        self._join = join

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """Work in this context belongs to the block."""
        with ports.entered(self), self._join():
            yield

    def answered(self, answer: Answer) -> None:
        """Nothing to note."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to note."""

    def start(self, body: bytes | None) -> HttpResponse | None:
        """The application answers."""
        return None

    def request_body(self, chunk: bytes) -> None:
        """Nothing to note."""

    def request_ended(self) -> None:
        """Nothing to note."""

    def routed(self, route: str) -> None:
        """Nothing to note."""

    def response_started(self, response: HttpResponse) -> None:
        """Nothing to note."""

    def response_body(self, chunk: bytes) -> None:
        """Nothing to note."""

    def response_ended(self) -> None:
        """Nothing to note."""

    def failed(self, error: BaseException) -> None:
        """The application's own affair."""

    def close(self) -> None:
        """Nothing to write."""


def listens_here(host: str, port: int) -> bool:
    """True when a socket of this process accepts connections at that address.

    Asked of the operating system, which knows the servers of every library and event loop. Where it does
    not say (Windows), false.
    """
    return any(
        number == port and (host == bound or (host in _LOOPBACK and bound in _LOOPBACK) or bound in _ANY)
        for bound, number in _listening()
    )


def _listening() -> list[tuple[str, int]]:
    try:
        descriptors = [int(name) for name in os.listdir("/dev/fd")]
    except (OSError, ValueError):
        return []
    found = []
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # no socket, or closed meanwhile
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as sock:
                if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.getsockopt(
                    socket.SOL_SOCKET, socket.SO_ACCEPTCONN
                ):
                    found.append(sock.getsockname()[:2])
    return found


def _target(request: HttpRequest) -> tuple[str, str]:
    return request.method, split_url(request.url).path or "/"
