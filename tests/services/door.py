"""A TCP address in front of a service: it can be shut, and it counts who comes in.

Applications under test know only doors. So a service keeps its address when it is stopped and
started, "nothing is listening there" is a fact about one port, and "nothing arrived" is a number.

One thread forwards everything. With a thread for each connection, what an application said on one
could arrive after what it said later on another: Celery subscribes to a result on one, publishes the task on
another, and waits in vain where a worker was done before its subscription came through.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from selectors import EVENT_READ, EVENT_WRITE
from typing import cast

from tests.services.ports import free_port

Address = tuple[str, int]

_AT_ONCE = 65_536
_ENOUGH = 1_048_576
"""Bytes that wait for a reader before no more are taken from who sends them."""


class Door:
    """Forwards TCP connections to a service for as long as it is open.

    Args:
        target: Where the service listens: a path (Unix socket) or host and port.
    """

    def __init__(self, target: str | Address) -> None:
        self.target = target
        self.arrived = 0
        self._address: Address = ("127.0.0.1", free_port())
        self._listener: socket.socket | None = None
        self._forwarding = threading.Thread()

    @property
    def host(self) -> str:
        """The host applications connect to."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port applications connect to; the same every time the door opens."""
        return self._address[1]

    def open(self) -> None:
        """Listen."""
        self._listener = socket.create_server(self._address)
        self._forwarding = threading.Thread(target=self._forward, args=(self._listener,), daemon=True)
        self._forwarding.start()

    def shut(self) -> None:
        """Stop listening and end every connection: from now on connecting is refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # who waits for arrivals is told
            self._forwarding.join()

    def _forward(self, listener: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(listener, EVENT_READ)
            try:
                while True:
                    for key, events in selector.select():
                        if key.fileobj is not listener:
                            cast("_Connection", key.data).attend(cast("socket.socket", key.fileobj), events)
                        elif not self._let_in(listener, selector):
                            return
            finally:
                listener.close()
                for key in list(selector.get_map().values()):
                    if isinstance(key.data, _Connection):
                        key.data.end()

    def _let_in(self, listener: socket.socket, selector: selectors.BaseSelector) -> bool:
        """Take one connection; false when the door was shut."""
        try:
            client, _ = listener.accept()
        except OSError:
            return False
        self.arrived += 1
        try:
            service = self._connect()
        except OSError:
            client.close()
            return True
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _Connection(client, service, selector)
        return True

    def _connect(self) -> socket.socket:
        if isinstance(self.target, str):
            service = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            service.connect(self.target)
            return service
        service = socket.create_connection(self.target)
        service.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return service


class _Connection:
    """A client, the service, and what each has not read yet."""

    def __init__(
        self, client: socket.socket, service: socket.socket, selector: selectors.BaseSelector
    ) -> None:
        self._other = {client: service, service: client}
        self._waiting = {client: bytearray(), service: bytearray()}
        self._said_all: set[socket.socket] = set()
        self._selector = selector
        self._events = dict.fromkeys(self._other, EVENT_READ)
        self._ended = False
        for end in self._other:
            end.setblocking(False)
            selector.register(end, EVENT_READ, self)

    def attend(self, end: socket.socket, events: int) -> None:
        """Forward what this end says, or what waits for it."""
        if self._ended:
            return
        other = self._other[end]
        try:
            if events & EVENT_READ:
                data = end.recv(_AT_ONCE)
                if data:
                    self._waiting[other] += data
                    self._send(other)
                else:
                    self._said_all.add(end)
            if events & EVENT_WRITE:
                self._send(end)
        except OSError:
            self.end()
            return
        if any(not self._waiting[self._other[one]] for one in self._said_all):
            self.end()
        else:
            self._wait()

    def end(self) -> None:
        """Hang up on both."""
        self._ended = True
        for one in self._other:
            self._unregister(one)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _send(self, end: socket.socket) -> None:
        waiting = self._waiting[end]
        with contextlib.suppress(BlockingIOError):
            while waiting:
                del waiting[: end.send(waiting)]

    def _wait(self) -> None:
        for end, other in self._other.items():
            listens = end not in self._said_all and len(self._waiting[other]) < _ENOUGH
            events = EVENT_READ * listens | EVENT_WRITE * bool(self._waiting[end])
            if events == self._events[end]:
                continue
            if not events:
                self._unregister(end)
            elif not self._events[end]:
                self._selector.register(end, events, self)
            else:
                self._selector.modify(end, events, self)
            self._events[end] = events

    def _unregister(self, end: socket.socket) -> None:
        if self._events[end]:
            self._selector.unregister(end)
            self._events[end] = 0
