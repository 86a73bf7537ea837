"""A server process that records, what it answered, and what is in its cassettes."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from tests.fidelity.servers import Server
from tests.processes.telling import PROCESS, WRITTEN
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.store import FolderStore

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here speaks TLS, and loading certificates takes longer than all else that a client does."""

Said = tuple[str, int, bytes | None]
"""A request's path, its response's status and its response's body."""


@dataclass(frozen=True)
class Answer:
    """One answer that arrived whole.

    Attributes:
        process: The id of the process that gave it.
        written: The cassettes that process had written by then.
    """

    said: Said
    process: str
    written: int


class Service:
    """A server of one of the applications here, and everything it answered."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: list[Answer] = []
        self._asked = 0
        self._lock = threading.Lock()

    @property
    def said(self) -> list[Said]:
        """What every answer said, in a fixed order."""
        return sorted(answer.said for answer in self.answers)

    @property
    def processes(self) -> set[str]:
        """The processes that answered."""
        return {answer.process for answer in self.answers}

    def client(self) -> httpx.Client:
        """A client that keeps its connection."""
        return httpx.Client(base_url=f"http://127.0.0.1:{self.server.port}", timeout=60, verify=_NO_TLS)

    def ask(self, client: httpx.Client, what: str = "/orders") -> Answer:
        """One request unlike any before."""
        with self._lock:
            self._asked += 1
            path = f"{what}/{self._asked}"
        response = client.get(path)
        answer = Answer(
            (path, response.status_code, response.content),
            response.headers[PROCESS],
            int(response.headers[WRITTEN]),
        )
        self.answers.append(answer)
        return answer

    def ask_many(self, count: int) -> None:
        """So many requests over one connection."""
        with self.client() as client:
            for _ in range(count):
                self.ask(client)

    def ask_until(self, enough: Callable[[], bool]) -> None:
        """Requests over connections of their own, some at a time, until there were enough."""
        with ThreadPoolExecutor(4) as clients:
            while not enough():
                assert len(self.answers) < 5_000, f"5000 requests were not enough: {self.processes}"
                list(clients.map(self.ask_many, [1] * 4))

    def wait_until_written(self, count: int) -> None:
        """Wait until the (one) process says that it has written so many cassettes."""
        with self.client() as client:
            told = (int(client.get("/health").headers[WRITTEN]) for _ in range(10_000))
            assert any(written >= count for written in told), f"{count} cassettes were never written"


def recorded(store: FolderStore) -> list[Said]:
    """What the cassettes of a store say, in a fixed order; every file has to be one."""
    if not store.path.exists():
        return []
    return sorted(_said(store, path) for path in store.paths())


def _said(store: FolderStore, path: object) -> Said:
    cassette = store.load(str(path))
    request, response = cassette.inbound_request, cassette.inbound_response
    assert isinstance(request, HttpRequest)
    assert isinstance(response, HttpResponse)
    return (urlsplit(request.url).path, response.status, response.body)
