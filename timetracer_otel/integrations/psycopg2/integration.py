"""Where psycopg2 is wrapped: at ``connect``, which makes connections of classes that see what passes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.dbapi import links
from timetracer_otel.integrations.dbapi.core import SharedDriver, refused, replaying
from timetracer_otel.messages import Answer, Failure

if TYPE_CHECKING:
    from timetracer_otel.integrations.dbapi.pending import Sent


class Psycopg2Integration(SharedDriver):
    """Records and answers what connections made by ``psycopg2.connect`` are asked."""

    name: ClassVar[str] = "psycopg2"
    oldest = ("psycopg2-binary>=2.9.5", "psycopg2>=2.9.5")
    system: ClassVar[str] = "postgresql"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.psycopg2",)

    def points(self) -> Sequence[Point]:
        """``connect``, what quotes names with the help of a connection, and what registers types with one."""
        return (
            Point("psycopg2", "connect", wrapper=self._connect),
            Point("psycopg2.extensions", "quote_ident", wrapper=self._quote),
            *(
                Point(f"psycopg2.{module}", "register_type", wrapper=self._register)
                for module in ("extensions", "_json", "_range")
            ),
        )

    def faults(self) -> Mapping[str, Answer | Failure]:
        """With the classes of PostgreSQL's own errors."""
        canceled = ["canceling statement due to statement timeout"]
        return {
            **super().faults(),
            "timeout": Failure("psycopg2.errors.QueryCanceled", canceled),
            "deadlock": Failure("psycopg2.errors.DeadlockDetected", ["deadlock detected"]),
            "serialization failure": Failure(
                "psycopg2.errors.SerializationFailure",
                ["could not serialize access due to concurrent update"],
            ),
        }

    def error_roots(self) -> tuple[type[BaseException], ...]:
        """``psycopg2.Error`` and ``psycopg2.Warning``."""
        psycopg2 = sys.modules["psycopg2"]
        return psycopg2.Error, psycopg2.Warning

    # -- below SQLAlchemy

    def stand_in(self, namespace: str, dialect: Any, *, asynchronous: bool) -> Any:
        """A replayed connection."""
        from timetracer_otel.integrations.psycopg2 import connection

        link = links.Link(self, namespace, learned=links.learned(self, namespace), replayed=True)
        kind = connection.class_for(None, replayed=True)
        with connection.making(link):
            return kind(f"dbname={namespace}")

    def begun(self, connection: Any, *, open_: bool) -> None:
        """In a transaction, or not."""
        connection.timetracer_begun(open_=open_)

    def wrote(self, connection: Any) -> bool:
        """As its link says."""
        return links.wrote(getattr(connection, "timetracer_link", None))

    def renew(self, connection: Any, namespace: str) -> bool:
        """It keeps what the app registered."""
        if connection.closed:
            return False
        learned = links.learned(self, namespace)
        connection.timetracer_relearn(links.Link(self, namespace, learned=learned, replayed=True))
        return True

    def tell_set_up(self, connection: Any, answers: dict[str, Any]) -> None:
        """To its link."""
        link = getattr(connection, "timetracer_link", None)
        if link is not None:
            link.tell_set_up(answers)

    def sent(self, cursor: Any, rows: Sequence[Any], before: int, taken: Any) -> Sent | None:
        """As its casters were given it."""
        noted = getattr(cursor, "timetracer_noted", None)
        return None if noted is None else noted.sent(cursor, rows)

    def reader(self, connection: Any) -> Callable[[Any], Any]:
        """By the casters that the app registered."""
        from timetracer_otel.integrations.psycopg2 import made

        return made.reader(connection.cursor())

    # -- connecting

    def _connect(self, wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        link = None
        try:
            from timetracer_otel.integrations.psycopg2 import connection

            mocked = self.mocks()
            factory = args[1] if len(args) > 1 else kwargs.get("connection_factory")
            if not (kwargs.get("async") or kwargs.get("async_")) and connection.is_class(factory):
                namespace = connection.database_of(args[0] if args else None, kwargs)
                kind = connection.class_for(factory, replayed=mocked)
                errors = self.error_roots()
                link = links.Link(self, namespace, replayed=mocked)
            elif mocked:
                raise refused("an asynchronous connection, or a factory that is no class,", self.name)  # noqa: TRY301  # raised on in a replay
        except Exception as error:
            if replaying():
                raise
            ports.report("psycopg2: a connection about to be made", error)
        if link is None:
            return wrapped(*args, **kwargs)
        if mocked:
            self.fail_to_connect(namespace)
            link.learned = links.learned(self, namespace)
            link.open = lambda: wrapped(*args, **kwargs)
        given = (args[0], kind, *args[2:]) if len(args) > 1 else args
        named = kwargs if len(args) > 1 else {**kwargs, "connection_factory": kind}
        try:
            with connection.making(link), ports.inside():  # in a replay, the guard lets it pass
                made = wrapped(*given, **named)
        except errors as error:
            self.report_connect(namespace, error)
            raise
        if not mocked:
            connection.learn(made, link)
        return made

    def _quote(self, wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            from timetracer_otel.integrations.psycopg2 import connection

            replayed = len(args) == 2 and connection.is_replayed(args[1])
        except Exception as error:
            if replaying():
                raise
            ports.report("psycopg2: quoting a name", error)
            replayed = False
        if replayed:
            return '"' + str(args[0]).replace('"', '""') + '"'
        return wrapped(*args, **kwargs)

    def _register(self, wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A replayed connection has types of its own; psycopg2 would take them for those of all."""
        try:
            from timetracer_otel.integrations.psycopg2 import replayed

            own = len(args) > 1 and isinstance(args[1], replayed.ReplayedConnection)
        except Exception as error:
            if replaying():
                raise
            ports.report("psycopg2: registering a type", error)
            own = False
        if not own:
            return wrapped(*args, **kwargs)
        args[1].string_types.update(dict.fromkeys(args[0].values, args[0]))
        return None
