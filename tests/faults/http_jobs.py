"""What requests do with the HTTP clients beside httpx."""

from __future__ import annotations

import http.client
import io
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import boto3
import requests
import urllib3
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError

from tests.faults.seen import OwnError, attempt, attempt_async

_BASE = os.environ["UPSTREAM_URL"]
_CLOSED = "http://127.0.0.1:1/closed"
os.environ.update(AWS_ACCESS_KEY_ID="AKIA-shop", AWS_SECRET_ACCESS_KEY="none")  # no secret
_session = requests.Session()
_session.trust_env = False
_pool = urllib3.PoolManager(retries=False)
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _body() -> Iterator[bytes]:
    yield b"a"
    yield b"b"


def _failing_body() -> Iterator[bytes]:
    yield b"first"
    raise OwnError("in the middle of a body")


def http_client() -> Any:
    """The connection itself."""
    connection = http.client.HTTPConnection(urlsplit(_BASE).netloc)
    seen: list[Any] = []
    for method, body in (("GET", None), ("POST", b"sent"), ("POST", _body()), ("POST", io.BytesIO(b"file"))):
        connection.request(method, "/echo" if body else "/json", body, encode_chunked=True)
        response = connection.getresponse()
        seen.append([response.status, response.reason, response.getheaders(), response.read()])
    connection.request("GET", "/binary")
    part = connection.getresponse()
    seen.append([part.read(10), part.readinto(bytearray(10)), part.closed])
    connection.close()
    seen.append(attempt(lambda: connection.request("POST", "/echo", _failing_body())))
    connection.close()
    return [*seen, attempt(http.client.HTTPConnection("127.0.0.1", 1).connect)]


def urllib_request() -> Any:
    """``urllib.request`` and its errors."""

    def ask(path: str, data: bytes | None = None) -> Any:
        with _opener.open(f"{_BASE}{path}", data) as response:
            return [response.status, response.headers.items(), response.read()]

    def refused() -> None:
        try:
            _opener.open(f"{_BASE}/status/404")
        except urllib.error.HTTPError as error:
            error.read()
            raise

    return [ask("/json"), ask("/echo", b"sent"), attempt(refused), attempt(lambda: _opener.open(_CLOSED))]


def urllib3_pool() -> Any:
    """Whole and streamed."""
    whole = _pool.request("GET", f"{_BASE}/json")
    streamed = _pool.request("GET", f"{_BASE}/json", preload_content=False)
    return [
        [whole.status, list(whole.headers.items()), whole.data],
        b"".join(streamed.stream(4)),
        _pool.request("POST", f"{_BASE}/echo", body=_body()).data,
        attempt(lambda: _pool.request("POST", f"{_BASE}/echo", body=_failing_body())),
        attempt(lambda: _pool.request("GET", _CLOSED)),
        attempt(lambda: _pool.request("GET", "https://127.0.0.1:1/closed")),
    ]


def requests_session() -> Any:
    """Whole and streamed."""
    whole = _session.get(f"{_BASE}/json")
    with _session.get(f"{_BASE}/json", stream=True) as streamed:
        pieces = b"".join(streamed.iter_content(4))
    return [
        [whole.status_code, list(whole.headers.items()), whole.content],
        pieces,
        _session.post(f"{_BASE}/echo", json={"n": 1}).content,
        _session.post(f"{_BASE}/echo", data=_body()).content,
        attempt(lambda: _session.post(f"{_BASE}/echo", data=_failing_body())),
        attempt(lambda: _session.get(_CLOSED)),
    ]


def boto3_objects() -> Any:
    """Objects of S3."""
    s3 = boto3.session.Session().client(
        "s3",
        endpoint_url=os.environ["AWS_URL"],
        region_name="eu-central-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    place = {"LocationConstraint": "eu-central-1"}
    attempt(lambda: s3.create_bucket(Bucket="faults", CreateBucketConfiguration=place))
    s3.put_object(Bucket="faults", Key="a", Body=b"content")
    kept = s3.get_object(Bucket="faults", Key="a")
    try:
        s3.get_object(Bucket="faults", Key="missing")
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    frozen = _expired().get_frozen_credentials()
    return [kept["ResponseMetadata"]["HTTPStatusCode"], kept["Body"].read(), refused, frozen.access_key]


def _expired() -> RefreshableCredentials:
    """Credentials that are to be fetched anew."""

    def fetch() -> dict[str, str]:
        return {
            "access_key": "new", "secret_key": "b", "token": "c", "expiry_time": "2999-01-01T00:00:00Z",
        }  # fmt: skip

    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    return RefreshableCredentials("old", "b", "c", long_ago, refresh_using=fetch, method="test")


async def aiohttp_session() -> Any:
    """Whole and streamed."""

    async def body() -> Any:
        yield b"a"
        yield b"b"

    async with aiohttp.ClientSession() as session:

        async def ask(method: str, path: str, **more: Any) -> Any:
            async with session.request(method, f"{_BASE}{path}", **more) as response:
                return [response.status, list(response.headers.items()), await response.read()]

        async with session.get(f"{_BASE}/json") as streamed:
            pieces = b"".join([piece async for piece in streamed.content.iter_any()])
        return [
            await ask("GET", "/json"),
            pieces,
            await ask("POST", "/echo", json={"n": 1}),
            await ask("POST", "/echo", data=body()),
            await attempt_async(session.get(_CLOSED)),
        ]
