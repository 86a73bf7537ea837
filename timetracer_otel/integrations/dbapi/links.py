"""What is known of one connection of a driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from timetracer_otel import ports, values
from timetracer_otel.errors import CodecError
from timetracer_otel.integrations.dbapi.core import DriverIntegration, no_session
from timetracer_otel.integrations.dbapi.setting_up import SET_UP
from timetracer_otel.messages import SqlStatement
from timetracer_otel.ports import Port


class Link(msgspec.Struct, eq=False):
    """One connection.

    Attributes:
        integration: who asks its calls.
        namespace: the database's name.
        server: what was learned of the server, for :attr:`SqlStatement.server`.
        learned: the same, read from a recording, where this is a replayed connection.
        open: makes the real connection that the app asked for, where this is a replayed one.
        replayed: there is nothing behind this one.
        wrote: a statement of the current transaction may have changed something.
        real: the real connection, made for calls that a replay lets through.
    """

    integration: DriverIntegration
    namespace: str
    server: str = ""
    learned: dict[str, Any] = msgspec.field(default_factory=dict)
    open: Callable[[], Any] | None = None
    replayed: bool = False
    wrote: bool = False
    real: Any = None

    def statement(self, text: str, parameters: Any = None, *, executemany: bool = False) -> SqlStatement:
        """A statement on this connection, as a message."""
        return SqlStatement(
            text=text,
            parameters=parameters,
            executemany=executemany,
            system=self.integration.system,
            namespace=self.namespace,
            server=self.server,
        )

    def go_live(self) -> Any:
        """The real connection, for a call that a replay lets through."""
        if self.real is None:
            if self.open is None:
                raise no_session()
            self.real = self.open()
        return self.real

    def tell_set_up(self, answers: dict[str, Any]) -> None:
        """What an app's hooks asked to set this connection up."""
        known = values.loads(self.server) if self.server else {}
        if isinstance(known, dict):
            self.server = values.dumps({**known, SET_UP: answers})
        self.wrote = False


def wrote(link: Link | None) -> bool:
    """Whether something was written on that connection since it was last asked."""
    if link is None:
        return False
    found, link.wrote = link.wrote, False
    return found


def written(driver: str, namespace: str, learned: dict[str, Any]) -> str:
    """What a connection learned of its server, as text."""
    return values.dumps({"driver": driver, "namespace": namespace, "learned": learned})


def set_up(integration: DriverIntegration) -> dict[str, Any]:
    """What hooks asked on recorded connections, and were answered; empty where nothing was recorded."""
    port = ports.current()
    found: dict[str, Any] = {}
    for facts in () if port is None else _facts(integration, port):
        answers = facts.get(SET_UP)
        if isinstance(answers, dict):
            found = {**answers, **found}
    return found


def learned(integration: DriverIntegration, namespace: str) -> dict[str, Any]:
    """What the recorded connection had learned of its server; empty where nothing was recorded."""
    port = ports.current()
    best: dict[str, Any] = {}
    for facts in () if port is None else _facts(integration, port):
        if isinstance(facts.get("learned"), dict):
            if facts.get("namespace") == namespace:
                found: dict[str, Any] = facts["learned"]
                return found
            best = best or facts["learned"]
    return best


def _facts(integration: DriverIntegration, port: Port) -> Iterator[dict[str, Any]]:
    """What was written down of servers, each once."""
    seen: set[str] = set()
    for request in port.recorded_requests(integration):
        if not isinstance(request, SqlStatement) or not request.server or request.server in seen:
            continue
        seen.add(request.server)
        try:
            facts = values.loads(request.server)
        except CodecError as error:
            ports.report(f"{integration.name}: what was recorded of the server", error)
            continue
        if isinstance(facts, dict):
            yield facts
