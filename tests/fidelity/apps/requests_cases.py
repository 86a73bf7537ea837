"""requests: sessions, bodies, streams, redirects, errors."""

from __future__ import annotations

import io
import os
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import header, url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("requests", "requests")
session = requests.Session()
session.trust_env = False


def told(response: requests.Response) -> dict[str, Any]:
    """Everything public about a response."""
    raw = response.raw
    return {
        "status": response.status_code,
        "reason": response.reason,
        "url": response.url,
        "headers": [header(name, value) for name, value in response.headers.items()],
        "body": seen(response.content),
        "text": response.text,
        "encoding": [response.encoding, response.apparent_encoding],
        "cookies": sorted(response.cookies.keys()),
        "links": seen(response.links),
        "flags": [response.ok, response.is_redirect, response.is_permanent_redirect],
        "next": response.next and response.next.url,
        "elapsed": type(response.elapsed) is timedelta and response.elapsed > timedelta(0),
        "request": [response.request.method, response.request.url, seen(response.request.body)[:100]]
        if isinstance(response.request.body, str)
        else [response.request.method, response.request.url],
        # up to 2.31 each of them has the whole history
        "history": [told(earlier) for earlier in response.history if response not in response.history],
        "raw": [
            type(raw).__name__, raw.status, raw.reason, raw.version, raw.closed, raw.tell(),
            len(raw.headers), type(raw._original_response).__name__,
        ],
        "connection": type(response.connection).__name__,
    }  # fmt: skip


def error(problem: requests.RequestException) -> Any:
    """Everything public about an exception of requests."""
    reason = getattr(problem.args[0], "reason", None) if problem.args else None
    return [
        kind_and_text(problem),
        kind_and_text(reason),
        problem.request is not None and problem.request.url,
        problem.response is not None,
        raised_context(problem),
    ]


def kind_and_text(problem: Any) -> Any:
    return [
        type(problem).__module__,
        type(problem).__name__,
        [kind.__name__ for kind in type(problem).__mro__],
    ]


def raised_context(problem: BaseException) -> list[str]:
    chain = []
    link = problem.__cause__ or problem.__context__
    while link is not None:
        chain.append(type(link).__name__)
        link = link.__cause__ or link.__context__
    return chain


def refused(act: Any) -> Any:
    """What a call raised."""
    try:
        return told(act())
    except requests.RequestException as problem:
        return error(problem)


@CASES("GET, parameters, the function requests.get")
def get_json() -> Any:
    response = requests.get(url("/json/one"), params={"a": ["1", "2"], "q": "ü &"}, timeout=20)
    return [told(response), response.json()]


@CASES("POST: JSON, form, bytes, text, file")
def posts() -> Any:
    return [
        told(session.post(url("/echo"), json={"name": "Ada", "tags": ["x", "ü"]})),
        told(session.post(url("/echo"), data={"name": "Ada Lovelace", "tag": ["x", "ü"]})),
        told(session.post(url("/echo"), data=bytes(range(256)))),
        told(session.post(url("/echo"), data="Grüße".encode())),
        told(session.post(url("/echo"), data=io.BytesIO(b"from a file" * 5000))),
    ]


@CASES("POST multipart, random boundary")
def post_multipart() -> Any:
    files: dict[str, Any] = {
        "file": ("a.bin", b"\x00\xff\x00", "application/octet-stream"),
        "text": (None, "hello"),
    }
    return told(session.post(url("/echo"), files=files, data={"note": "ü"}))


@CASES("POST from a generator, sent in chunks")
def post_generator() -> Any:
    def parts() -> Iterator[bytes]:
        for number in range(3):
            yield f"part {number};".encode()

    return told(session.post(url("/echo"), data=parts()))


@CASES("a generator that raises")
def failing_generator() -> Any:
    def parts() -> Iterator[bytes]:
        yield b"one"
        raise LookupError("no more")

    try:
        return told(session.post(url("/echo"), data=parts()))
    except LookupError as problem:
        return raised(problem)


@CASES("PUT, PATCH, DELETE, OPTIONS, HEAD, 204, 304")
def other_methods() -> Any:
    return [
        *(told(session.request(method, url("/echo"))) for method in ("PUT", "PATCH", "DELETE", "OPTIONS")),
        told(session.head(url("/json/head"))),
        told(session.get(url("/empty"))),
        told(session.get(url("/not-modified"))),
    ]


