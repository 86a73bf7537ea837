"""Databases under contract: where their drivers are, who instruments them, how an app uses them.

Nothing is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from typing import Any
from urllib.parse import urlsplit

from tests.contract.clients import Coroutines
from timetracer_otel.testing.subjects import Dependency


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


class MySqlClient(PyMySql):
    """As above; contrib's instrumentation of it is not among what tests are run with."""

    module = "MySQLdb"
    integration = "mysqlclient"
    scope = ""
    instrumentor = ""
    needs = "mariadbd mysqlclient"


class MySqlConnector(PyMySql):
    """As above; contrib knows it by the name of its package."""

    module = "mysql.connector"
    integration = "mysqlconnector"
    scope = "opentelemetry.instrumentation.mysql"
    instrumentor = "opentelemetry.instrumentation.mysql:MySQLInstrumentor"


class MySqlConnectorInC(MySqlConnector):
    """As above, its C extension, of which connections are where it can be loaded."""

    def client(self) -> Any:
        client = super().client()
        assert client.HAVE_CEXT
        return client


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


class MySqlConnectorAio(Coroutines):
    """The asyncio side of that library; the standard instrumentation does not know it."""

    module = "mysql.connector.aio"
    integration = "mysqlconnector.aio"
    needs = "mariadbd"

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._ask(client, "SELECT * FROM missing"))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._ask(client, "SELECT %(way)s AS way, 1.5", {"way": way})

    async def _ask(self, client: Any, *asked: Any) -> Any:
        connection = await client.connect(**_mysql(), ssl_disabled=True)
        try:
            async with await connection.cursor() as cursor:
                await cursor.execute(*asked)
                return cursor.description, await cursor.fetchall()
        finally:
            await connection.close()


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


class Asyncmy(Coroutines):
    """As aiomysql; in C."""

    module = integration = "asyncmy"
    needs = "mariadbd"

    def fail(self, client: Any) -> Any:
        return asyncio.run(self._ask(client, "SELECT * FROM missing"))

    async def call_async(self, client: Any, way: str) -> Any:
        return await self._ask(client, "SELECT %(way)s AS way, 1.5", {"way": way})

    async def _ask(self, client: Any, *asked: Any) -> Any:
        async with client.connect(**_mysql()) as connection, connection.cursor() as cursor:
            await cursor.execute(*asked)
            return cursor.description, await cursor.fetchall()
