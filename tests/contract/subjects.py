"""The libraries under contract: where they are, who instruments them, how an app uses them.

Nothing is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import io
import json
import os
import types
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from opentelemetry import trace

from tests.contract.clients import AioMySql, Aiosqlite, Boto3, Grpc, Httpx2, Motor
from timetracer_otel.testing.subjects import Dependency, Results, Subject, attempt, describe_error


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


class Redis(Dependency):
    module = integration = "redis"
    scope = "opentelemetry.instrumentation.redis"
    instrumentor = "opentelemetry.instrumentation.redis:RedisInstrumentor"

    def client(self) -> Any:
        redis = self.load()
        asynchronous = importlib.import_module("redis.asyncio")
        url = os.environ["REDIS_URL"]
        return redis.Redis.from_url(url), asynchronous.Redis.from_url(url)

    def call(self, client: Any, way: str) -> Any:
        return client[0].echo(way)

    def fail(self, client: Any) -> Any:
        return client[0].execute_command("NO SUCH", "command")

    async def call_async(self, client: Any, way: str) -> Any:
        async with client[1]:
            return await client[1].echo(way)


class PyMongo(Dependency):
    module = integration = "pymongo"
    scope = "opentelemetry.instrumentation.pymongo"
    instrumentor = "opentelemetry.instrumentation.pymongo:PymongoInstrumentor"

    def client(self) -> Any:
        pymongo, url = self.load(), os.environ["MONGODB_URL"]
        return pymongo.MongoClient(url), pymongo.AsyncMongoClient(url)

    def call(self, client: Any, way: str) -> Any:
        return client[0].shop.things.find_one({"way": way})

    def fail(self, client: Any) -> Any:
        return client[0].shop.command("noSuchCommand")

    async def call_async(self, client: Any, way: str) -> Any:
        async with client[1]:
            return await client[1].shop.things.find_one({"way": way})


class Celery(Synchronous):
    """Tasks that are published, each with an id of its own; nobody runs them."""

    module = integration = "celery"
    scope = "opentelemetry.instrumentation.celery"
    instrumentor = "opentelemetry.instrumentation.celery:CeleryInstrumentor"

    def client(self) -> Any:
        return self._task("open", os.environ["REDIS_URL"]), self._task("closed", "redis://127.0.0.1:1/0")

    def _task(self, name: str, broker: str) -> Any:
        app = self.load().Celery(name, broker=broker)
        app.conf.broker_transport_options = {"max_retries": 0, "interval_start": 0, "interval_step": 0}

        def add(way: str) -> None:
            raise NotImplementedError

        return app.task(name=f"{name}.add", typing=False)(add)

    def call(self, client: Any, way: str) -> Any:
        return repr(client[0].apply_async((way,), task_id=way))

    def fail(self, client: Any) -> Any:
        return client[1].apply_async(("closed",), task_id="closed", retry=False)


class ConfluentKafka(Synchronous):
    """One producer, of a class that is looked up when the client is made."""

    module = "confluent_kafka"
    integration = "confluent_kafka"
    scope = "opentelemetry.instrumentation.confluent_kafka"
    instrumentor = "opentelemetry.instrumentation.confluent_kafka:ConfluentKafkaInstrumentor"

    def client(self) -> Any:
        return self.load().Producer({"bootstrap.servers": os.environ["KAFKA_URL"], "linger.ms": 0})

    def call(self, client: Any, way: str) -> Any:
        reports: list[Any] = []
        client.produce("contract", way, partition=0, on_delivery=lambda *told: reports.append(told))
        while not reports:
            client.poll(1)
        ((error, message),) = reports
        return error, type(message), message.topic(), message.value(), type(message.offset())

    def fail(self, client: Any) -> Any:
        return client.produce("contract", "x" * 2_000_000)


class Aiokafka(Dependency):
    """It knows coroutines only, and its producers belong to an event loop."""

    module = integration = "aiokafka"
    scope = "opentelemetry.instrumentation.aiokafka"
    instrumentor = "opentelemetry.instrumentation.aiokafka:AIOKafkaInstrumentor"

    def client(self) -> Any:
        return self.load().AIOKafkaProducer

    def call(self, client: Any, way: str) -> Any:
        return asyncio.run(self.call_async(client, way))

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._send(client, b"outside", transactional_id="contract"))

    async def call_async(self, client: Any, way: str) -> Any:
        sent = await self._send(client, way.encode())
        return type(sent), sent.topic, sent.partition, sent.topic_partition, type(sent.offset)

    async def _send(self, client: Any, value: bytes, **settings: str) -> Any:
        producer = client(bootstrap_servers=os.environ["KAFKA_URL"], **settings)
        await producer.start()
        try:
            return await producer.send_and_wait("contract", value, partition=0)
        finally:
            await producer.stop()


class SqlAlchemy(Dependency):
    module = integration = "sqlalchemy"
    scope = "opentelemetry.instrumentation.sqlalchemy"
    instrumentor = "opentelemetry.instrumentation.sqlalchemy:SQLAlchemyInstrumentor"

    def client(self) -> Any:
        sqlalchemy = self.load()
        asynchronous = importlib.import_module("sqlalchemy.ext.asyncio")
        return (
            sqlalchemy.create_engine("sqlite://"),
            asynchronous.create_async_engine("sqlite+aiosqlite://"),
        )

    def call(self, client: Any, way: str) -> Any:
        with client[0].connect() as connection:
            return _rows(connection.execute(self.load().text("SELECT :way AS way, 1.5"), {"way": way}))

    def fail(self, client: Any) -> Any:
        with client[0].connect() as connection:
            return connection.execute(self.load().text("SELECT * FROM missing"))

    async def call_async(self, client: Any, way: str) -> Any:
        try:
            async with client[1].connect() as connection:
                statement = self.load().text("SELECT :way AS way, 1.5")
                return _rows(await connection.execute(statement, {"way": way}))
        finally:
            await client[1].dispose()


def _rows(result: Any) -> tuple[Any, ...]:
    return type(result), list(result.keys()), result.all()


class SqlAlchemyOverSqlite3(SqlAlchemy):
    """The driver has an instrumentation of its own, and it is on."""

    def instrumentors(self) -> list[Any]:
        driver = importlib.import_module("opentelemetry.instrumentation.sqlite3")
        return [driver.SQLite3Instrumentor(), *super().instrumentors()]


class SqlAlchemyOverPsycopg(Dependency):
    """As above, over the network, both generations of the driver."""

    module = integration = "sqlalchemy"
    scope = SqlAlchemy.scope
    instrumentor = SqlAlchemy.instrumentor

    def instrumentors(self) -> list[Any]:
        three = importlib.import_module("opentelemetry.instrumentation.psycopg")
        two = importlib.import_module("opentelemetry.instrumentation.psycopg2")
        return [three.PsycopgInstrumentor(), two.Psycopg2Instrumentor(), *super().instrumentors()]

    def client(self) -> Any:
        sqlalchemy = self.load()
        asynchronous = importlib.import_module("sqlalchemy.ext.asyncio")
        return (
            sqlalchemy.create_engine(os.environ["DB_PSYCOPG2"]),
            asynchronous.create_async_engine(os.environ["DB_PSYCOPG"]),
        )

    call = SqlAlchemy.call
    fail = SqlAlchemy.fail
    call_async = SqlAlchemy.call_async


class Sqlite3(Dependency):
    """A driver used directly, a connection for each call; it has nothing asynchronous of its own."""

    module = integration = "sqlite3"
    scope = "opentelemetry.instrumentation.sqlite3"
    instrumentor = "opentelemetry.instrumentation.sqlite3:SQLite3Instrumentor"

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        with contextlib.closing(client.connect(":memory:")) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT ? AS way, 1.5", (way,))
            return cursor.description, cursor.fetchall()

    def fail(self, client: Any) -> Any:
        with contextlib.closing(client.connect(":memory:")) as connection:
            return connection.cursor().execute("SELECT * FROM missing")

    async def call_async(self, client: Any, way: str) -> Any:
        return self.call(client, way)


class Psycopg2(Dependency):
    """As above, over the network."""

    module = integration = "psycopg2"
    scope = "opentelemetry.instrumentation.psycopg2"
    instrumentor = "opentelemetry.instrumentation.psycopg2:Psycopg2Instrumentor"

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        with contextlib.closing(client.connect(_postgres())) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT %(way)s AS way, 1.5", {"way": way})
            return cursor.description, cursor.fetchall()

    def fail(self, client: Any) -> Any:
        with contextlib.closing(client.connect(_postgres())) as connection, connection.cursor() as cursor:
            return cursor.execute("SELECT * FROM missing")

    async def call_async(self, client: Any, way: str) -> Any:
        return self.call(client, way)


class Psycopg(Dependency):
    """As above, and asynchronously."""

    module = integration = "psycopg"
    scope = "opentelemetry.instrumentation.psycopg"
    instrumentor = "opentelemetry.instrumentation.psycopg:PsycopgInstrumentor"

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        with client.connect(_postgres()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT %(way)s AS way, 1.5", {"way": way})
            return repr(cursor.description), cursor.fetchall()

    def fail(self, client: Any) -> Any:
        with client.connect(_postgres()) as connection, connection.cursor() as cursor:
            return cursor.execute("SELECT * FROM missing")

    async def call_async(self, client: Any, way: str) -> Any:
        async with (
            await client.AsyncConnection.connect(_postgres()) as connection,
            connection.cursor() as cursor,
        ):
            await cursor.execute("SELECT %(way)s AS way, 1.5", {"way": way})
            return repr(cursor.description), await cursor.fetchall()


class PsycopgPool(Psycopg):
    """psycopg 3 with connections from a pool, whose workers set them up."""

    module = "psycopg_pool"

    def call(self, client: Any, way: str) -> Any:
        with client.ConnectionPool(_postgres(), min_size=1, open=True) as pool, pool.connection() as given:
            cursor = given.execute("SELECT %(way)s AS way, 1.5", {"way": way})
            return repr(cursor.description), cursor.fetchall()

    def fail(self, client: Any) -> Any:
        with client.ConnectionPool(_postgres(), min_size=1, open=True) as pool, pool.connection() as given:
            return given.execute("SELECT * FROM missing")

    async def call_async(self, client: Any, way: str) -> Any:
        async with (
            client.AsyncConnectionPool(_postgres(), min_size=1, open=False) as pool,
            pool.connection() as given,
        ):
            cursor = await given.execute("SELECT %(way)s AS way, 1.5", {"way": way})
            return repr(cursor.description), await cursor.fetchall()


class Asyncpg(Dependency):
    """As above, asynchronously only."""

    module = integration = "asyncpg"
    scope = "opentelemetry.instrumentation.asyncpg"
    instrumentor = "opentelemetry.instrumentation.asyncpg:AsyncPGInstrumentor"

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        return asyncio.run(self.call_async(client, way))

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._ask(client, "SELECT * FROM missing"))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._ask(client, "SELECT $1 AS way, 1.5", way)

    async def _ask(self, client: Any, *asked: Any) -> Any:
        connection = await client.connect(_postgres())
        try:
            return repr(await connection.fetch(*asked))
        finally:
            await connection.close()


class SqlAlchemyOverPyMySql(SqlAlchemy):
    """As over psycopg, on MariaDB."""

    needs = "mariadbd"

    def instrumentors(self) -> list[Any]:
        driver = importlib.import_module("opentelemetry.instrumentation.pymysql")
        return [driver.PyMySQLInstrumentor(), *super().instrumentors()]

    def client(self) -> Any:
        sqlalchemy = self.load()
        asynchronous = importlib.import_module("sqlalchemy.ext.asyncio")
        return (
            sqlalchemy.create_engine(os.environ["DB_PYMYSQL"]),
            asynchronous.create_async_engine(os.environ["DB_AIOMYSQL"]),
        )


class PyMySql(Dependency):
    """A driver used directly, a connection for each call; asynchronous apps have another."""

    module = integration = "pymysql"
    scope = "opentelemetry.instrumentation.pymysql"
    instrumentor = "opentelemetry.instrumentation.pymysql:PyMySQLInstrumentor"
    needs = "mariadbd"

    def client(self) -> Any:
        return self.load()

    def call(self, client: Any, way: str) -> Any:
        with contextlib.closing(client.connect(**_mysql())) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT %(way)s AS way, 1.5", {"way": way})
            return cursor.description, cursor.fetchall()

    def fail(self, client: Any) -> Any:
        with contextlib.closing(client.connect(**_mysql())) as connection:
            return connection.cursor().execute("SELECT * FROM missing")

    async def call_async(self, client: Any, way: str) -> Any:
        return self.call(client, way)


class MySqlConnector(PyMySql):
    """As above; contrib knows it by the name of its package."""

    module = "mysql.connector"
    integration = "mysqlconnector"
    scope = "opentelemetry.instrumentation.mysql"
    instrumentor = "opentelemetry.instrumentation.mysql:MySQLInstrumentor"


def _mysql() -> dict[str, Any]:
    """The address, as MySQL's own drivers take it."""
    url = urlsplit(os.environ["DB_PYMYSQL"])
    return {
        "host": url.hostname, "port": url.port, "user": url.username, "password": url.password,
        "database": url.path.lstrip("/"),
    }  # fmt: skip


