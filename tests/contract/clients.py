"""HTTP and RPC clients under contract: where they are, who instruments them, how an app uses them.

Nothing is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any

from timetracer_otel.testing.subjects import Dependency


class Httpx(Dependency):
    module = integration = "httpx"
    scope = "opentelemetry.instrumentation.httpx"
    instrumentor = "opentelemetry.instrumentation.httpx:HTTPXClientInstrumentor"

    def client(self) -> Any:
        httpx = self.load()
        base = os.environ["UPSTREAM_URL"]
        return httpx.Client(base_url=base), httpx.AsyncClient(base_url=base)

    def call(self, client: Any, way: str) -> Any:
        return _response(client[0].get("/json", params={"way": way}))

    def fail(self, client: Any) -> Any:
        return client[0].get("http://127.0.0.1:1/closed")

    async def call_async(self, client: Any, way: str) -> Any:
        async with client[1]:
            return _response(await client[1].get("/json", params={"way": way}))


def _response(response: Any) -> tuple[Any, ...]:
    return type(response), response.status_code, response.headers, response.content


class Synchronous(Dependency):
    """An HTTP client that knows functions only."""

    async def call_async(self, client: Any, way: str) -> Any:
        return await asyncio.to_thread(self.call, client, way)


class Coroutines(Dependency):
    """A library that knows coroutines only; what it makes belongs to an event loop."""

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        return asyncio.run(self.call_async(client, way))


class Httpx2(Dependency):
    """The standard instrumentation does not know it."""

    module = integration = "httpx2"

    def client(self) -> Any:
        httpx2 = self.load()
        base = os.environ["UPSTREAM_URL"]
        return httpx2.Client(base_url=base), httpx2.AsyncClient(base_url=base)

    def call(self, client: Any, way: str) -> Any:
        response = client[0].get("/json", params={"way": way})
        return type(response), response.status_code, response.content

    def fail(self, client: Any) -> Any:
        return client[0].get("http://127.0.0.1:1/closed")

    async def call_async(self, client: Any, way: str) -> Any:
        async with client[1]:
            response = await client[1].get("/json", params={"way": way})
            return type(response), response.status_code, response.content


class Requests(Synchronous):
    module = integration = "requests"
    scope = "opentelemetry.instrumentation.requests"
    instrumentor = "opentelemetry.instrumentation.requests:RequestsInstrumentor"

    def client(self) -> Any:
        return self.load().Session()

    def call(self, client: Any, way: str) -> Any:
        return _response(client.get(f"{os.environ['UPSTREAM_URL']}/json", params={"way": way}))

    def fail(self, client: Any) -> Any:
        return client.get("http://127.0.0.1:1/closed")


class RequestsOverUrllib3(Requests):
    """What is below has an instrumentation of its own, and it is on."""

    def instrumentors(self) -> list[Any]:
        below = importlib.import_module("opentelemetry.instrumentation.urllib3")
        return [below.URLLib3Instrumentor(), *super().instrumentors()]


class Urllib3(Synchronous):
    module = integration = "urllib3"
    scope = "opentelemetry.instrumentation.urllib3"
    instrumentor = "opentelemetry.instrumentation.urllib3:URLLib3Instrumentor"

    def client(self) -> Any:
        return self.load().PoolManager()

    def call(self, client: Any, way: str) -> Any:
        response = client.request("GET", f"{os.environ['UPSTREAM_URL']}/json", fields={"way": way})
        return type(response), response.status, response.headers, response.data

    def fail(self, client: Any) -> Any:
        return client.request("GET", "http://127.0.0.1:1/closed", retries=False)


class Urllib(Synchronous):
    module = "urllib.request"
    integration = "urllib"
    scope = "opentelemetry.instrumentation.urllib"
    instrumentor = "opentelemetry.instrumentation.urllib:URLLibInstrumentor"

    def client(self) -> Any:
        return self.load().build_opener()

    def call(self, client: Any, way: str) -> Any:
        with client.open(f"{os.environ['UPSTREAM_URL']}/json?way={way}") as response:
            return type(response), response.status, response.headers.items(), response.read()

    def fail(self, client: Any) -> Any:
        return client.open("http://127.0.0.1:1/closed")


class Aiohttp(Dependency):
    """It knows coroutines only, and its sessions belong to an event loop."""

    module = integration = "aiohttp"
    scope = "opentelemetry.instrumentation.aiohttp_client"
    instrumentor = "opentelemetry.instrumentation.aiohttp_client:AioHttpClientInstrumentor"

    def client(self) -> Any:
        return self.load().ClientSession

    def call(self, client: Any, way: str) -> Any:
        return asyncio.run(self.call_async(client, way))

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._get(client, "http://127.0.0.1:1/closed"))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._get(client, f"{os.environ['UPSTREAM_URL']}/json?way={way}")

    async def _get(self, client: Any, url: str) -> Any:
        async with client() as session, session.get(url) as response:
            return type(response), response.status, response.headers, await response.read()


class Boto3(Dependency):
    """S3; it stands on urllib3, which is one call with it."""

    module = "boto3"
    integration = "botocore"
    scope = "opentelemetry.instrumentation.botocore"
    instrumentor = "opentelemetry.instrumentation.botocore:BotocoreInstrumentor"

    def client(self) -> Any:
        return self.load().client(
            "s3", endpoint_url=os.environ["AWS_URL"], region_name="eu-central-1",
            aws_access_key_id="shop", aws_secret_access_key="shop",
        )  # fmt: skip

    def call(self, client: Any, way: str) -> Any:
        answer = client.list_buckets(Prefix=way)
        return type(answer), answer["ResponseMetadata"]["HTTPStatusCode"], answer["Buckets"]

    def fail(self, client: Any) -> Any:
        return client.get_bucket_location(Bucket="closed")

    async def call_async(self, client: Any, way: str) -> Any:
        return await asyncio.to_thread(self.call, client, way)


class Grpc(Dependency):
    """Bytes as they are; an asynchronous channel belongs to an event loop."""

    module = integration = "grpc"
    scope = "opentelemetry.instrumentation.grpc"
    instrumentor = "opentelemetry.instrumentation.grpc:GrpcInstrumentorClient"

    def instrumentors(self) -> list[Any]:
        standard = importlib.import_module("opentelemetry.instrumentation.grpc")
        return [standard.GrpcAioInstrumentorClient(), *super().instrumentors()]

    def client(self) -> Any:
        return self.load().insecure_channel(os.environ["GRPC_URL"])

    def call(self, client: Any, way: str) -> Any:
        return client.unary_unary("/shop.Stock/AskJson")(b'"%s"' % way.encode())

    def fail(self, client: Any) -> Any:
        grpc = self.load()
        try:
            return client.unary_unary("/shop.Stock/Missing")(b"")
        except grpc.RpcError as error:  # the time is in its text
            return type(error), error.code(), error.details()

    async def call_async(self, client: Any, way: str) -> Any:
        asynchronous = importlib.import_module("grpc.aio")
        async with asynchronous.insecure_channel(os.environ["GRPC_URL"]) as channel:
            return await channel.unary_unary("/shop.Stock/AskJson")(b'"%s"' % way.encode())
