"""aiohttp's client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import header, url
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("aiohttp", "aiohttp")


def session(**options: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20), **options)


async def told(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Everything public about a response, read here."""
    body = await response.read()
    return {
        "status": response.status,
        "reason": response.reason,
        "version": seen(response.version),
        "url": [str(response.url), str(response.real_url)],
        "method": response.method,
        "headers": [header(name, value) for name, value in response.headers.items()],
        "raw headers": len(response.raw_headers),
        "body": seen(body),
        "twice": body == await response.read(),
        "type": [response.content_type, response.charset, seen(response.content_disposition)],
        "cookies": sorted(response.cookies),
        "links": len(response.links),
        "ok": [response.ok, response.closed, response.content.at_eof()],
        "history": [[one.status, str(one.url)] for one in response.history],
        "request": [response.request_info.method, str(response.request_info.url)],
    }


async def attempt(client: aiohttp.ClientSession, path: str, **options: Any) -> Any:
    """What a call gave or raised."""
    address = path if "://" in path else url(path)
    try:
        async with client.get(address, **options) as response:
            return await told(response)
    except (aiohttp.ClientError, TimeoutError) as problem:
        under = getattr(problem, "os_error", None)
        names = ("status", "message", "errno", "strerror", "host", "port", "ssl")
        fields = {name: seen(getattr(problem, name)) for name in names if hasattr(problem, name)}
        return [raised_without_arguments(problem), fields, under and raised(under)]


def raised_without_arguments(problem: BaseException) -> Any:
    return {name: value for name, value in raised(problem).items() if name not in ("arguments", "text")}, (
        str(problem).split(" object at ")[0]
    )


@CASES("GET, JSON, text, parameters")
async def get_json() -> Any:
    async with session() as client, client.get(url("/json/one"), params={"a": "1", "q": "ü &"}) as response:
        return [await told(response), await response.json(), await response.text()]


@CASES("POST: JSON, form, bytes, text, multipart, generator, compressed")
async def posts() -> Any:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"part {number};".encode()
            await asyncio.sleep(0)

    form = aiohttp.FormData({"k": "v"})
    form.add_field("f", b"\x00\xff", filename="a.bin")
    answers = []
    async with session() as client:
        bodies: list[dict[str, Any]] = [
            {"json": {"name": "Ada", "tags": ["x", "ü"]}}, {"data": {"name": "Ada Lovelace"}},
            {"data": bytes(range(256))}, {"data": "Grüße"}, {"data": form}, {"data": parts()},
            {"data": b"squeeze me" * 50, "compress": "deflate"}, {"data": b"x" * 200_000},
            {"data": b"asked before", "expect100": True},
        ]  # fmt: skip
        for body in bodies:
            async with client.post(url("/echo"), **body) as response:
                answers.append(await told(response))
    return answers


@CASES("a generator that raises")
async def failing_generator() -> Any:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("no more")

    async with session() as client:
        try:
            async with client.post(url("/echo"), data=parts()) as response:
                return await told(response)
        except aiohttp.ClientError as problem:
            return raised_without_arguments(problem)


@CASES("PUT, PATCH, DELETE, OPTIONS, HEAD, 204, 304")
async def other_methods() -> Any:
    answers = []
    async with session() as client:
        for method, path in (
            ("PUT", "/echo"), ("PATCH", "/echo"), ("DELETE", "/echo"), ("OPTIONS", "/echo"),
            ("HEAD", "/json/head"), ("GET", "/empty"), ("GET", "/not-modified"),
        ):  # fmt: skip
            async with client.request(method, url(path)) as response:
                answers.append(await told(response))
    return answers


@CASES("gzip, br, gzip in chunks, binary, another charset, not decompressed")
async def decoded() -> Any:
    async with session() as client, session(auto_decompress=False) as raw:
        answers = [
            await attempt(client, path) for path in ("/gzip", "/br", "/gzip-chunks", "/binary", "/latin1")
        ]
        return [*answers, await attempt(raw, "/gzip")]


@CASES("stream: iter_chunked, iter_chunks, lines, read, readexactly, readline, readany")
async def streams() -> Any:
    answers: list[Any] = []
    async with session() as client:
        async with client.get(url("/chunks/4")) as response:
            parts = [part async for part in response.content.iter_chunked(8)]
            answers.append([b"".join(parts).decode(), max(map(len, parts)) <= 8])
        async with client.get(url("/chunks/4")) as response:
            chunks = [chunk async for chunk in response.content.iter_chunks()]
            answers.append([[seen(data), ends] for data, ends in chunks if data])
        async with client.get(url("/chunks/4")) as response:
            answers.append([seen(line) async for line in response.content])
        async with client.get(url("/chunks/4")) as response:
            content = response.content
            answers.append([seen(await content.read(3)), seen(await content.readexactly(4)),
                            seen(await content.readline()), seen(await content.read())])  # fmt: skip
        async with client.get(url("/chunks/4")) as response:
            answers.append(b"".join([part async for part in response.content.iter_any()]).decode())
        async with client.get(url("/events/3")) as response:
            answers.append([seen(line) async for line in response.content])
    return answers


@CASES("stream: readexactly beyond the end; closed early, session used again")
async def stream_ends() -> Any:
    async with session() as client:
        async with client.get(url("/chunks/2")) as response:
            try:
                await response.content.readexactly(1000)
            except asyncio.IncompleteReadError as problem:
                answer = raised(problem)
        async with client.get(url("/large/200000")) as response:
            first = await response.content.read(10)
        return [answer, seen(first), response.closed, await attempt(client, "/json/then")]


