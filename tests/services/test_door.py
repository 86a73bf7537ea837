"""A door leaves the order of what several connections say as it was, as the kernel does without one."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.services.door import Door


@pytest.fixture
def busy() -> Iterator[None]:
    """A process in which many threads want to run, and none waits long for its turn."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            pass

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    done.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)


@contextlib.contextmanager
def behind_a_door(count: int) -> Iterator[tuple[Door, list[socket.socket], list[socket.socket]]]:
    """That many connections: the clients' ends, and the service's, in the same order."""
    with socket.create_server(("127.0.0.1", 0)) as service:
        door = Door(service.getsockname())
        door.open()
        clients, served = [], []
        try:
            for _ in range(count):
                clients.append(socket.create_connection((door.host, door.port), timeout=30))
                served.append(service.accept()[0])
                served[-1].settimeout(30)
            yield door, clients, served
        finally:
            door.shut()
            for one in (*clients, *served):
                one.close()


def read(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < count and (more := connection.recv(count - len(data))):
        data += more
    return data


@pytest.mark.usefixtures("busy")
def test_who_is_answered_knows_that_what_others_said_before_has_arrived() -> None:
    late = 0
    with behind_a_door(count=9) as (_, clients, served):
        for _ in range(200):
            *others, asking = clients
            for other in others:
                other.sendall(b"subscribe")
            asking.sendall(b"publish")
            assert read(served[-1], 7) == b"publish"
            served[-1].sendall(b"done")
            assert read(asking, 4) == b"done"
            for one in served[:-1]:
                one.setblocking(False)
                try:
                    assert one.recv(100) == b"subscribe"
                except BlockingIOError:
                    late += 1
                    one.settimeout(30)
                    assert read(one, 9) == b"subscribe"

    assert late == 0


def test_a_client_that_does_not_read_keeps_nobody_else_waiting() -> None:
    much = b"x" * 20_000_000
    with behind_a_door(count=2) as (_, (deaf, other), (telling, served)):
        sending = threading.Thread(target=telling.sendall, args=(much,))
        sending.start()
        other.sendall(b"ask")
        assert read(served, 3) == b"ask"
        served.sendall(b"tell")
        assert read(other, 4) == b"tell"

        assert read(deaf, len(much)) == much
        sending.join()


def test_who_ends_a_connection_is_heard_to_the_end() -> None:
    much = b"x" * 5_000_000
    with behind_a_door(count=1) as (_, (client,), (service,)):

        def tell() -> None:
            service.sendall(much)
            service.close()

        telling = threading.Thread(target=tell)
        telling.start()

        assert read(client, len(much) + 1) == much
        telling.join()


def test_a_shut_door_ends_its_connections_and_takes_no_more() -> None:
    with behind_a_door(count=1) as (door, (client,), (service,)):
        door.shut()

        assert (client.recv(1), service.recv(1)) == (b"", b"")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((door.host, door.port))
        door.open()
        socket.create_connection((door.host, door.port)).close()
