"""httpx, the asynchronous client."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import told, url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("httpx, asynchronous", "httpx-async")
tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


def new_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=20)


@CASES("GET, JSON answer")
async def get_json() -> Any:
    async with new_client() as client:
        return told(await client.get(url("/json/one"), params={"a": ["1", "2"], "q": "ü &"}))


@CASES("POST JSON, form, bytes, multipart")
async def posts() -> Any:
    async with new_client() as client:
        return [
            told(await client.post(url("/echo"), json={"name": "Ada", "tags": ["x", "ü"]})),
            told(await client.post(url("/echo"), data={"name": "Ada Lovelace"})),
            told(await client.post(url("/echo"), content=bytes(range(256)))),
            told(await client.post(url("/echo"), files={"file": ("a.bin", b"\x00\xff")})),
        ]


@CASES("POST from an asynchronous generator")
async def post_generator() -> Any:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"part {number};".encode()
            await asyncio.sleep(0)

    async with new_client() as client:
        return told(await client.post(url("/echo"), content=parts()))


@CASES("HEAD and 204")
async def without_body() -> Any:
    async with new_client() as client:
        return [told(await client.head(url("/json/head"))), told(await client.get(url("/empty")))]


@CASES("gzip and br answers, decoded")
async def compressed() -> Any:
    async with new_client() as client:
        return [told(await client.get(url("/gzip"))), told(await client.get(url("/br")))]


@CASES("stream: aiter_raw of a gzip answer")
async def aiter_raw() -> Any:
    async with new_client() as client, client.stream("GET", url("/gzip-chunks")) as response:
        raw = b"".join([part async for part in response.aiter_raw()])
        return [seen(raw), response.num_bytes_downloaded]


@CASES("stream: aiter_bytes, aiter_text, aiter_lines")
async def aiter_all() -> Any:
    async with new_client() as client:
        async with client.stream("GET", url("/chunks/4")) as response:
            parts = [seen(part) async for part in response.aiter_bytes(7)]
        async with client.stream("GET", url("/chunks/4")) as response:
            text = "".join([part async for part in response.aiter_text()])
        async with client.stream("GET", url("/chunks/4")) as response:
            lines = [line async for line in response.aiter_lines()]
        return [parts, text, lines]


@CASES("stream: aread() inside")
async def stream_read() -> Any:
    async with new_client() as client, client.stream("GET", url("/chunks/3")) as response:
        await response.aread()
        return told(response)


@CASES("stream: closed early, client used again")
async def closed_early() -> Any:
    async with new_client() as client:
        async with client.stream("GET", url("/large/200000")) as response:
            parts = response.aiter_bytes(10)
            first = await anext(parts)
        return [seen(first), response.is_closed, told(await client.get(url("/json/then")))]


@CASES("server-sent events")
async def events() -> Any:
    async with new_client() as client, client.stream("GET", url("/events/4")) as response:
        return [line async for line in response.aiter_lines()]


@CASES("redirects followed, with history")
async def redirects() -> Any:
    async with httpx.AsyncClient(follow_redirects=True) as client:
        return told(await client.get(url("/redirect/3")))


@CASES("raise_for_status")
async def raise_for_status() -> Any:
    async with new_client() as client:
        response = await client.get(url("/status/503"))
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            return [raised(error), told(error.response)]


@CASES("repeated headers, cookies of one client")
async def headers_and_cookies() -> Any:
    async with new_client() as client:
        return [
            told(await client.get(url("/repeated-headers"))),
            told(await client.get(url("/set-cookies"))),
            told(await client.get(url("/cookies"))),
        ]


@CASES("basic and digest authentication")
async def auth() -> Any:
    async with new_client() as client:
        return [
            told(await client.get(url("/basic"), auth=("ada", "l0velace"))),
            told(await client.get(url("/digest"), auth=httpx.DigestAuth("ada", "l0velace"))),
        ]


@CASES("event hooks")
async def event_hooks() -> Any:
    heard: list[str] = []

    async def asked(request: httpx.Request) -> None:
        heard.append(f"> {request.method} {request.url}")

    async def answered(response: httpx.Response) -> None:
        await response.aread()
        heard.append(f"< {response.status_code} {len(response.content)}")

    async with httpx.AsyncClient(event_hooks={"request": [asked], "response": [answered]}) as client:
        return [told(await client.get(url("/json/hooked"))), heard]


@CASES("ReadTimeout, ConnectTimeout, ConnectError")
async def timeouts() -> Any:
    answers: list[Any] = []
    async with new_client() as client:
        for address, timeout in (
            (url("/hang"), httpx.Timeout(20, read=0.05)),
            (os.environ["FULL_URL"], httpx.Timeout(20, connect=0.05)),
            (os.environ["CLOSED_URL"], httpx.Timeout(20)),
        ):
            try:
                answers.append(told(await client.get(address, timeout=timeout)))
            except httpx.TransportError as error:
                answers.append([raised(error), str(error.request.url)])
    return answers


@CASES("RemoteProtocolError: invalid chunk, body cut off, not HTTP")
async def protocol_errors() -> Any:
    answers = []
    async with new_client() as client:
        for path in ("/invalid-chunk", "/cut-off", "/no-http"):
            try:
                answers.append(told(await client.get(url(path))))
            except httpx.RemoteProtocolError as error:
                answers.append(raised(error))
    return answers


@CASES("cancelled by asyncio.timeout")
async def cancelled() -> Any:
    async with new_client() as client:
        try:
            async with asyncio.timeout(0.1):
                return told(await client.get(url("/hang")))
        except TimeoutError as error:
            return [raised(error), told(await client.get(url("/json/after-the-timeout")))]


@CASES("JSON with NaN, integers beyond 64 bits")
async def odd_json() -> Any:
    async with new_client() as client:
        return [seen((await client.get(url("/nan"))).json()), seen((await client.get(url("/int64"))).json())]


@CASES("retries after 503")
async def retries() -> Any:
    answers: list[Any] = []
    async with new_client() as client:
        while not answers or answers[-1][0] == 503:
            response = await client.get(url("/flaky/async-retries"))
            answers.append([response.status_code, response.json()])
    return answers


@CASES("gather of five different calls")
async def gather() -> Any:
    async with new_client() as client:
        responses = await asyncio.gather(*(client.get(url(f"/json/{name}")) for name in "abcde"))
        return [told(response) for response in responses]


@CASES("gather of four equal calls, four answers", repeats=False)
async def gather_equal_calls() -> Any:
    async with new_client() as client:
        responses = await asyncio.gather(*(client.get(url("/counter/gather")) for _ in range(4)))
        return [response.json()["turn"] for response in responses]


@CASES("gather of tasks that each make two calls, one of them equal", repeats=False)
async def gather_of_chains() -> Any:
    async with new_client() as client:

        async def chain(name: str) -> list[Any]:
            first = await client.get(url("/counter/chains"))
            second = await client.get(url(f"/json/{name}"))
            third = await client.get(url("/counter/chains"))
            return [first.json(), second.json(), third.json()]

        return await asyncio.gather(*(chain(name) for name in "abcd"))


@CASES("TaskGroup, one of its calls fails")
async def task_group() -> Any:
    answer: list[Any] = []
    async with new_client() as client:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(client.get(url("/json/fine")))
                group.create_task(client.get(os.environ["CLOSED_URL"]))
        except* httpx.ConnectError as errors:
            answer += [raised(error) for error in errors.exceptions]
    return answer


@CASES("context variables set before and inside a call are kept")
async def context_variables() -> Any:
    tenant.set("ada")
    seen_inside: list[str] = []

    async def asked(request: httpx.Request) -> None:
        seen_inside.append(tenant.get())
        tenant.set("changed in the hook")

    async with httpx.AsyncClient(event_hooks={"request": [asked]}) as client:
        answer = told(await client.get(url("/json/tenant")))
    return [answer, seen_inside, tenant.get()]


@CASES("a synchronous call in asyncio.to_thread")
async def to_thread() -> Any:
    return told(await asyncio.to_thread(httpx.get, url("/json/to-thread")))


@CASES("50 calls in one request")
async def fifty_calls() -> Any:
    async with new_client() as client:
        return [(await client.get(url(f"/json/{number}"))).json()["place"] for number in range(50)]
