"""HTTP clients whose calls go wrong: each raises what it raises of itself."""

from __future__ import annotations

import asyncio
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import boto3
import botocore.config
import botocore.exceptions
import httpx
import pytest
import requests
import urllib3

import timetracer_otel
from tests.integrations.upstream import Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine"


def by_httpx(url: str) -> tuple[int, str]:
    response = httpx.get(url)
    return response.status_code, response.text


def by_httpx_asynchronously(url: str) -> tuple[int, str]:
    async def ask() -> tuple[int, str]:
        async with httpx.AsyncClient() as client:
            response = await client.get(url)
        return response.status_code, response.text

    return asyncio.run(ask())


def by_requests(url: str) -> tuple[int, str]:
    response = requests.get(url, timeout=60)
    return response.status_code, response.text


def by_urllib3(url: str) -> tuple[int, str]:
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", url, retries=False)
    return response.status, response.data.decode()


def by_urllib(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310  # our own server
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def by_http_client(url: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", urlsplit(url).path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def by_aiohttp(url: str) -> tuple[int, str]:
    async def ask() -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    return asyncio.run(ask())


def by_botocore(url: str) -> tuple[int, str]:
    place = urlsplit(url)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{place.netloc}",
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    _, bucket, key = place.path.split("/")
    try:
        found = client.get_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    return found["ResponseMetadata"]["HTTPStatusCode"], found["Body"].read().decode()


CLIENTS: dict[Callable[[str], tuple[int, str]], dict[str, type[BaseException]]] = {
    by_httpx: {
        "timeout": httpx.ReadTimeout,
        "connect timeout": httpx.ConnectTimeout,
        "refused": httpx.ConnectError,
        "reset": httpx.ReadError,
        "disconnected": httpx.RemoteProtocolError,
        "PoolTimeout": httpx.PoolTimeout,
        "httpx.WriteError": httpx.WriteError,
    },
    by_httpx_asynchronously: {"timeout": httpx.ReadTimeout, "connection error": httpx.ConnectError},
    by_requests: {
        "timeout": requests.exceptions.ReadTimeout,
        "connect timeout": requests.exceptions.ConnectTimeout,
        "ConnectionError": requests.exceptions.ConnectionError,
        "reset": requests.exceptions.ConnectionError,
        "disconnected": requests.exceptions.ConnectionError,
    },
    by_urllib3: {
        "timeout": urllib3.exceptions.ReadTimeoutError,
        "connect timeout": urllib3.exceptions.ConnectTimeoutError,
        "refused": urllib3.exceptions.NewConnectionError,
        "reset": urllib3.exceptions.ProtocolError,
        "disconnected": urllib3.exceptions.ProtocolError,
    },
    by_urllib: {
        "timeout": TimeoutError,
        "refused": urllib.error.URLError,
        "URLError": urllib.error.URLError,
        "reset": ConnectionResetError,
        "disconnected": http.client.RemoteDisconnected,
    },
    by_http_client: {
        "timeout": TimeoutError,
        "refused": ConnectionRefusedError,
        "reset": ConnectionResetError,
        "disconnected": http.client.RemoteDisconnected,
        "BrokenPipeError": BrokenPipeError,
    },
    by_aiohttp: {
        "timeout": aiohttp.ServerTimeoutError,
        "connect timeout": aiohttp.ConnectionTimeoutError,
        "refused": aiohttp.ClientConnectorError,
        "reset": aiohttp.ClientOSError,
        "disconnected": aiohttp.ServerDisconnectedError,
    },
    by_botocore: {
        "timeout": botocore.exceptions.ReadTimeoutError,
        "connect timeout": botocore.exceptions.ConnectTimeoutError,
        "refused": botocore.exceptions.EndpointConnectionError,
        "disconnected": botocore.exceptions.ConnectionClosedError,
    },
}


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__)
def ask(request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path) -> Callable[[], tuple[int, str]]:
    """The same call as was recorded; the server is gone."""
    url = upstream.on("/shop/price", OK)

    def ask() -> tuple[int, str]:
        answer: tuple[int, str] = request.param(url)
        return answer

    with timetracer_otel.record(tmp_path):
        assert ask() == (200, "fine")
    upstream.stop()
    ask.faults = CLIENTS[request.param]  # type: ignore[attr-defined]  # read by the first test
    return ask


def test_an_exception_is_the_library_s_own(ask: Any, tmp_path: Path) -> None:
    for kind, expected in ask.faults.items():
        replaying = timetracer_otel.replay(tmp_path, faults=[f"http GET */price: {kind}"])
        with replaying as session, pytest.raises(expected) as caught:
            ask()
        assert type(caught.value) is expected or kind == "timeout", kind
        assert list(session.faulted) == [f"http GET */price: {kind}"]  # aiohttp tries some once more
        assert (session.unused, session.misses) == ([], [])


def test_the_answer_is_another(ask: Callable[[], tuple[int, str]], tmp_path: Path) -> None:
    with timetracer_otel.replay(tmp_path, faults=["http *: status 503"]):
        status, said = ask()
    assert (status, said) in [(503, "Service Unavailable"), (503, "503")]
    with timetracer_otel.replay(tmp_path, faults=["http GET */price: answer coarse"]):
        assert ask() == (200, "coarse")
    with timetracer_otel.replay(tmp_path, faults=["http POST *: status 503"]) as session:
        assert ask() == (200, "fine")
    assert session.faulted == {}


def test_the_answer_is_late(ask: Callable[[], tuple[int, str]], tmp_path: Path) -> None:
    with timetracer_otel.replay(tmp_path, faults=["http *: delay 120ms"]):
        began = time.perf_counter()
        assert ask() == (200, "fine")
        assert time.perf_counter() - began >= 0.12


def test_other_tasks_go_on_while_an_answer_is_late(upstream: Upstream, tmp_path: Path) -> None:
    url = upstream.on("/shop/price", OK)

    async def ask() -> list[str]:
        order: list[str] = []

        async def call() -> None:
            async with httpx.AsyncClient() as client:
                await client.get(url)
            order.append("answered")

        async def other() -> None:
            await asyncio.sleep(0.05)
            order.append("other")

        await asyncio.gather(call(), other())
        return order

    with timetracer_otel.record(tmp_path):
        asyncio.run(ask())
    with timetracer_otel.replay(tmp_path, faults=["httpx *: delay 2s"]):
        assert asyncio.run(ask()) == ["other", "answered"]


def test_a_call_that_is_tried_again_fails_again(upstream: Upstream, tmp_path: Path) -> None:
    url = upstream.on("/shop/price", OK)

    def ask() -> Any:
        retries = urllib3.Retry(total=3, status_forcelist=[503], backoff_factor=0)
        with urllib3.PoolManager(retries=retries) as pool:
            return pool.request("GET", url).status

    with timetracer_otel.record(tmp_path):
        assert ask() == 200
    for fault in ("http *: status 503", "http *: refused"):
        with (
            timetracer_otel.replay(tmp_path, faults=[fault]) as session,
            pytest.raises(urllib3.exceptions.MaxRetryError),
        ):
            ask()
        assert session.faulted == {fault: 4}
