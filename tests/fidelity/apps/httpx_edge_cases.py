"""httpx, the synchronous client: errors, repetition, threads."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import told, url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("httpx", "httpx")
client = httpx.Client(timeout=20)


@CASES("404 and 500, raise_for_status")
def raise_for_status() -> Any:
    answer = []
    for status in (404, 500):
        response = client.get(url(f"/status/{status}"))
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            answer.append([raised(error), error.response is response, told(error.response)])
    return answer


@CASES("reason phrase of the server's own")
def reason() -> Any:
    return told(client.get(url("/reason")))


@CASES("HTTP/1.0 answer that ends with the connection")
def old_http() -> Any:
    return told(client.get(url("/old")))


@CASES("custom timeout, answered in time")
def custom_timeout() -> Any:
    timeout = httpx.Timeout(20, connect=5, read=15, write=10, pool=3)
    response = client.get(url("/json/timeout"), timeout=timeout)
    return [told(response), seen(response.request.extensions["timeout"])]


@CASES("ReadTimeout")
def read_timeout() -> Any:
    try:
        return told(client.get(url("/hang"), timeout=httpx.Timeout(20, read=0.05)))
    except httpx.ReadTimeout as error:
        return [raised(error), str(error.request.url)]


@CASES("ReadTimeout in the middle of a streamed body")
def read_timeout_in_body() -> Any:
    got: list[Any] = []
    try:
        with client.stream("GET", url("/half"), timeout=httpx.Timeout(20, read=0.05)) as response:
            got.append(response.status_code)
            got.extend(seen(part) for part in response.iter_bytes())
    except httpx.ReadTimeout as error:
        got.append(raised(error))
    return got


@CASES("ConnectTimeout")
def connect_timeout() -> Any:
    try:
        return told(client.get(os.environ["FULL_URL"], timeout=httpx.Timeout(20, connect=0.05)))
    except httpx.ConnectTimeout as error:
        return [raised(error), str(error.request.url)]


@CASES("ConnectError: nothing listens")
def connect_error() -> Any:
    try:
        return told(client.get(os.environ["CLOSED_URL"]))
    except httpx.ConnectError as error:
        return [raised(error), str(error.request.url)]


@CASES("RemoteProtocolError: invalid chunk")
def invalid_chunk() -> Any:
    try:
        return told(client.get(url("/invalid-chunk")))
    except httpx.RemoteProtocolError as error:
        return raised(error)


@CASES("RemoteProtocolError: body cut off")
def cut_off() -> Any:
    try:
        return told(client.get(url("/cut-off")))
    except httpx.RemoteProtocolError as error:
        return raised(error)


@CASES("RemoteProtocolError: not HTTP at all")
def no_http() -> Any:
    try:
        return told(client.get(url("/no-http")))
    except httpx.RemoteProtocolError as error:
        return raised(error)


@CASES("an address that is none: error before any connection")
def unsupported_protocol() -> Any:
    try:
        return told(client.get("gopher://example.test/"))
    except httpx.UnsupportedProtocol as error:
        return raised(error)


@CASES("JSON with NaN and infinities")
def nan() -> Any:
    response = client.get(url("/nan"))
    return [told(response), seen(response.json())]


@CASES("JSON integers beyond 64 bits, floats without fraction")
def int64() -> Any:
    response = client.get(url("/int64"))
    return [told(response), seen(response.json())]


@CASES("the same call four times, four answers")
def same_call_again() -> Any:
    return [client.get(url("/counter/again")).json() for _ in range(4)]


@CASES("retries after 503")
def retries() -> Any:
    answers = []
    for _ in range(5):
        response = client.get(url("/flaky/retries"))
        answers.append([response.status_code, response.headers.get("retry-after"), response.json()])
        if response.is_success:
            break
    return answers


@CASES("transport with retries, connection refused")
def transport_retries() -> Any:
    with httpx.Client(transport=httpx.HTTPTransport(retries=1)) as own:
        try:
            return told(own.get(os.environ["CLOSED_URL"]))
        except httpx.ConnectError as error:
            return raised(error)


@CASES("mounted transports")
def mounts() -> Any:
    with httpx.Client(mounts={"all://127.0.0.1": httpx.HTTPTransport()}) as own:
        return told(own.get(url("/json/mounted")))


@CASES("50 calls in one request")
def fifty_calls() -> Any:
    return [client.get(url(f"/json/{number}")).json()["place"] for number in range(50)]


@CASES("ThreadPoolExecutor, four different calls at once")
def thread_pool() -> Any:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda name: told(client.get(url(f"/json/{name}"))), "abcd"))


@CASES("ThreadPoolExecutor, four equal calls at once, four answers", repeats=False)
def thread_pool_equal_calls() -> Any:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: client.get(url("/counter/pool")).json()["turn"], range(4)))


@CASES("a thread of the endpoint's own")
def thread() -> Any:
    answers: list[Any] = []
    worker = threading.Thread(target=lambda: answers.append(told(client.get(url("/json/thread")))))
    worker.start()
    worker.join()
    return answers
