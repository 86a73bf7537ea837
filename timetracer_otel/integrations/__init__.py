"""What timetracer-otel knows of each library, one file a library."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points

from timetracer_otel import nondeterminism, ports
from timetracer_otel.integrations import threads, wrapping
from timetracer_otel.integrations.base import Wrappable
from timetracer_otel.integrations.credentials import comparing

__all__ = ["ENTRY_POINT_GROUP", "all_integrations", "install", "uninstall"]

ENTRY_POINT_GROUP = "timetracer_otel_integrations"
"""Other packages register theirs here: a class that takes no arguments."""

_OURS = (
    "asgi:FastApiIntegration",
    "asgi:StarletteIntegration",
    "litestar:LitestarIntegration",
    "middleware:AsgiMiddlewareIntegration",
    "asgi:UvicornIntegration",
    "flask:FlaskIntegration",
    "django:DjangoIntegration",
    "credentials:CredentialsIntegration",
    "middleware:WsgiMiddlewareIntegration",
    "httpx:HttpxIntegration",
    "httpx:Httpx2Integration",
    "aiohttp:AiohttpIntegration",
    "httpclient:HttpClientIntegration",
    "httpclient:UrllibIntegration",
    "httpclient:Urllib3Integration",
    "httpclient:RequestsIntegration",
    "httpclient:BotocoreIntegration",
    "sqlalchemy:SqlAlchemyIntegration",
    "sqlite3:Sqlite3Integration",
    "aiosqlite:AiosqliteIntegration",
    "psycopg2:Psycopg2Integration",
    "psycopg:PsycopgIntegration",
    "asyncpg:AsyncpgIntegration",
    "tortoise:TortoiseIntegration",
    "mysql:PyMySqlIntegration",
    "mysql:AioMySqlIntegration",
    "mysql:AsyncmyIntegration",
    "mysql:MySqlClientIntegration",
    "mysql:MySqlConnectorIntegration",
    "mysql:MySqlConnectorAioIntegration",
    "redis:RedisIntegration",
    "pymongo:PyMongoIntegration",
    "grpc:GrpcIntegration",
    "grpc:GrpcServerIntegration",
    "celery:CeleryIntegration",
    "kafka:ConfluentKafkaIntegration",
    "kafka:AiokafkaIntegration",
    "smtp:SmtplibIntegration",
    "smtp:AiosmtplibIntegration",
)

_lock = threading.Lock()


@cache
def all_integrations() -> tuple[Wrappable, ...]:
    """One object of every integration there is, ours and those of other packages."""
    found: list[Wrappable] = []
    ours: list[tuple[str, Callable[[], type[Wrappable]]]] = [(name, partial(_load, name)) for name in _OURS]
    theirs = [(point.name, point.load) for point in entry_points(group=ENTRY_POINT_GROUP)]
    for name, load in [*ours, *theirs]:
        try:
            found.append(load()())
        except Exception as error:  # noqa: BLE001  # a broken one must not cost the others
            ports.report(f"loading the integration {name}", error)
    return tuple(found)


def _load(name: str) -> type[Wrappable]:
    module, _, attribute = name.partition(":")
    found: type[Wrappable] = getattr(import_module(f"timetracer_otel.integrations.{module}"), attribute)
    return found


def install() -> None:
    """Wrap every library, now where it is loaded, else when it loads. Again does nothing."""
    with _lock:
        for integration in all_integrations():
            _safely(f"installing {integration.name}", partial(wrapping.install, integration))
        _safely("following threads", threads.install)
        _safely("watching the clock and random sources", nondeterminism.install)
        _safely("watching comparisons of credentials", comparing.install)


def uninstall() -> None:
    """Take every wrapper of ours away; everybody else's stay."""
    with _lock:
        for integration in all_integrations():
            wrapping.uninstall(integration)
        threads.uninstall()
        nondeterminism.uninstall()
        comparing.uninstall()


def _safely(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:  # noqa: BLE001  # what cannot be wrapped must not cost the rest
        ports.report(what, error)
