"""No connection leaves the process in a replay, unless a live call makes it."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest

from tests.replaying.recorded import CALLERS, SETTINGS, cassette
from timetracer_otel import config
from timetracer_otel.errors import LiveConnectionError
from timetracer_otel.integrations import threads
from timetracer_otel.messages import HttpRequest
from timetracer_otel.replayers import guard
from timetracer_otel.replayers.session import Session


class Listener:
    """A server that only counts who came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    @property
    def arrived(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    guard.install()
    server = Listener()
    yield server
    server.close()


def replaying() -> Session:
    return Session([cassette()], SETTINGS)


def by_socket(port: int) -> None:
    socket.create_connection(("127.0.0.1", port))


def by_connect_ex(port: int) -> None:
    with socket.socket() as sock:
        sock.connect_ex(("127.0.0.1", port))


def by_http_client(port: int) -> None:
    http.client.HTTPConnection("127.0.0.1", port).request("GET", "/")


def by_asyncio(port: int) -> None:
    asyncio.run(_open(port))


async def _open(port: int) -> None:
    await asyncio.open_connection("127.0.0.1", port)


def by_datagram(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"log line", ("127.0.0.1", port))


def by_psycopg(port: int) -> None:
    psycopg.connect(f"host=127.0.0.1 port={port}")


def by_psycopg_asynchronously(port: int) -> None:
    asyncio.run(_connect(port))


async def _connect(port: int) -> None:
    await psycopg.AsyncConnection.connect(f"host=127.0.0.1 port={port}")


def by_psycopg2(port: int) -> None:
    psycopg2.connect(f"host=127.0.0.1 port={port}")


ADDRESS = r"127\.0\.0\.1:\d+"
HERE = r"tests\.replaying\.test_guard:\d+"


@pytest.mark.parametrize(
    ("attempt", "target", "culprit"),
    [
        (by_socket, ADDRESS, HERE),
        (by_connect_ex, ADDRESS, HERE),
        (by_http_client, ADDRESS, r"http\.client:\d+"),
        (by_asyncio, ADDRESS, r"[\w.]+:\d+"),
        (by_datagram, ADDRESS, HERE),
        (by_psycopg, r"a server \(by psycopg\.connect\)", HERE),
        (by_psycopg_asynchronously, r"a server \(by psycopg\.connect\)", HERE),
        (by_psycopg2, r"a server \(by psycopg2\.connect\)", HERE),
    ],
)
def test_every_way_out_is_refused_with_who_tried_to_go_where(
    listener: Listener, attempt: Callable[[int], None], target: str, culprit: str
) -> None:
    expected = (
        rf"^replay: a live connection to {target} was refused, tried by {culprit};"
        r" no integration answered it: TIMETRACER_LIVE_PLUGINS lets a library that has one through,"
        r" another needs one \(docs/integrations\.md\)$"
    )
    with replaying().activate(), pytest.raises(LiveConnectionError, match=expected):
        attempt(listener.port)
    assert not listener.arrived


def test_libraries_take_it_for_a_network_that_is_away(listener: Listener) -> None:
    with replaying().activate(), pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{listener.port}/")
    assert isinstance(caught.value.reason, LiveConnectionError)


def test_names_are_not_looked_up(listener: Listener) -> None:
    with replaying().activate(), pytest.raises(LiveConnectionError, match=r"to db\.internal was refused"):
        socket.create_connection(("db.internal", 5432))


def test_a_local_database_is_no_exception(listener: Listener, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        refused = pytest.raises(LiveConnectionError, match=f"live connection to {path} was refused")
        with replaying().activate(), socket.socket(socket.AF_UNIX) as sock, refused:
            sock.connect(path)


def test_a_thread_of_the_request_is_refused_too(listener: Listener) -> None:
    threads.install()
    try:
        with replaying().activate(), ThreadPoolExecutor(1) as executor:
            error = executor.submit(by_socket, listener.port).exception()
    finally:
        threads.uninstall()
    assert isinstance(error, LiveConnectionError)
    assert not listener.arrived


def test_a_name_that_is_looked_up_through_the_guard_takes_no_lane(listener: Listener) -> None:
    session = replaying()

    async def look_up() -> Any:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        return session.new_lane().number

    threads.install()
    try:
        with session.activate():
            # as when it was recorded, where there was no guard
            assert asyncio.run(look_up()) == 1
    finally:
        threads.uninstall()


def test_a_call_that_stays_live_connects(listener: Listener) -> None:
    session = Session([cassette()], config.load({}, live_plugins=("http",)))
    call: Any = session.begin(CALLERS["http"], HttpRequest("GET", f"http://127.0.0.1:{listener.port}/"))
    with session.activate():
        with call:
            by_socket(listener.port)
        assert listener.arrived
        with pytest.raises(LiveConnectionError):
            by_socket(listener.port)


def test_outside_a_replay_nothing_is_refused(listener: Listener) -> None:
    with replaying().activate():
        pass
    by_socket(listener.port)
    assert listener.arrived


def test_beside_a_replay_nothing_is_refused(listener: Listener) -> None:
    replays, done = threading.Event(), threading.Event()

    def replay() -> None:
        with replaying().activate():
            replays.set()
            done.wait()

    thread = threading.Thread(target=replay)
    thread.start()
    replays.wait()
    try:
        by_socket(listener.port)
    finally:
        done.set()
        thread.join()
    assert listener.arrived


def test_what_stays_in_the_process_is_not_refused(listener: Listener) -> None:
    with replaying().activate():
        left, right = socket.socketpair()
        left.sendall(b"to myself")
        assert right.recv(9) == b"to myself"
        left.close()
        right.close()