@CASES("redirects: followed, not followed, 303 and 307 of a POST, too many")
async def redirects() -> Any:
    async with session() as client:
        answers = [
            await attempt(client, "/redirect/3"),
            await attempt(client, "/redirect/1", allow_redirects=False),
            await attempt(client, "/redirect/5", max_redirects=2),
        ]
        for status in (303, 307):
            async with client.post(url(f"/see-other/{status}"), json={"a": 1}) as response:
                answers.append(await told(response))
        return answers


@CASES("repeated headers, cookies of a session, basic authentication")
async def headers_and_cookies() -> Any:
    async with session(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        answers = [await attempt(client, path) for path in ("/repeated-headers", "/set-cookies", "/cookies")]
        auth = aiohttp.BasicAuth("ada", "l0velace")
        return [*answers, sorted(cookie.key for cookie in client.cookie_jar),
                await attempt(client, "/basic", auth=auth), await attempt(client, "/basic")]  # fmt: skip


@CASES("raise_for_status, by the call and by the session")
async def raise_for_status() -> Any:
    async with session() as client, session(raise_for_status=True) as strict:
        answers = [await attempt(strict, path) for path in ("/status/404", "/status/500")]
        async with client.get(url("/status/503")) as response:
            try:
                response.raise_for_status()
            except aiohttp.ClientResponseError as problem:
                answers.append([problem.status, problem.message, str(problem.request_info.url)])
        return answers


@CASES("timeouts: total, of reading, of connecting; in the body")
async def timeouts() -> Any:
    async with session() as client:
        return [
            await attempt(client, "/hang", timeout=aiohttp.ClientTimeout(total=0.1)),
            await attempt(client, "/hang", timeout=aiohttp.ClientTimeout(sock_read=0.1)),
            await attempt(client, os.environ["FULL_URL"], timeout=aiohttp.ClientTimeout(sock_connect=0.1)),
            await attempt(client, os.environ["FULL_URL"], timeout=aiohttp.ClientTimeout(connect=0.1)),
            await attempt(client, "/half", timeout=aiohttp.ClientTimeout(total=0.1)),
            await attempt(client, "/half", timeout=aiohttp.ClientTimeout(sock_read=0.1)),
        ]


@CASES("connection refused, no such host, TLS with a server that speaks none")
async def no_connection() -> Any:
    secure = os.environ["UPSTREAM_URL"].replace("http:", "https:")
    async with session() as client:
        return [
            await attempt(client, os.environ["CLOSED_URL"]),
            await attempt(client, "http://no-such-host.invalid/"),
            await attempt(client, f"{secure}/json/tls"),
        ]


@CASES("invalid chunk, body cut off, not HTTP at all, HTTP/1.0, an address that is none")
async def broken_answers() -> Any:
    async with session() as client:
        return [
            await attempt(client, path)
            for path in ("/invalid-chunk", "/cut-off", "/no-http", "/old", "gopher://example.test/")
        ]


@CASES("cancelled by asyncio.timeout, before the answer and in the body")
async def cancelled() -> Any:
    answers: list[Any] = []
    async with session() as client:
        for path in ("/hang", "/half"):
            try:
                async with asyncio.timeout(0.1), client.get(url(path)) as response:
                    answers.append(seen(await response.content.readany()))
                    answers.append(seen(await response.content.readany()))
            except TimeoutError as problem:
                answers.append(raised(problem))
        return [*answers, await attempt(client, "/json/after")]


@CASES("trace configs hear of every step")
async def traces() -> Any:
    heard: list[str] = []
    config = aiohttp.TraceConfig()
    for name in ("request_start", "request_end", "request_redirect", "connection_create_start",
                 "connection_create_end", "request_chunk_sent", "response_chunk_received",
                 "request_headers_sent"):  # fmt: skip

        async def note(_session: Any, _context: Any, _params: Any, name: str = name) -> None:
            heard.append(name)

        getattr(config, f"on_{name}").append(note)
    async with session(trace_configs=[config]) as client:
        await attempt(client, "/redirect/1")
        async with client.post(url("/echo"), data=b"x") as response:
            await response.read()
    return heard


@CASES("gather of five different calls")
async def gather() -> Any:
    async with session() as client:
        return await asyncio.gather(*(attempt(client, f"/json/{name}") for name in "abcde"))


@CASES("gather of four equal calls, four answers", repeats=False)
async def gather_equal_calls() -> Any:
    async def turn(client: aiohttp.ClientSession) -> Any:
        async with client.get(url("/counter/aiohttp")) as response:
            return (await response.json())["turn"]

    async with session() as client:
        return await asyncio.gather(*(turn(client) for _ in range(4)))


@CASES("the same call four times; retries after 503")
async def repeated() -> Any:
    async with session() as client:
        answers = [(await attempt(client, "/counter/again"))["body"] for _ in range(4)]
        while not answers or answers[-1] != 200:
            answers.append((await attempt(client, "/flaky/aiohttp"))["status"])
        return answers


@CASES("50 calls in one request")
async def fifty_calls() -> Any:
    async with session() as client:
        return [(await attempt(client, f"/json/{number}"))["body"] for number in range(50)]
