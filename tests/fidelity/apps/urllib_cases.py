"""urllib.request and http.client, of the standard library."""

from __future__ import annotations

import http.client
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import header, url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("urllib.request and http.client", "urllib")


def told(response: Any) -> dict[str, Any]:
    """Everything public about a response, read here."""
    return {
        "class": type(response).__name__,
        "status": [response.status, response.code, response.getcode()],
        "reason": response.reason,
        "msg": str(response.msg) if isinstance(response.msg, str) else None,
        "version": response.version,
        "url": response.geturl(),
        "headers": [header(name, value) for name, value in response.headers.items()],
        "length": response.length,
        "body": seen(response.read()),
        "closed": response.isclosed(),
    }


def attempt(address: str, **options: Any) -> Any:
    """What opening a URL gave or raised."""
    try:
        with urllib.request.urlopen(address, **options) as response:  # noqa: S310  # of the tests' own
            return told(response)
    except urllib.error.HTTPError as problem:
        with problem:
            return [raised(problem), problem.code, problem.reason, problem.url, seen(problem.read())]
    except urllib.error.URLError as problem:
        return [raised(problem), raised(problem.reason) if isinstance(problem.reason, OSError) else None]
    except (OSError, http.client.HTTPException) as problem:
        return raised(problem)


@CASES("urlopen: GET, POST, PUT, redirects")
def urlopen() -> Any:
    put = urllib.request.Request(url("/echo"), b"\x00\xff", {"X-Custom": "c"}, method="PUT")  # noqa: S310
    form = urllib.parse.urlencode({"name": "Ada", "q": "ü"}).encode()
    return [
        attempt(url("/json/one?a=1")),
        attempt(url("/echo"), data=form),
        attempt(put),  # type: ignore[arg-type]  # an address or a request
        attempt(url("/redirect/2")),
        attempt(url("/chunks/3")),
        attempt(url("/gzip")),
        attempt(url("/empty")),
    ]


@CASES("HTTPError is a response, URLError has a reason, timeouts")
def errors() -> Any:
    return [
        attempt(url("/status/404")),
        attempt(url("/status/500")),
        attempt(os.environ["CLOSED_URL"]),
        attempt("http://no-such-host.invalid/"),
        attempt(url("/hang"), timeout=0.05),
        attempt(url("/half"), timeout=0.05),
        attempt(url("/cut-off")),
        attempt(url("/invalid-chunk")),
        attempt(url("/no-http")),
        attempt(url("/old")),
    ]


@CASES("partial read, readline, iteration, readinto, read1")
def reading() -> Any:
    with urllib.request.urlopen(url("/chunks/4")) as response:  # noqa: S310  # of the tests' own
        buffer = bytearray(4)
        return [
            seen(response.read(3)), seen(response.readline()), response.readinto(buffer), seen(bytes(buffer)),
            seen(response.read1(100)), [seen(line) for line in response], response.closed,
        ]  # fmt: skip


@CASES("urlretrieve, openers, basic authentication, cookies")
def openers() -> Any:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url("/"), "ada", "l0velace")
    opener = urllib.request.build_opener(
        urllib.request.HTTPBasicAuthHandler(passwords), urllib.request.HTTPCookieProcessor()
    )
    with tempfile.TemporaryDirectory() as folder:
        path, headers = urllib.request.urlretrieve(url("/binary"), f"{folder}/binary")  # noqa: S310
        with open(path, "rb") as file:
            retrieved = seen(file.read())
    with opener.open(url("/basic")) as first, opener.open(url("/set-cookies")) as second:
        told_both = [told(first), told(second)]
    with opener.open(url("/cookies")) as third:
        return [retrieved, headers["content-length"], *told_both, told(third)]


@CASES("http.client: request, step by step, kept alive, HEAD")
def connection() -> Any:
    host = os.environ["UPSTREAM_URL"].removeprefix("http://")
    own = http.client.HTTPConnection(host, timeout=20)
    answer: list[Any] = []
    own.request("GET", "/json/one", headers={"X-Custom": "c"})
    answer.append(plain(own.getresponse()))
    own.putrequest("POST", "/echo", skip_accept_encoding=True)
    own.putheader("Content-Length", "6")
    own.endheaders()
    own.send(b"abc")
    own.send(b"def")
    answer.append(plain(own.getresponse()))
    own.request("POST", "/echo", body=iter([b"one", b"two"]), encode_chunked=True,
                headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    answer.append(plain(own.getresponse()))
    own.request("HEAD", "/json/head")
    answer.append(plain(own.getresponse()))
    own.request("GET", "/repeated-headers")
    answer.append(plain(own.getresponse()))
    own.request("GET", "/json/first")
    try:
        own.request("GET", "/json/second")
    except http.client.CannotSendRequest as problem:
        answer.append(raised(problem))
    own.close()
    return answer


@CASES("http.client: refused, cut off, not HTTP, hung up")
def connection_errors() -> Any:
    answer: list[Any] = []
    closed = http.client.HTTPConnection(os.environ["CLOSED_URL"].removeprefix("http://"))
    try:
        closed.request("POST", "/", body=b"abc")
    except OSError as problem:
        answer.append([raised(problem), problem.errno])
    for path in ("/cut-off", "/no-http", "/invalid-chunk"):
        own = http.client.HTTPConnection(os.environ["UPSTREAM_URL"].removeprefix("http://"))
        try:
            own.request("GET", path)
            answer.append(plain(own.getresponse()))
        except (http.client.HTTPException, ValueError) as problem:
            answer.append([raised(problem), seen(vars(problem))])
        finally:
            own.close()
    return answer


def plain(response: http.client.HTTPResponse) -> Any:
    """Everything public about a response of a connection."""
    headers = [header(name, value) for name, value in response.getheaders()]
    status = [response.status, response.reason, response.version, response.getheader("x-twice")]
    return [status, headers, seen(response.read()), response.isclosed(), response.will_close]