def _postgres() -> str:
    """The address, as PostgreSQL's own drivers spell it."""
    return "postgresql" + os.environ["DB_PSYCOPG2"].removeprefix("postgresql+psycopg2")


class Framework(Subject):
    """A web framework: each request is an entry, in-process as a server makes it."""

    def use(self, client: Any) -> Results:
        return {path: attempt(functools.partial(self.request, client, path)) for path in self.paths}

    paths: ClassVar[tuple[str, ...]] = ("/async", "/sync", "/thread", "/failing")

    @abstractmethod
    def request(self, app: Any, path: str) -> Any:
        """Send ``POST path?q=1`` with the body ``{"n": 1}``; what the server sees."""


def work(where: str) -> dict[str, str]:
    """What every endpoint does: a span, which belongs to the request."""
    with trace.get_tracer("app").start_as_current_span(f"work {where}"):
        return {"where": where}


def work_in_thread() -> dict[str, str]:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work, "/thread").result()


class Asgi(Framework):
    def request(self, app: Any, path: str) -> Any:
        return asyncio.run(self._request(app, path))

    async def _request(self, app: Any, path: str) -> Any:
        arriving = [{"type": "http.request", "body": b'{"n": 1}', "more_body": False}]
        sent: list[dict[str, Any]] = []

        answered = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if arriving:
                return arriving.pop(0)
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"q=1",
            "root_path": "", "headers": [(b"host", b"shop"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1), "server": ("shop", 80), "state": {},
        }  # fmt: skip
        error = await _error_of(app(scope, receive, send))
        return sent, error


