"""httpx, the synchronous client: requests, bodies, streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import told, url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("httpx", "httpx")
client = httpx.Client(timeout=20)


@CASES("GET, JSON answer")
def get_json() -> Any:
    return told(client.get(url("/json/one"), params={"a": ["1", "2"], "q": "ü &"}))


@CASES("the function httpx.get instead of a client")
def module_function() -> Any:
    return told(httpx.get(url("/json/module")))


@CASES("client with base_url, default headers and parameters")
def base_url() -> Any:
    with httpx.Client(base_url=url("/json/"), headers={"X-Custom": "c"}, params={"v": "1"}) as based:
        return told(based.get("based", params={"page": 2}))


@CASES("POST JSON")
def post_json() -> Any:
    return told(client.post(url("/echo"), json={"name": "Ada", "tags": ["x", "ü"], "amount": 1.5}))


@CASES("POST form")
def post_form() -> Any:
    return told(client.post(url("/echo"), data={"name": "Ada Lovelace", "tag": ["x", "ü"]}))


@CASES("POST multipart, random boundary")
def post_multipart() -> Any:
    files: dict[str, Any] = {
        "file": ("a.bin", b"\x00\xff\x00", "application/octet-stream"),
        "text": (None, "hello"),
    }
    return told(client.post(url("/echo"), files=files, data={"note": "ü"}))


@CASES("POST bytes")
def post_binary() -> Any:
    return told(client.post(url("/echo"), content=bytes(range(256))))


@CASES("POST from a generator, sent in chunks")
def post_generator() -> Any:
    def parts() -> Iterator[bytes]:
        for number in range(3):
            yield f"part {number};".encode()

    return told(client.post(url("/echo"), content=parts()))


@CASES("PUT, PATCH, DELETE, OPTIONS")
def other_methods() -> Any:
    return [told(client.request(method, url("/echo"))) for method in ("PUT", "PATCH", "DELETE", "OPTIONS")]


@CASES("HEAD: headers of a body that is not sent")
def head() -> Any:
    return told(client.head(url("/json/head")))


@CASES("204, empty answer")
def empty() -> Any:
    return told(client.get(url("/empty")))


@CASES("binary answer")
def binary() -> Any:
    return told(client.get(url("/binary")))


@CASES("answer in another charset")
def latin1() -> Any:
    return told(client.get(url("/latin1")))


@CASES("answer of 300 KB")
def large() -> Any:
    response = client.get(url("/large/300000"))
    return {"length": len(response.content), "end": response.text[-40:], "hash": hash(response.text) != 0}


@CASES("gzip answer, decoded")
def gzip_answer() -> Any:
    return told(client.get(url("/gzip")))


@CASES("br answer, decoded")
def br_answer() -> Any:
    return told(client.get(url("/br")))


@CASES("gzip answer, streamed raw")
def gzip_raw() -> Any:
    with client.stream("GET", url("/gzip")) as response:
        raw = b"".join(response.iter_raw())
        return {"raw": seen(raw), "downloaded": response.num_bytes_downloaded}


@CASES("br answer, streamed raw")
def br_raw() -> Any:
    with client.stream("GET", url("/br")) as response:
        return {"raw": seen(b"".join(response.iter_raw()))}


@CASES("gzip answer in chunks, streamed decoded")
def gzip_streamed() -> Any:
    with client.stream("GET", url("/gzip-chunks")) as response:
        return {"text": "".join(response.iter_text()), "downloaded": response.num_bytes_downloaded}


@CASES("stream: iter_bytes of a given size")
def iter_bytes() -> Any:
    with client.stream("GET", url("/chunks/5")) as response:
        return {"chunks": [seen(part) for part in response.iter_bytes(8)], "closed": response.is_closed}


@CASES("stream: iter_lines")
def iter_lines() -> Any:
    with client.stream("GET", url("/chunks/5")) as response:
        return list(response.iter_lines())


@CASES("stream: read() inside")
def stream_read() -> Any:
    with client.stream("GET", url("/chunks/3")) as response:
        before = [response.is_closed, response.is_stream_consumed]
        response.read()
        return [before, told(response)]


@CASES("stream: body asked for before it was read, then twice")
def stream_misused() -> Any:
    answer: list[Any] = []
    with client.stream("GET", url("/chunks/3")) as response:
        try:
            answer.append(response.text)
        except httpx.ResponseNotRead as error:
            answer.append(raised(error))
        answer.append(b"".join(response.iter_bytes()).decode())
        try:
            answer.append(list(response.iter_raw()))
        except httpx.StreamConsumed as error:
            answer.append(raised(error))
    return answer


@CASES("stream: closed early, connection used again")
def closed_early() -> Any:
    with httpx.Client() as own:
        with own.stream("GET", url("/large/200000")) as response:
            first = next(response.iter_bytes(10))
        return {"first": seen(first), "closed": response.is_closed, "then": told(own.get(url("/json/then")))}


@CASES("stream: send(stream=True), read later")
def send_stream() -> Any:
    response = client.send(client.build_request("GET", url("/chunks/4")), stream=True)
    try:
        return [
            response.status_code,
            [seen(part) for part in response.iter_raw(5)],
            response.is_stream_consumed,
        ]
    finally:
        response.close()


@CASES("server-sent events")
def events() -> Any:
    with client.stream("GET", url("/events/4"), headers={"Accept": "text/event-stream"}) as response:
        return [line for line in response.iter_lines() if line.startswith("data:")]


@CASES("redirects followed, with history")
def redirects() -> Any:
    return told(client.get(url("/redirect/3"), follow_redirects=True))


@CASES("redirect not followed, next_request")
def redirect_by_hand() -> Any:
    first = client.get(url("/redirect/1"))
    if first.next_request is None:
        return "no next request"
    return [told(first), told(client.send(first.next_request))]


@CASES("redirect of a POST: 303 turns it into GET, 307 keeps the body")
def redirect_post() -> Any:
    return [
        told(client.post(url(f"/see-other/{status}"), json={"a": 1}, follow_redirects=True))
        for status in (303, 307)
    ]


@CASES("too many redirects")
def too_many_redirects() -> Any:
    with httpx.Client(max_redirects=2, follow_redirects=True) as own:
        try:
            return told(own.get(url("/redirect/5")))
        except httpx.TooManyRedirects as error:
            return raised(error)


@CASES("repeated answer headers")
def repeated_headers() -> Any:
    response = client.get(url("/repeated-headers"))
    return [told(response), response.headers.get_list("x-twice"), response.headers["link"]]


@CASES("cookies kept from one call to the next")
def cookies() -> Any:
    with httpx.Client() as own:
        first = told(own.get(url("/set-cookies")))
        second = told(own.get(url("/cookies")))
        return [first, second, sorted(own.cookies)]


@CASES("basic authentication")
def basic_auth() -> Any:
    return [
        told(client.get(url("/basic"), auth=("ada", "l0velace"))),
        told(client.get(url("/basic"), auth=("ada", "wrong"))),
    ]


@CASES("digest authentication: 401, then a random client nonce")
def digest_auth() -> Any:
    return told(client.get(url("/digest"), auth=httpx.DigestAuth("ada", "l0velace")))


@CASES("event hooks see request and answer")
def event_hooks() -> Any:
    heard: list[str] = []

    def asked(request: httpx.Request) -> None:
        request.headers["X-Custom"] = "from the hook"
        heard.append(f"> {request.method} {request.url}")

    def answered(response: httpx.Response) -> None:
        response.read()
        heard.append(f"< {response.status_code} {len(response.content)}")

    with httpx.Client(event_hooks={"request": [asked], "response": [answered]}) as own:
        return [told(own.post(url("/echo"), content=b"x")), heard]
