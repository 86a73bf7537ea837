"""A TCP address in front of a service: it can be shut, and it counts who comes in.

Applications under test know only doors. So a service keeps its address when it is stopped and
started, "nothing is listening there" is a fact about one port, and "nothing arrived" is a number.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.services.ports import free_port

Address = tuple[str, int]


class Door:
    """Forwards TCP connections to a service for as long as it is open.

    Args:
        target: Where the service listens: a path (Unix socket) or host and port.
    """

    def __init__(self, target: str | Address) -> None:
        self.target = target
        self.arrived = 0
        self._listener: socket.socket | None = None
        self._address: Address = ("127.0.0.1", free_port())
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

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
        listener = socket.create_server(self._address)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        """Stop listening and end every connection: from now on connecting is refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.arrived += 1
            try:
                service = self._connect()
            except OSError:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections |= {client, service}
            for source, sink in ((client, service), (service, client)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self.target, str):
            service = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            service.connect(self.target)
            return service
        service = socket.create_connection(self.target)
        service.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return service

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._connections -= {source, sink}
