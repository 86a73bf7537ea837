"""How transactions end: a commit, and each step of one in two phases, is a call where it can fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.errors import MissError
from timetracer_otel.integrations.base import Invocation
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.sqlalchemy import beyond
from timetracer_otel.integrations.sqlalchemy.checkout import Checkout, checkout_of
from timetracer_otel.integrations.sqlalchemy.driving import drive
from timetracer_otel.integrations.sqlalchemy.replaying import ReplayConnection

if TYPE_CHECKING:
    from timetracer_otel.integrations.sqlalchemy.integration import SqlAlchemyIntegration

PHASES = {
    "tpc_prepare": "PREPARE TRANSACTION",
    "tpc_commit": "COMMIT PREPARED",
    "tpc_rollback": "ROLLBACK PREPARED",
}


class Commit:
    """A commit, or a step of one in two phases, as the instance of a call."""

    def __init__(self, checkout: Checkout, text: str = "COMMIT", connection: Any = None) -> None:
        self.text = text
        self.connection = connection
        self.timetracer_checkout = checkout
        self.timetracer_span = None


class Endings:
    """Watches the ends of transactions.

    Args:
        integration: who asks their calls.
    """

    def __init__(self, integration: SqlAlchemyIntegration) -> None:
        self._integration = integration

    def watched(self, fairy: Any, name: str, end: Callable[..., Any], *, mocked: bool) -> Callable[..., Any]:
        """A method of a pooled connection that ends a transaction, watched.

        Args:
            fairy: the connection.
            name: the method.
            end: what it is.
            mocked: it does not go out.
        """
        try:
            checkout = checkout_of(fairy)
            connection = fairy.dbapi_connection
            checkout.wrote = beyond.wrote(checkout, connection) or checkout.wrote
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("sqlalchemy: watching a transaction", error)
            return end
        if name in PHASES:
            return functools.partial(self._end_phase, checkout, PHASES[name], end, mocked)
        return functools.partial(self._end, checkout, name, end, connection, mocked=mocked)

    def last_phase(self, connection: Any, text: str, end: Callable[[], Any], *, mocked: bool) -> Any:
        """The end of a transaction in two phases.

        Args:
            connection: SQLAlchemy's.
            text: stands for the statement.
            end: ends it.
            mocked: it does not go out.
        """
        try:
            checkout = checkout_of(connection.connection)
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("sqlalchemy: watching a transaction", error)
            return end()
        return self._end_phase(checkout, text, end, mocked)

    def _end(
        self, checkout: Checkout, name: str, end: Callable[[], Any], connection: Any, *, mocked: bool
    ) -> Any:
        """Commit or roll back; a commit of something written is a call of its own."""
        if type(connection) is ReplayConnection:
            connection.timetracer_below.begun(open_=False)
        wrote, checkout.wrote = checkout.wrote, False
        passed, checkout.passed = checkout.passed, False
        really = passed or not mocked
        if name == "commit" and wrote:
            call = Invocation(_nothing if mocked else end, Commit(checkout, connection=connection), (), {})
            try:
                result = (
                    drive(self._integration.exchange(call))
                    if mocked
                    else run(self._integration.exchange(call), call)
                )
            except MissError:
                result = None
            if not mocked:
                return result
        if not really:
            return None
        with ports.inside():
            return end()

    def _end_phase(
        self, checkout: Checkout, text: str, end: Callable[..., Any], mocked: bool, /, *args: Any
    ) -> Any:
        """A step of a transaction in two phases: a call of its own, because it can fail."""
        act = _nothing if mocked else functools.partial(end, *args)
        call = Invocation(act, Commit(checkout, text), (), {})
        checkout.wrote = False
        try:
            return (
                drive(self._integration.exchange(call))
                if mocked
                else run(self._integration.exchange(call), call)
            )
        except MissError:
            return None


def _nothing() -> None:
    """Stands for a commit that does not go out."""
