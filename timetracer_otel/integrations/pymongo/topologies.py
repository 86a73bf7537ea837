"""How a client finds and reaches its servers, and that it does so in no replay.

What goes on between a client and its servers beside commands (pools, handshakes, authentication, monitors)
belongs to no request.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.base import Flow, Invocation, Point
from timetracer_otel.integrations.pymongo import servers
from timetracer_otel.integrations.pymongo.arguments import argument
from timetracer_otel.messages import Failure, MongoCommand
from timetracer_otel.messages import mongodb as wire

if TYPE_CHECKING:
    from timetracer_otel.integrations.pymongo.integration import PyMongoIntegration

_ON_TOPOLOGY: Final = (
    "open", "select_servers", "select_server", "select_server_by_address", "get_primary",
    "get_secondaries", "get_arbiters",
)  # fmt: skip
_OFF_TOPOLOGY: Final = ("handle_error", "receive_cluster_time", "update_pool", "request_check_all")


class _Facts(msgspec.Struct, frozen=True):
    """What a recording says of servers.

    Attributes:
        servers: by address, see :func:`servers.read`.
        selections: there are searches that found none.
    """

    servers: dict[servers.Address, dict[str, Any]]
    selections: bool


class Topologies:
    """What is done around a client's dealings with its servers.

    Args:
        integration: whose calls they are.
    """

    def __init__(self, integration: PyMongoIntegration) -> None:
        self._integration = integration
        self._hellos: dict[servers.Address, dict[str, Any]] = {}
        self._recorded: weakref.WeakKeyDictionary[ports.Port, _Facts] = weakref.WeakKeyDictionary()

    def points(self, package: str, prefix: str, *, asynchronous: bool) -> Sequence[Point]:
        """Where servers are looked for, connected to, and watched.

        Args:
            package: where the client's modules are.
            prefix: what the names of their classes begin with.
            asynchronous: their functions are awaited.
        """
        pool, topology = f"{package}.pool", f"{package}.topology"
        connects = {
            "_configured_socket": servers.Socket,  # up to 4.11, both colours
            "_configured_protocol_interface": servers.AsyncSocket,
            "_configured_socket_interface": servers.Socket,
        }
        killing = f"{prefix}MongoClient._process_kill_cursors"
        return (
            Point(pool, f"{prefix}Connection.authenticate", self._authenticate, asynchronous),
            *(
                Point(pool, name, self._connecting(kind), asynchronous, optional=True)
                for name, kind in connects.items()
            ),
            Point(f"{package}.mongo_client", f"{prefix}MongoClient.address", replacement=self._address),
            Point(f"{package}.mongo_client", killing, self._drop_cursors, asynchronous),
            *(
                Point(topology, f"Topology.{name}", self._on_stand_in(name), asynchronous)
                for name in _ON_TOPOLOGY
            ),
            *(Point(topology, f"Topology.{name}", self._leave_out, asynchronous) for name in _OFF_TOPOLOGY),
            Point("pymongo.periodic_executor", f"{prefix}PeriodicExecutor.open", self._background),
            Point(f"{package}.periodic_executor", "PeriodicExecutor.open", self._background),  # up to 4.10
        )

    def hello(self, address: servers.Address) -> dict[str, Any]:
        """What a server answers when a connection to it is made in a replay."""
        return self._hellos.get(address) or next(iter(servers.hellos({}, [address], None).values()))

    def _goes_out(self) -> bool:
        port = ports.current()
        return port is None or port.live(self._integration)

    def _leave_out(self, call: Invocation) -> Flow[Any]:
        """What concerns connections is not done in a replay."""
        return (yield call.proceed) if self._goes_out() else None

    def _drop_cursors(self, call: Invocation) -> Flow[Any]:
        """Cursors that were garbage are closed at some later time: by a thread, or with the client."""
        if not self._goes_out():
            call.instance._kill_cursors_queue.clear()
        return (yield from self._background(call))

    def _address(self, present: Any) -> Any:
        """Up to 4.10 a client looks first at what it knows itself, which in a replay is no server."""

        def address(client: Any) -> Any:
            return present.fget(client) if self._goes_out() else client._server_property("address")

        return property(address, doc=present.__doc__)

    def _background(self, call: Invocation) -> Flow[Any]:
        """Monitors and the like: they belong to no request; in a replay there are none."""
        if not self._goes_out():
            return None
        with ports.inside():  # a task starts with the context of who starts it
            return (yield call.proceed)

    def _authenticate(self, call: Invocation) -> Flow[Any]:
        if self._goes_out():
            return (yield call.proceed)
        call.instance.ready = True
        return None

    def _connecting(self, kind: type[servers.Socket]) -> Callable[[Invocation], Flow[Any]]:
        def connect(call: Invocation) -> Flow[Any]:
            if self._goes_out():
                with ports.inside():  # let through, where a replay leaves MongoDB live
                    return (yield call.proceed)
            return kind(argument(call, 1, "options").socket_timeout)

        return connect

    def _on_stand_in(self, name: str) -> Callable[[Invocation], Flow[Any]]:
        def handler(call: Invocation) -> Flow[Any]:
            port = ports.current()
            topology = call.instance
            if port is None or getattr(topology, "_closed", False):
                return (yield call.proceed)
            replaying = port.replaying and not port.live(self._integration)
            if name == "select_servers" and (not replaying or servers.is_stand_in(topology)):
                return (yield from self._select(call, port, replaying=replaying))
            if not replaying or servers.is_stand_in(topology):
                return (yield call.proceed)
            if name == "open":
                return None
            made = yield from self._stand_in(topology, port)
            return (yield lambda: getattr(made, name)(*call.args, **call.kwargs))

        return handler

    def _stand_in(self, topology: Any, port: ports.Port) -> Flow[Any]:
        recorded = self._facts(port)
        answers = servers.hellos(
            recorded.servers, topology._seed_addresses, topology._settings.replica_set_name
        )
        self._hellos.update(answers)
        made = yield from servers.stand_in(topology, answers)
        return made

    def _facts(self, port: ports.Port) -> _Facts:
        found = self._recorded.get(port)
        if found is None:
            requests = [
                request
                for request in port.recorded_requests(self._integration)
                if isinstance(request, MongoCommand)
            ]
            found = self._recorded[port] = _Facts(
                servers.read(request.server for request in requests if request.server),
                any(request.name == wire.SELECTION for request in requests),
            )
        return found

    def _select(self, call: Invocation, port: ports.Port, *, replaying: bool) -> Flow[Any]:
        """Looking for servers: a call of its own only where none is found."""
        operation = str(getattr(found := argument(call, 1, "operation"), "value", found))
        request = MongoCommand({wire.SELECTION: operation})
        if replaying and self._facts(port).selections:
            following = next(iter(port.pending_requests(self._integration)), None)
            if isinstance(following, MongoCommand) and following.canonical() == request.canonical():
                recorded = port.begin(self._integration, request).recorded
                if isinstance(recorded, Failure):
                    raise self._integration.rebuild_failure(recorded, call)
        try:
            return (yield call.proceed)
        except Exception as error:
            if type(error).__name__ != "ServerSelectionTimeoutError":
                raise
            if replaying:
                raise ReplayError(
                    f"pymongo: {operation} wants a server that no recorded command went to"
                    f" ({argument(call, 0, 'selector')!r})"
                ) from error
            exchange = port.begin(self._integration, request)
            with exchange:
                pass
            self._integration._report_failure(error, call, exchange)
            raise