async def _error_of(awaitable: Any) -> str:
    try:
        await awaitable
    except Exception as error:
        return describe_error(error)
    return ""


class FastApi(Asgi):
    module = "fastapi"
    integration = "fastapi"
    scope = "opentelemetry.instrumentation.fastapi"
    instrumentor = "opentelemetry.instrumentation.fastapi:FastAPIInstrumentor"

    def client(self) -> Any:
        app = self.load().FastAPI()

        async def asynchronous(body: dict[str, int]) -> dict[str, str]:
            return work("/async")

        def synchronous(body: dict[str, int]) -> dict[str, str]:
            return work("/sync")

        app.post("/async")(asynchronous)
        app.post("/sync")(synchronous)
        app.post("/thread")(work_in_thread)
        app.post("/failing")(fail)
        return app


class Starlette(Asgi):
    module = "starlette.applications"
    integration = "starlette"
    scope = "opentelemetry.instrumentation.starlette"
    instrumentor = "opentelemetry.instrumentation.starlette:StarletteInstrumentor"

    def client(self) -> Any:
        routing = importlib.import_module("starlette.routing")
        answer = importlib.import_module("starlette.responses").JSONResponse

        async def asynchronous(request: Any) -> Any:
            assert await request.json() == {"n": 1}
            return answer(work("/async"))

        def synchronous(request: Any) -> Any:
            return answer(work("/sync"))

        def thread(request: Any) -> Any:
            return answer(work_in_thread())

        def failing(request: Any) -> Any:
            fail()

        endpoints = {"/async": asynchronous, "/sync": synchronous, "/thread": thread, "/failing": failing}
        routes = [routing.Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]
        return self.load().Starlette(routes=routes)


