"""redis-py: commands, pipelines and messages, where the app gets them; from servers, Sentinels and clusters.

Everything below (pools, handshakes, retries, redirections, response callbacks) belongs to the call that
is seen. In replay a connection is never opened: connecting does nothing, and sending by a way that
is not recorded (monitor, raw connections) is refused.
"""

from __future__ import annotations

import socket
import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from timetracer_otel import ports, values
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point
from timetracer_otel.messages import Answer, Failure, RedisCommand, RedisReply, Request

_NO_FIELDS = frozenset({"connection"})
_ENDS_WATCH = frozenset({"UNWATCH", "DISCARD", "EXEC"})


quiet_pools: weakref.WeakSet[Any] = weakref.WeakSet()
"""Pools of connections that carry what is seen above: a broker's."""


def _is_quiet(call: Invocation) -> bool:
    return getattr(call.instance, "connection_pool", None) in quiet_pools


class RedisIntegration(Integration):
    """Records and answers what clients and pipelines execute, synchronous and asynchronous.

    Replies are what the app sees: after response callbacks, of the types RESP2 or RESP3 gave them.
    """

    name: ClassVar[str] = "redis"
    oldest = ("redis>=5.0.1",)
    family: ClassVar[str] = "redis"
    scopes: ClassVar[tuple[str, ...]] = ("opentelemetry.instrumentation.redis",)
    module: ClassVar[str] = "redis"
    """Where the classes are: a fork has the same ones under another name."""

    def points(self) -> Sequence[Point]:
        """Where commands are executed, and where connections are used."""
        found: list[Point] = []
        for asynchronous in (False, True):
            package = f"{self.module}.asyncio" if asynchronous else self.module
            handlers = {
                "Redis.execute_command": self.exchange,
                "Pipeline.execute": self._execute,
                "Pipeline.immediate_execute_command": self._execute_now,
                "PubSub.execute_command": self.exchange,
                "PubSub.parse_response": self._next_message,
            }
            found += [
                Point(
                    f"{package}.client", path, handler, asynchronous,
                    direct=self._unless_quiet if handler == self.exchange else None,
                )
                for path, handler in handlers.items()
            ]  # fmt: skip
            handlers = {
                "RedisCluster.execute_command": self._execute_in_cluster,
                "ClusterPipeline.execute": self._execute_in_cluster,
            }
            if asynchronous:  # the other one asks nodes by clients
                handlers["ClusterNode.execute_command"] = self.exchange
            found += [
                Point(f"{package}.cluster", path, handler, asynchronous, optional=True)
                for path, handler in handlers.items()
            ]
            handlers = {
                "connect": self._connect,
                "send_command": self._send,
                "send_packed_command": self._send,
            }
            found += [
                Point(f"{package}.connection", f"AbstractConnection.{method}", handler, asynchronous)
                for method, handler in handlers.items()
            ]
            found += [
                Point(
                    f"{package}.connection", f"AbstractConnection.{method}", self._can_read, asynchronous,
                    optional=True,
                )
                for method in ("can_read", "can_read_destructive")
            ]  # fmt: skip
        return found

    def request(self, call: Invocation) -> Request:
        """The command with its arguments as given, or all commands of a pipeline."""
        if isinstance(call, _Pipelined):
            commands = [_arguments(command) for command in call.commands]
            return RedisCommand(commands, pipeline=True, transaction=call.transaction)
        if isinstance(call, _NextMessage):
            return RedisCommand(["PUBSUB", "MESSAGE", *call.subscriptions])
        return RedisCommand(_arguments(call.args))

    def answer(self, result: Any, call: Invocation) -> RedisReply:
        """The reply; exceptions among the replies of a pipeline are set beside it."""
        failures: list[list[Any]] = []
        value = values.snapshot(_take_errors(result, [], failures))
        return RedisReply(value, {"failures": failures} if failures else {})

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The reply, the app's own to change.

        Raises:
            ReplayError: a part of it was of a type that could not be recorded.
        """
        reply = cast("RedisReply", answer)
        lost = values.unsupported(reply.value)
        if lost:
            raise ReplayError(
                f"the recorded reply holds values that could not be recorded ({', '.join(sorted(lost))});"
                " register their classes with timetracer_otel.values.register and record again"
            )
        value = values.snapshot(reply.value)
        for path, failure in reply.extra.get("failures", []):
            value = _put(value, path, self.rebuild_failure(Failure.from_plain(failure), call))
        return value

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What the client raises once it has tried as often as it was told to."""
        module = f"{self.module}.exceptions"
        lost = Failure(f"{module}.ConnectionError", ["Connection closed by server."])
        refused = Failure(
            f"{module}.ConnectionError", ["Error 111 connecting to redis:6379. Connection refused."]
        )
        return {
            "timeout": Failure(f"{module}.TimeoutError", ["Timeout reading from socket"]),
            "connect timeout": Failure(f"{module}.TimeoutError", ["Timeout connecting to server"]),
            "refused": refused,
            "connection error": refused,
            "reset": lost,
            "disconnected": lost,
        }

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """What redis raises, and what is below it."""
        return exceptions.module_exceptions(sys.modules[f"{self.module}.exceptions"]) | _SOCKET_ERRORS

    def failure(self, error: BaseException, call: Invocation) -> Failure:
        """What redis raised, without the connection that a cluster's errors name."""
        return exceptions.describe(error, _NO_FIELDS)

    def rebuild_failure(self, failure: Failure, call: Invocation) -> BaseException:
        """The exception with its kind as redis has it, an enum."""
        error = super().rebuild_failure(failure, call)
        kinds = getattr(sys.modules[f"{self.module}.exceptions"], "ExceptionType", None)
        link: BaseException | None = error
        while link is not None:
            if kinds is not None and isinstance(getattr(link, "error_type", None), str):
                link.error_type = kinds(link.error_type)  # type: ignore[attr-defined]  # RedisError has it
            link = link.__cause__ or link.__context__
        return error

    def _unless_quiet(self, _: ports.Port, call: Invocation) -> Invocation | None:
        return None if quiet_pools and _is_quiet(call) else call

    def exchange(self, call: Invocation) -> Flow[Any]:
        """A call, unless it is one of a broker's."""
        if quiet_pools and _is_quiet(call):
            with ports.inside():
                return (yield call.proceed)
        return (yield from super().exchange(call))

    def _execute(self, call: Invocation) -> Flow[Any]:
        """A pipeline: one call, after which it is empty whatever happened."""
        pipeline = call.instance
        strategy = getattr(pipeline, "_execution_strategy", None)
        commands, transaction = _queued(pipeline) if strategy is None else _queued_for_cluster(strategy)
        if not commands and not getattr(pipeline, "watching", False):
            return (yield call.proceed)
        pipelined = _Pipelined(
            call.wrapped, call.instance, call.args, call.kwargs, commands=commands, transaction=transaction
        )
        try:
            return (yield from self.exchange(pipelined))
        finally:
            if not self._goes_out():
                yield pipeline.reset

    def _execute_now(self, call: Invocation) -> Flow[Any]:
        """A command of a pipeline that watches keys: it is sent at once."""
        pipeline = call.instance
        try:
            reply = yield from self.exchange(call)
        except Exception as error:
            # the connection died while keys were watched: redis has let go of them
            if not self._goes_out() and type(error).__name__ == "WatchError":
                yield pipeline.reset
            raise
        command = str(call.args[0]).upper()
        if not self._goes_out() and (command == "WATCH" or command in _ENDS_WATCH):
            pipeline.watching = command == "WATCH"
        return reply

    def _execute_in_cluster(self, call: Invocation) -> Flow[Any]:
        """A command or a pipeline for the nodes of a cluster.

        The asynchronous client asks for the nodes with its first command: those are calls of their own.
        """
        client = getattr(call.instance, "cluster_client", None) or call.instance
        if getattr(client, "_initialize", False):
            yield client.initialize
        pipelined = getattr(call.instance, "_execution_strategy", None) is not None
        return (yield from self._execute(call) if pipelined else self.exchange(call))

    def _next_message(self, call: Invocation) -> Flow[Any]:
        """Reading from a subscription: the next message, or ``None`` when none came in time."""
        reader = call.instance
        # under the names by which redis knows them: it keeps them as the app or the server spells them
        names = [*reader.channels, *reader.patterns, *getattr(reader, "shard_channels", ())]
        subscriptions = tuple(sorted(str(reader.encoder.decode(name, force=True)) for name in names))
        return (
            yield from self.exchange(
                _NextMessage(call.wrapped, call.instance, call.args, call.kwargs, subscriptions=subscriptions)
            )
        )

    def _connect(self, call: Invocation) -> Flow[Any]:
        if self._goes_out():
            return (yield call.proceed)
        return None

    def _can_read(self, call: Invocation) -> Flow[Any]:
        if self._goes_out():
            return (yield call.proceed)
        return False

    def _send(self, call: Invocation) -> Flow[Any]:
        if self._goes_out():
            return (yield call.proceed)
        command = " ".join(str(part) for part in call.args[:1] if isinstance(part, str)) or "a packed command"
        raise ReplayError(
            f"redis: {command} cannot be answered from a cassette: monitor and raw connections are not"
            " recorded; let redis go live with TIMETRACER_LIVE_PLUGINS=redis"
        )

    def _goes_out(self) -> bool:
        port = ports.current()
        return port is None or port.live(self)