@CASES("gzip, br, gzip in chunks, binary, another charset")
def decoded() -> Any:
    return [told(session.get(url(f"/{path}"))) for path in ("gzip", "br", "gzip-chunks", "binary", "latin1")]


@CASES("stream: iter_content in every size, iter_lines")
def iter_content() -> Any:
    answer: list[Any] = []
    for size in (None, 1000, 7):
        for path in ("/chunks/4", "/gzip-chunks"):
            with session.get(url(path), stream=True) as response:
                answer.append([seen(part) for part in response.iter_content(size)][:20])
    with session.get(url("/chunks/4"), stream=True) as response:
        answer.append(list(response.iter_lines(decode_unicode=True)))
    return answer


@CASES("stream: raw.read, raw.stream, raw.read1, decoded and not")
def raw() -> Any:
    answer: list[Any] = []
    for decode in (False, True):
        with session.get(url("/gzip"), stream=True) as response:
            answer.append(
                [
                    seen(response.raw.read(20, decode_content=decode)),
                    len(response.raw.read(decode_content=decode)),
                ]
            )
        with session.get(url("/gzip-chunks"), stream=True) as response:
            answer.append([len(part) for part in response.raw.stream(64, decode_content=decode)])
    with session.get(url("/chunks/3"), stream=True) as response:
        answer.append([response.raw.readable(), response.raw.read(5).decode(), response.raw.data.decode()])
    return answer


@CASES("stream: closed early, connection used again")
def closed_early() -> Any:
    with requests.Session() as own:
        with own.get(url("/large/200000"), stream=True) as response:
            first = next(response.iter_content(10))
        return [seen(first), response.raw.closed, told(own.get(url("/json/then")))]


@CASES("stream: body read twice")
def stream_misused() -> Any:
    with session.get(url("/chunks/3"), stream=True) as response:
        whole = b"".join(response.iter_content(10)).decode()
        try:
            return [whole, response.content]
        except RuntimeError as problem:
            return [whole, raised(problem)]


@CASES("redirects followed, with history; not followed")
def redirects() -> Any:
    return [
        told(session.get(url("/redirect/3"))),
        told(session.get(url("/redirect/1"), allow_redirects=False)),
        told(session.post(url("/see-other/303"), json={"a": 1})),
        told(session.post(url("/see-other/307"), json={"a": 1})),
    ]


@CASES("too many redirects")
def too_many_redirects() -> Any:
    with requests.Session() as own:
        own.max_redirects = 2
        return refused(lambda: own.get(url("/redirect/5")))


@CASES("repeated answer headers, cookies of a session")
def headers_and_cookies() -> Any:
    with requests.Session() as own:
        first = own.get(url("/repeated-headers"))
        own.get(url("/set-cookies"))
        return [told(first), first.raw.headers.getlist("x-twice"), told(own.get(url("/cookies"))),
                sorted(own.cookies.keys())]  # fmt: skip


@CASES("basic and digest authentication")
def auth() -> Any:
    digest = requests.auth.HTTPDigestAuth("ada", "l0velace")
    return [
        told(session.get(url("/basic"), auth=("ada", "l0velace"))),
        told(session.get(url("/basic"), auth=("ada", "wrong"))),
        told(session.get(url("/digest"), auth=digest)),
    ]


@CASES("raise_for_status")
def raise_for_status() -> Any:
    answer = []
    for status in (404, 500):
        response = session.get(url(f"/status/{status}"))
        try:
            response.raise_for_status()
        except requests.HTTPError as problem:
            answer.append([raised(problem), problem.response is response, told(response)])
    return answer


@CASES("hooks see answers")
def hooks() -> Any:
    heard: list[Any] = []

    def answered(response: requests.Response, **options: Any) -> None:
        heard.append([response.status_code, response.url, sorted(options)])

    return [told(session.get(url("/redirect/1"), hooks={"response": answered})), heard]


