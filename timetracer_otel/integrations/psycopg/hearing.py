"""What a server says unasked: notifications, waited for or heard while something else is asked; notices."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.integrations.base import Invocation, Point
from timetracer_otel.integrations.dbapi.core import Statement, no_session, noting, replaying
from timetracer_otel.integrations.flows import run, run_generator
from timetracer_otel.messages import SqlResult

if TYPE_CHECKING:
    from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration

_COLUMNS = [["channel"], ["payload"], ["pid"], ["own"]]
_HEARD = "_timetracer_heard"
_HEARING = "psycopg: hearing a notification"
_TIMED_OUT = "timed out"


def points(integration: PsycopgIntegration) -> Sequence[Point]:
    """Waiting for notifications, and being told of them."""
    ours = _Ears(integration)
    return (
        Point("psycopg.connection", "notifies", wrapper=ours.wait),
        Point("psycopg.connection_async", "notifies", wrapper=ours.wait),
        Point("psycopg._connection_base", "BaseConnection._notify_handler", wrapper=_noting),
    )


class _Ears:
    def __init__(self, integration: PsycopgIntegration) -> None:
        self._integration = integration

    def wait(self, wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        from timetracer_otel.integrations.psycopg.connection import NoConnection

        pgconn = args[0] if args else kwargs["pgconn"]
        if isinstance(pgconn, NoConnection):
            return self._again(pgconn)
        if ports.current() is None:
            return wrapped(*args, **kwargs)
        call = Invocation(wrapped, None, args, kwargs)
        return run_generator(lambda made: self._waiting(made, pgconn), call, strict=replaying())

    def _waiting(self, wrapped: Any, pgconn: Any) -> Generator[Any, Any, Any]:
        port = ports.current()
        assert port is not None, "else this is not called"
        exchange = port.begin(self._integration, self._message(pgconn.db.decode("utf-8", "replace")))
        heard: list[Any] = []
        try:
            with exchange:
                heard = yield from wrapped(pgconn)
        except GeneratorExit:  # nobody waits any longer
            unheard = SqlResult(columns=list(_COLUMNS), extra={_TIMED_OUT: True})
            noting(_HEARING, exchange, lambda: exchange.finish(unheard))
            raise
        except BaseException as error:
            asked = Statement(wrapped, None, (), {}, self._message(""), load=_itself)
            self._integration._report_failure(error, asked, exchange)
            raise

        def finish() -> None:
            rows = [[*told(one), one.be_pid, one.be_pid == pgconn.backend_pid] for one in heard]
            exchange.finish(SqlResult(columns=list(_COLUMNS), rows=rows))

        noting(_HEARING, exchange, finish)
        return heard

    def _message(self, namespace: str) -> Any:
        from timetracer_otel.messages import SqlStatement

        return SqlStatement(
            text="LISTEN", system=self._integration.system, namespace=namespace, step="notification"
        )

    def _again(self, pgconn: Any) -> Generator[Any, Any, Any]:
        from psycopg import errors

        yield from ()
        if ports.current() is None:
            raise no_session()
        asked = Statement(_itself, None, (), {}, self._message(pgconn.db.decode()), load=_itself)
        result: SqlResult = run(self._integration.ask(asked))
        if result.extra.get(_TIMED_OUT) is True:
            raise errors._WaitTimeout("wait timeout expired")
        return [_made(row, pgconn) for row in result.rows]


def told(pgn: Any) -> list[str]:
    """Channel and payload of a notification."""
    return [bytes(part).decode("utf-8", "replace") for part in (pgn.relname, pgn.extra)]


def _made(row: Any, pgconn: Any) -> Any:
    channel, payload, pid, own = row
    pid = pgconn.backend_pid if own is True else pid
    return SimpleNamespace(relname=str(channel).encode(), extra=str(payload).encode(), be_pid=pid)


def _noting(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    """A notification came while something else was asked: it is part of that answer."""
    try:
        connection = args[0]()
        heard = None if connection is None else vars(connection).get(_HEARD)
        if heard is not None:
            pgn = args[1]
            heard.append([*told(pgn), pgn.be_pid, pgn.be_pid == connection.pgconn.backend_pid])
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report(_HEARING, error)
    return wrapped(*args, **kwargs)


def listen(connection: Any) -> list[Any]:
    """Notifications from now on, until :func:`deaf`."""
    heard: list[Any] = []
    vars(connection)[_HEARD] = heard
    return heard


def deaf(connection: Any) -> None:
    """No longer."""
    vars(connection).pop(_HEARD, None)


def tell(connection: Any, heard: Any) -> None:
    """Tell the app of recorded notifications, as psycopg does."""
    for row in heard if isinstance(heard, list) else ():
        type(connection)._notify_handler(weakref.ref(connection), _made(row, connection.pgconn))


def _itself(result: SqlResult) -> SqlResult:
    return result