class _Pipelined(Invocation, frozen=True):
    """The execution of a pipeline."""

    commands: list[tuple[Any, ...]]
    transaction: bool


class _NextMessage(Invocation, frozen=True):
    """The reading of one message."""

    subscriptions: tuple[str, ...]


def _queued(pipeline: Any) -> tuple[list[tuple[Any, ...]], bool]:
    """The commands of a pipeline, and whether they are one transaction."""
    # the attribute has another name in the asynchronous class, where `transaction` is a method
    grouped = getattr(pipeline, "is_transaction", None)
    grouped = pipeline.transaction if grouped is None else grouped
    commands = [arguments for arguments, _ in pipeline.command_stack]
    return commands, bool(grouped or pipeline.explicit_transaction)


def _queued_for_cluster(strategy: Any) -> tuple[list[tuple[Any, ...]], bool]:
    """As above, for a pipeline of a cluster."""
    queue = getattr(strategy, "_command_queue", None)
    queue = strategy.command_queue if queue is None else queue
    return [tuple(command.args) for command in queue], "Transaction" in type(strategy).__name__


_SOCKET_ERRORS = exceptions.by_name(socket.gaierror, socket.herror)


def _arguments(arguments: Sequence[Any]) -> list[Any]:
    """The arguments, safe from later changes; those that share memory become bytes."""
    return [
        bytes(part) if isinstance(part, bytearray | memoryview) else values.snapshot(part)
        for part in arguments
    ]


def _take_errors(value: Any, path: list[int], failures: list[list[Any]]) -> Any:
    """The value with ``None`` in the place of each exception, which is listed with its path."""
    if isinstance(value, Exception):
        failures.append([path, exceptions.describe(value, _NO_FIELDS).plain()])
        return None
    if type(value) is list and any(isinstance(item, Exception | list) for item in value):
        return [_take_errors(item, [*path, index], failures) for index, item in enumerate(value)]
    return value


def _put(value: Any, path: list[int], error: BaseException) -> Any:
    if not path:
        return error
    place = value
    for index in path[:-1]:
        place = place[index]
    place[path[-1]] = error
    return value