@CASES("an adapter with retries after 503")
def retries() -> Any:
    with requests.Session() as own:
        again = Retry(5, status_forcelist=[503], backoff_factor=0)
        own.mount("http://", HTTPAdapter(max_retries=again))
        response = own.get(url("/flaky/requests"))
        history = [(attempt.method, attempt.status, attempt.url) for attempt in response.raw.retries.history]
        return [told(response), history]


@CASES("retries used up")
def retries_used_up() -> Any:
    with requests.Session() as own:
        own.mount("http://", HTTPAdapter(max_retries=Retry(1, status_forcelist=[500], backoff_factor=0)))
        return refused(lambda: own.get(url("/status/500")))


@CASES("ReadTimeout, in the head and in the body")
def read_timeout() -> Any:
    answer = [refused(lambda: session.get(url("/hang"), timeout=(5, 0.05)))]
    with session.get(url("/half"), timeout=(5, 0.05), stream=True) as response:
        got: list[Any] = []
        try:
            got.extend(seen(part) for part in response.iter_content(5))
        except requests.ConnectionError as problem:
            got.append(error(problem))
    return [*answer, got]


@CASES("ConnectTimeout, connection refused, no such host")
def no_connection() -> Any:
    return [
        refused(lambda: session.get(os.environ["FULL_URL"], timeout=(0.05, 5))),
        refused(lambda: session.get(os.environ["CLOSED_URL"])),
        refused(lambda: session.get("http://no-such-host.invalid/")),
        refused(lambda: session.post(os.environ["CLOSED_URL"], json={"a": 1})),
    ]


@CASES("TLS: nothing listens; a server that speaks none; no such certificate file")
def tls() -> Any:
    plain = os.environ["UPSTREAM_URL"].replace("http:", "https:")
    return [
        refused(lambda: session.get("https://127.0.0.1:1/")),
        refused(lambda: session.get(f"{plain}/json/tls")),
        refused(lambda: session.get(f"{plain}/json/unverified", verify=False)),
    ]


@CASES("invalid chunk, body cut off, not HTTP at all, HTTP/1.0")
def broken_answers() -> Any:
    return [
        refused(lambda path=path: session.get(url(path)))
        for path in ("/invalid-chunk", "/cut-off", "/no-http", "/old")
    ]


@CASES("an address that is none: error before any connection")
def no_address() -> Any:
    return [refused(lambda: session.get("gopher://example.test/")), refused(lambda: session.get("http://"))]


@CASES("through a proxy: forwarded, tunnel refused, proxy not there")
def proxies() -> Any:
    upstream = os.environ["UPSTREAM_URL"]
    return [
        told(session.get("http://shop.test/json/by-proxy", proxies={"http": upstream})),
        refused(lambda: session.get("https://shop.test/json/by-proxy", proxies={"https": upstream})),
        refused(lambda: session.get("http://shop.test/", proxies={"http": os.environ["CLOSED_URL"]})),
        refused(lambda: session.get("https://shop.test/", proxies={"https": os.environ["CLOSED_URL"]})),
    ]


@CASES("a response pickled and back")
def pickled() -> Any:
    response = pickle.loads(pickle.dumps(session.get(url("/json/pickled"))))  # noqa: S301  # of our own
    return [response.status_code, response.url, response.json(), response.headers["content-type"]]


@CASES("the same call four times, four answers")
def same_call_again() -> Any:
    return [session.get(url("/counter/requests")).json() for _ in range(4)]


@CASES("ThreadPoolExecutor, four different calls; a thread of the endpoint's own")
def threads() -> Any:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: told(requests.get(url(f"/json/{name}"), timeout=20)), "abcd"))
    worker = threading.Thread(target=lambda: answers.append(told(session.get(url("/json/thread")))))
    worker.start()
    worker.join()
    return answers


@CASES("JSON with NaN, integers beyond 64 bits; JSON that is none")
def odd_json() -> Any:
    answer = [seen(session.get(url(path)).json()) for path in ("/nan", "/int64")]
    try:
        session.get(url("/gzip")).json()
    except requests.JSONDecodeError as problem:
        answer.append(kind_and_text(problem))
    return answer


@CASES("50 calls in one request, one pool")
def fifty_calls() -> Any:
    with requests.Session() as own:
        return [own.get(url(f"/json/{number}")).json()["place"] for number in range(50)]
