"""Clients under contract that belong to an event loop, stand on another library, or speak gRPC."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any
from urllib.parse import urlsplit

from timetracer_otel.testing.subjects import Dependency


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


class Motor(Coroutines):
    """PyMongo in threads."""

    module = "motor.motor_asyncio"
    integration = "pymongo"
    scope = "opentelemetry.instrumentation.pymongo"
    instrumentor = "opentelemetry.instrumentation.pymongo:PymongoInstrumentor"

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._in_shop(client, lambda shop: shop.command("noSuchCommand")))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._in_shop(client, lambda shop: shop.things.find_one({"way": way}))

    async def _in_shop(self, client: Any, ask: Any) -> Any:
        connected = client.AsyncIOMotorClient(os.environ["MONGODB_URL"])
        try:
            return await ask(connected.shop)
        finally:
            connected.close()


class Aiosqlite(Coroutines):
    """sqlite3 in threads, where the standard instrumentation of sqlite3 does not see it."""

    module = "aiosqlite"
    integration = "sqlite3"

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._ask(client, "SELECT * FROM missing"))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._ask(client, "SELECT ? AS way, 1.5", (way,))

    async def _ask(self, client: Any, *asked: Any) -> Any:
        async with client.connect(":memory:") as connection, connection.execute(*asked) as cursor:
            return cursor.description, await cursor.fetchall()


class AioMySql(Coroutines):
    """The standard instrumentation does not know it."""

    module = integration = "aiomysql"
    needs = "mariadbd"

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._ask(client, "SELECT * FROM missing"))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._ask(client, "SELECT %(way)s AS way, 1.5", {"way": way})

    async def _ask(self, client: Any, *asked: Any) -> Any:
        url = urlsplit(os.environ["DB_AIOMYSQL"])
        connection = await client.connect(
            host=url.hostname, port=url.port, user=url.username, password=url.password or "",
            db=url.path.lstrip("/"),
        )  # fmt: skip
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(*asked)
                return cursor.description, await cursor.fetchall()
        finally:
            connection.close()
