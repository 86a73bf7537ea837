"""Which integrations there are of ours, and what they are for: known without loading any of them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Known(NamedTuple):
    """One integration.

    Attributes:
        name: as its class says.
        family: likewise; empty where it makes no calls.
        home: its module, below this package, and its class.
        libraries: the modules that it is about: where one of them is loaded, the integration is. Each of its
            points is one of them, or within one.
    """

    name: str
    family: str
    home: str
    libraries: tuple[str, ...]


_OTEL = "opentelemetry.instrumentation"
_MYSQL = "mysql.connector"
_CHECKS = (
    *("argon2", "authlib", "bcrypt", "django", "flask_login", "flask_wtf", "itsdangerous", "jose", "joserfc"),
    *("jwt", "passlib", "pwdlib", "werkzeug"),
)

KNOWN: Final = (
    Known("fastapi", "", "asgi:FastApiIntegration", ("fastapi",)),
    Known("starlette", "", "asgi:StarletteIntegration", ("starlette",)),
    Known("litestar", "", "litestar:LitestarIntegration", ("litestar",)),
    Known("asgi", "", "middleware:AsgiMiddlewareIntegration", (f"{_OTEL}.asgi",)),
    Known("uvicorn", "", "asgi:UvicornIntegration", ("uvicorn",)),
    Known("flask", "", "flask:FlaskIntegration", ("flask",)),
    Known("django", "", "django:DjangoIntegration", ("django", "channels", f"{_OTEL}.django")),
    Known("credentials", "", "credentials.integration:CredentialsIntegration", _CHECKS),
    Known("wsgi", "", "middleware:WsgiMiddlewareIntegration", (f"{_OTEL}.wsgi",)),
    Known("httpx", "http", "httpx:HttpxIntegration", ("httpx",)),
    Known("httpx2", "http", "httpx:Httpx2Integration", ("httpx2",)),
    Known("aiohttp", "http", "aiohttp:AiohttpIntegration", ("aiohttp",)),
    Known("http.client", "http", "httpclient.connection:HttpClientIntegration", ("http.client", "urllib3")),
    Known("urllib", "http", "httpclient.libraries:UrllibIntegration", ("urllib.request",)),
    Known("urllib3", "http", "httpclient.libraries:Urllib3Integration", ("urllib3",)),
    Known("requests", "http", "httpclient.libraries:RequestsIntegration", ("requests",)),
    Known("botocore", "http", "httpclient.botocore:BotocoreIntegration", ("botocore",)),
    Known("sqlalchemy", "db", "sqlalchemy:SqlAlchemyIntegration", ("sqlalchemy",)),
    Known("sqlite3", "db", "sqlite3:Sqlite3Integration", ("sqlite3",)),
    Known("aiosqlite", "", "aiosqlite:AiosqliteIntegration", ("aiosqlite",)),
    Known("psycopg2", "db", "psycopg2:Psycopg2Integration", ("psycopg2",)),
    Known("psycopg", "db", "psycopg:PsycopgIntegration", ("psycopg", "psycopg_pool")),
    Known("asyncpg", "db", "asyncpg:AsyncpgIntegration", ("asyncpg",)),
    Known("tortoise", "", "tortoise:TortoiseIntegration", ("tortoise", "pypika_tortoise")),
    Known("pymysql", "db", "mysql.pymysql:PyMySqlIntegration", ("pymysql",)),
    Known("aiomysql", "db", "mysql.aiomysql:AioMySqlIntegration", ("aiomysql",)),
    Known("asyncmy", "db", "mysql.asyncmy:AsyncmyIntegration", ("asyncmy",)),
    Known("mysqlclient", "db", "mysql.mysqlclient:MySqlClientIntegration", ("MySQLdb",)),
    Known("mysqlconnector", "db", "mysql.connector:MySqlConnectorIntegration", (_MYSQL,)),
    Known("mysqlconnector.aio", "db", "mysql.connector_aio:MySqlConnectorAioIntegration", (f"{_MYSQL}.aio",)),
    Known("redis", "redis", "redis:RedisIntegration", ("redis",)),
    Known("pymongo", "mongodb", "pymongo:PyMongoIntegration", ("pymongo", "bson", f"{_OTEL}.pymongo")),
    Known("grpc", "grpc", "grpc:GrpcIntegration", ("grpc",)),
    Known("grpc_server", "grpc", "grpc:GrpcServerIntegration", ("grpc",)),
    Known("celery", "celery", "celery:CeleryIntegration", ("celery", "kombu")),
    Known("confluent_kafka", "kafka", "kafka.confluent:ConfluentKafkaIntegration", ("confluent_kafka",)),
    Known("aiokafka", "kafka", "kafka.aio:AiokafkaIntegration", ("aiokafka",)),
    Known("smtplib", "smtp", "smtp.blocking:SmtplibIntegration", ("smtplib",)),
    Known("aiosmtplib", "smtp", "smtp.asynchronous:AiosmtplibIntegration", ("aiosmtplib",)),
)
