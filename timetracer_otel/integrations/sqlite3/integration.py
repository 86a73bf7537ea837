"""Where sqlite3 is wrapped: at ``connect``, which makes connections of classes that see what passes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.dbapi.core import DriverIntegration
from timetracer_otel.messages import Answer, Failure

_FACTORY = 5
"""The place of ``factory`` among the positional arguments of ``connect``."""


class Sqlite3Integration(DriverIntegration):
    """Records and answers statements of connections made by ``sqlite3.connect``."""

    name: ClassVar[str] = "sqlite3"
    system: ClassVar[str] = "sqlite"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.sqlite3",)

    def points(self) -> Sequence[Point]:
        """``connect``, under both its names."""
        return (
            Point("sqlite3", "connect", wrapper=self._connect),
            Point("sqlite3.dbapi2", "connect", wrapper=self._connect),
        )

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What SQLite says: it waits for a lock, or for a disk."""
        locked = Failure("sqlite3.OperationalError", ["database is locked"])
        unavailable = Failure("sqlite3.OperationalError", ["unable to open database file"])
        return {
            "timeout": locked,
            "locked": locked,
            "refused": unavailable,
            "connection error": unavailable,
            "reset": Failure("sqlite3.OperationalError", ["disk I/O error"]),
        }

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``sqlite3.Error`` and ``sqlite3.Warning``."""
        sqlite3 = sys.modules["sqlite3"]
        return sqlite3.Error, sqlite3.Warning

    def _connect(self, wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if ports.is_inside():
            return wrapped(*args, **kwargs)
        try:
            from timetracer_otel.integrations.sqlite3 import connection

            link = None
            if not connection.being_made():  # one function under two names may be wrapped twice
                mocked = self.mocks()
                namespace = _namespace(args, kwargs)
                kind = connection.class_for(args[_FACTORY] if len(args) > _FACTORY else kwargs.get("factory"))
                link = connection.Link(self, namespace)
            errors = self.error_roots()
        except Exception as error:  # a factory that is no class, say: the app's to use, unseen
            port = ports.current()
            if port is not None and port.replaying:
                raise
            ports.report("sqlite3: a factory of connections", error)
            link = None
        if link is None:
            return wrapped(*args, **kwargs)
        if len(args) > _FACTORY:
            given, named = (*args[:_FACTORY], kind, *args[_FACTORY + 1 :]), kwargs
        else:
            given, named = args, {**kwargs, "factory": kind}
        if mocked:
            self.fail_to_connect(namespace)
            link.open, link.replayed = functools.partial(wrapped, *args, **kwargs), True
            given, named = (
                ((":memory:", *given[1:]), named) if given else ((), {**named, "database": ":memory:"})
            )
            with connection.making(link):
                return wrapped(*given, **named)
        try:
            with connection.making(link):
                return wrapped(*given, **named)
        except errors as error:
            self.report_connect(namespace, error)
            raise


def _namespace(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The database's file."""
    database = args[0] if args else kwargs.get("database", "")
    return os.fsdecode(database) if isinstance(database, str | bytes | os.PathLike) else ""
