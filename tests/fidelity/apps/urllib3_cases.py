"""urllib3: pools, streams, retries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import urllib3

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import header, url
from tests.fidelity.apps.requests_cases import kind_and_text, raised_context
from tests.fidelity.apps.seen import seen

CASES = Cases("urllib3", "urllib3")
pool = urllib3.PoolManager(timeout=20)


def told(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """Everything public about a response that was read."""
    retries = response.retries
    whole: Any = response  # an HTTPResponse, which has more
    return {
        "status": response.status,
        "reason": response.reason,
        "version": [response.version, getattr(response, "version_string", None)],  # since 2.3
        "headers": [header(name, value) for name, value in response.headers.iteritems()],
        "url": response.geturl(),
        "data": seen(response.data),
        "left": response.length_remaining,
        "closed": [response.closed, whole.isclosed(), response.connection is None],
        "tell": response.tell(),
        "retries": retries
        and [retries.total, [(one.method, one.status, one.redirect_location) for one in retries.history]],
    }


def attempt(act: Any) -> Any:
    """What a call gave or raised."""
    try:
        return told(act())
    except urllib3.exceptions.HTTPError as problem:
        reason = getattr(problem, "reason", None)
        return [
            kind_and_text(problem), kind_and_text(reason), raised_context(problem),
            sorted(name for name in vars(problem) if name != "_message"), getattr(problem, "url", None),
        ]  # fmt: skip


@CASES("request: GET, fields, JSON, bytes, multipart, generator")
def requests() -> Any:
    def parts() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    return [
        told(pool.request("GET", url("/json/one"), fields={"a": "1", "q": "ü &"})),
        told(pool.request("POST", url("/echo"), json={"a": [1, 2.5, None]})),
        told(pool.request("POST", url("/echo"), body=b"\x00\xff")),
        told(pool.request("POST", url("/echo"), fields={"f": ("n.bin", b"\x00\xff"), "k": "v"})),
        told(pool.request("POST", url("/echo"), body=parts(), chunked=True)),
    ]


@CASES("the function urllib3.request; a pool of one host")
def others() -> Any:
    host, _, port = os.environ["UPSTREAM_URL"].removeprefix("http://").partition(":")
    with urllib3.HTTPConnectionPool(host, int(port), maxsize=1) as own:
        return [
            told(urllib3.request("GET", url("/json/function"))),
            told(own.request("GET", "/json/pool")),
            told(own.request("HEAD", "/json/head")),
            [own.num_requests, own.num_connections],
        ]


@CASES("preload_content=False: read, read1, stream, readline, iteration, released")
def streams() -> Any:
    answer: list[Any] = []

    def opened(path: str) -> urllib3.BaseHTTPResponse:
        return pool.request("GET", url(path), preload_content=False)

    first = opened("/chunks/4")
    read1 = getattr(first, "read1", first.read)  # since 2.3
    answer += [seen(first.read(3)), seen(read1(4)), seen(first.read()), first.closed]
    answer.append([seen(part) for part in opened("/chunks/4").stream(None)])
    answer.append([len(part) for part in opened("/gzip-chunks").stream(100)])
    answer.append([len(part) for part in opened("/gzip-chunks").stream(100, decode_content=False)])
    answer.append([seen(part) for part in opened("/chunks/3").read_chunked()])
    answer.append([seen(part) for part in opened("/chunks/3")])
    dropped = opened("/large/200000")
    answer.append(seen(dropped.read(10)))
    dropped.close()
    drained = opened("/large/2000")
    drained.drain_conn()
    drained.release_conn()
    return [*answer, told(pool.request("GET", url("/json/then")))]


@CASES("gzip and br, decoded and not")
def decoded() -> Any:
    return [
        told(pool.request("GET", url(path), decode_content=decode))
        for path in ("/gzip", "/br", "/gzip-chunks")
        for decode in (True, False)
    ]


@CASES("Retry: after 503, redirects, used up, none")
def retries() -> Any:
    again = urllib3.Retry(5, status_forcelist=[503], backoff_factor=0)
    return [
        told(pool.request("GET", url("/flaky/urllib3"), retries=again)),
        told(pool.request("GET", url("/redirect/2"))),
        told(pool.request("GET", url("/redirect/2"), redirect=False)),
        attempt(lambda: pool.request("GET", url("/redirect/5"), retries=urllib3.Retry(redirect=1))),
        attempt(lambda: pool.request("GET", os.environ["CLOSED_URL"], retries=1)),
        attempt(lambda: pool.request("GET", os.environ["CLOSED_URL"], retries=False)),
    ]


@CASES("timeouts: connect, read, in the body")
def timeouts() -> Any:
    def half() -> urllib3.BaseHTTPResponse:
        return pool.request("GET", url("/half"), timeout=urllib3.Timeout(connect=5, read=0.05), retries=False)

    full = os.environ["FULL_URL"]
    return [
        attempt(lambda: pool.request("GET", url("/hang"), timeout=0.05, retries=False)),
        attempt(lambda: pool.request("GET", full, timeout=urllib3.Timeout(connect=0.05), retries=False)),
        attempt(half),
    ]


@CASES("no such host, TLS with a server that speaks none, invalid chunk, cut off, not HTTP, HTTP/1.0")
def broken() -> Any:
    secure = os.environ["UPSTREAM_URL"].replace("http:", "https:")
    return [
        attempt(lambda address=address: pool.request("GET", address, retries=False))
        for address in (
            "http://no-such-host.invalid/",
            f"{secure}/json/tls",
            url("/invalid-chunk"),
            url("/cut-off"),
            url("/no-http"),
            url("/old"),
        )
    ]


@CASES("a proxy")
def proxy() -> Any:
    with urllib3.ProxyManager(os.environ["UPSTREAM_URL"]) as proxied:
        return [
            told(proxied.request("GET", "http://shop.test/json/by-proxy")),
            attempt(lambda: proxied.request("GET", "https://shop.test/", retries=False)),
        ]