class Litestar(Asgi):
    """Its instrumentation is a plugin, which an app is made with."""

    module = integration = "litestar"
    scope = "opentelemetry.instrumentation.asgi"
    instrumentor = "litestar.plugins.opentelemetry:OpenTelemetryPlugin"  # given to each app

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.plugged = False

    def instrumentors(self) -> list[Any]:
        return [self]

    def instrument(self) -> None:
        """Make apps with the plugin."""
        self.plugged = True

    def uninstrument(self) -> None:
        """Make apps without it."""
        self.plugged = False

    def client(self) -> Any:
        litestar = self.load()
        plugins = []
        if self.plugged:
            plugins.append(importlib.import_module("litestar.plugins.opentelemetry").OpenTelemetryPlugin())

        async def asynchronous(data: Any) -> dict[str, str]:
            assert data == {"n": 1}
            return work("/async")

        def synchronous(data: Any) -> dict[str, str]:
            assert data == {"n": 1}
            return work("/sync")

        def thread() -> dict[str, str]:
            return work_in_thread()

        def failing() -> None:
            fail()

        for function in (asynchronous, synchronous):
            function.__annotations__ = {"data": dict[str, int], "return": dict[str, str]}
        thread.__annotations__ = {"return": dict[str, str]}
        failing.__annotations__ = {"return": None}
        handlers = [
            litestar.post("/async")(asynchronous),
            litestar.post("/sync", sync_to_thread=True)(synchronous),
            litestar.post("/thread", sync_to_thread=True)(thread),
            litestar.post("/failing", sync_to_thread=True)(failing),
        ]
        return litestar.Litestar(handlers, plugins=plugins, openapi_config=None)


