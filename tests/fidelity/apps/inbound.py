"""What both applications share of the inbound scenarios."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import threading
from collections.abc import AsyncIterator, Iterator

import httpx

from tests.fidelity.apps.httpx_told import url

WEBHOOK_SECRET = b"shared with the sender"
BINARY = bytes(range(256)) * 10
TEXT = "Compress me, please. " * 200
LARGE = b"0123456789abcdef" * (900 * 1024 // 16)


class Afterwards:
    """The result of work done after a response; another request waits for it."""

    def __init__(self) -> None:
        self._done: dict[str, threading.Event] = {}
        self._result: dict[str, object] = {}
        self._lock = threading.Lock()

    def _event(self, name: str) -> threading.Event:
        with self._lock:
            return self._done.setdefault(name, threading.Event())

    def put(self, name: str, result: object) -> None:
        """The work is done."""
        self._result[name] = result
        self._event(name).set()

    def wait(self, name: str) -> object:
        """The result, once it is there; ``None`` if that takes more than ten seconds."""
        self._event(name).wait(10)
        self._event(name).clear()
        return self._result.pop(name, None)


def signature(body: bytes) -> str:
    """What the sender of a webhook puts into its header."""
    return hmac.new(WEBHOOK_SECRET, body, hashlib.sha256).hexdigest()


def lines_of_upstream() -> Iterator[str]:
    """A streamed body that is itself read from an upstream, and asks it once more on the way."""
    with httpx.stream("GET", url("/chunks/3")) as response:
        yield from response.iter_lines()
    yield httpx.get(url("/json/inside-the-generator")).text


async def async_lines_of_upstream() -> AsyncIterator[str]:
    """The same, asynchronously."""
    async with httpx.AsyncClient() as client:
        async with client.stream("GET", url("/chunks/3")) as response:
            async for line in response.aiter_lines():
                yield line
        yield (await client.get(url("/json/inside-the-generator"))).text


def gated_events(name: str) -> Iterator[bytes]:
    """Server-sent events, each passed on as soon as the upstream lets it out."""
    with httpx.stream("GET", url(f"/gate/{name}"), timeout=20) as response:
        yield from response.iter_raw()


def secrets_exchanged(password: str, authorization: str) -> dict[str, object]:
    """Pass secrets of a request on; tell whether the upstream's own arrived as it sent them."""
    with httpx.Client(headers={"Authorization": authorization}) as client:
        cookies = dict(client.get(url("/set-cookies")).cookies)
        token = client.post(url("/token"), json={"user": "ada", "password": password}).json()
        basket = client.get(url("/json/basket"), params={"api_key": "k-1234567", "page": 2}).json()
    return {
        "cookies are true": cookies == {"flavour": "oat-milk", "size": "extra-large"},
        "token is true": token.pop("access_token") == "t0ken-of-ada",
        "told beside the token": token,
        "basket": basket["place"],
    }


def compressed(body: bytes) -> bytes:
    """gzip; its header carries the time."""
    return gzip.compress(body)
