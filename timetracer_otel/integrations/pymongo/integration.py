"""PyMongo: each command as it is sent, and the reply as it is received.

Above that are all methods, cursors, sessions, retries and codecs, which go on as ever: in a replay
they get the bytes that the server sent. Below are pools, handshakes, authentication and monitors: traffic
of theirs belongs to no request, and in a replay there is none.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from timetracer_otel.errors import CodecError, ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Integration, Invocation, Point
from timetracer_otel.integrations.pymongo import objectids, servers, spans
from timetracer_otel.integrations.pymongo.commands import Commands, message_of
from timetracer_otel.integrations.pymongo.topologies import Topologies
from timetracer_otel.messages import Answer, Failure, MongoCommand, MongoReply, Request, bson

_SOCKET_ERRORS: Final = exceptions.by_name(socket.gaierror, socket.herror)


class PyMongoIntegration(Integration):
    """Records and answers what clients send, synchronous and asynchronous."""

    name: ClassVar[str] = "pymongo"
    oldest = ("pymongo>=4.9",)
    family: ClassVar[str] = "mongodb"
    scopes: ClassVar[tuple[str, ...]] = (spans.MODULE,)

    def __init__(self) -> None:
        self._topologies = Topologies(self)
        self._commands = Commands(self, self._topologies)

    def points(self) -> Sequence[Point]:
        """Where messages are sent and received, and where a client finds and reaches its servers."""
        found = [
            Point("bson.objectid", "ObjectId.__init__", replacement=objectids.drawing),
            Point(spans.MODULE, "CommandTracer.started", wrapper=spans.keep),
        ]
        for asynchronous in (False, True):
            package = "pymongo.asynchronous" if asynchronous else "pymongo.synchronous"
            prefix = "Async" if asynchronous else ""
            found += self._commands.points(package, prefix, asynchronous=asynchronous)
            found += self._topologies.points(package, prefix, asynchronous=asynchronous)
        return found

    def request(self, call: Invocation) -> Request:
        """The command in the message that is sent."""
        return MongoCommand(message_of(call).body, servers.describe(call.instance))

    def answer(self, result: Any, call: Invocation) -> MongoReply:
        """The document in the message that was received."""
        return MongoReply(bytes(result.payload_document), bool(result.more_to_come))

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The message as it was received.

        Raises:
            ReplayError: the recorded document cannot be sent.
        """
        reply = cast("MongoReply", answer)
        try:
            data = bson.encode(reply.document or {})
        except CodecError as error:
            raise ReplayError(f"pymongo: the recorded reply cannot be given: {error}") from error
        kind = sys.modules["pymongo.message"]._OpMsg
        return kind(kind.MORE_TO_COME if reply.more_to_come else 0, data)

    def faults(self) -> Mapping[str, Answer | Failure]:
        """What a connection raises; the driver may try again, and says that there is no server."""
        lost = Failure("pymongo.errors.AutoReconnect", ["mongodb:27017: connection closed"])
        refused = Failure("pymongo.errors.AutoReconnect", ["mongodb:27017: [Errno 111] Connection refused"])
        return {
            "timeout": Failure("pymongo.errors.NetworkTimeout", ["mongodb:27017: timed out"]),
            "refused": refused,
            "connection error": refused,
            "reset": lost,
            "disconnected": lost,
        }

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """What PyMongo raises, and what is below it."""
        return exceptions.module_exceptions(sys.modules["pymongo.errors"]) | _SOCKET_ERRORS