class Wsgi(Framework):
    def request(self, app: Any, path: str) -> Any:
        heads: list[tuple[str, list[tuple[str, str]]]] = []
        environ = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "q=1",
            "SERVER_NAME": "shop", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "shop",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "8", "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(b'{"n": 1}'), "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        result = app(environ, lambda status, headers, *_: heads.append((status, headers)))
        body = b"".join(result)
        if hasattr(result, "close"):
            result.close()
        return heads, body


class Django(Wsgi):
    module = "django.core.handlers.wsgi"
    integration = "django"
    scope = "opentelemetry.instrumentation.django"
    instrumentor = "opentelemetry.instrumentation.django:DjangoInstrumentor"
    handler = "WSGIHandler"

    def load(self) -> Any:
        self._settings()
        return super().load()

    def instrumentors(self) -> list[Any]:
        self._settings()
        return super().instrumentors()

    def _settings(self) -> None:
        """What ``DJANGO_SETTINGS_MODULE`` names, in an app: there before anything else."""
        settings = importlib.import_module("django.conf").settings
        if not settings.configured:
            settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=types.ModuleType("urls"), MIDDLEWARE=[])

    def client(self) -> Any:
        handler = getattr(self.load(), self.handler)
        answer = importlib.import_module("django.http").JsonResponse
        route = importlib.import_module("django.urls").path

        async def asynchronous(request: Any) -> Any:
            assert json.loads(request.body) == {"n": 1}
            return answer(work("/async"))

        def synchronous(request: Any) -> Any:
            assert json.loads(request.body) == {"n": 1}
            return answer(work("/sync"))

        def thread(request: Any) -> Any:
            return answer(work_in_thread())

        def failing(request: Any) -> Any:
            fail()

        views = {"async": asynchronous, "sync": synchronous, "thread": thread, "failing": failing}
        settings = importlib.import_module("django.conf").settings
        settings.ROOT_URLCONF.urlpatterns = [route(path, view) for path, view in views.items()]
        importlib.import_module("django").setup()
        return handler()


class DjangoOverAsgi(Django, Asgi):
    module = "django.core.handlers.asgi"
    handler = "ASGIHandler"
    request = Asgi.request


class Flask(Wsgi):
    module = integration = "flask"
    scope = "opentelemetry.instrumentation.flask"
    instrumentor = "opentelemetry.instrumentation.flask:FlaskInstrumentor"
    paths = ("/sync", "/thread", "/failing")

    def client(self) -> Any:
        flask = self.load()
        app = flask.Flask("shop")

        def synchronous() -> dict[str, str]:
            assert flask.request.get_json() == {"n": 1}
            return work("/sync")

        app.post("/sync")(synchronous)
        app.post("/thread")(work_in_thread)
        app.post("/failing")(fail)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        return app


def fail() -> None:
    raise LookupError("no such order", 7)


SUBJECTS: dict[str, type[Subject]] = {
    "httpx": Httpx,
    "httpx2": Httpx2,
    "requests": Requests,
    "requests over urllib3": RequestsOverUrllib3,
    "urllib3": Urllib3,
    "urllib": Urllib,
    "aiohttp": Aiohttp,
    "boto3": Boto3,
    "grpc": Grpc,
    "redis": Redis,
    "pymongo": PyMongo,
    "motor": Motor,
    "celery": Celery,
    "confluent-kafka": ConfluentKafka,
    "aiokafka": Aiokafka,
    "sqlalchemy": SqlAlchemy,
    "sqlalchemy over sqlite3": SqlAlchemyOverSqlite3,
    "sqlalchemy over psycopg": SqlAlchemyOverPsycopg,
    "sqlite3": Sqlite3,
    "aiosqlite": Aiosqlite,
    "psycopg2": Psycopg2,
    "psycopg": Psycopg,
    "psycopg_pool": PsycopgPool,
    "sqlalchemy over pymysql": SqlAlchemyOverPyMySql,
    "pymysql": PyMySql,
    "mysqlconnector": MySqlConnector,
    "aiomysql": AioMySql,
    "asyncpg": Asyncpg,
    "fastapi": FastApi,
    "starlette": Starlette,
    "litestar": Litestar,
    "flask": Flask,
    "django": Django,
    "django over asgi": DjangoOverAsgi,
}
