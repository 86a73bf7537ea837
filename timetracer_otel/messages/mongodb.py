"""MongoDB: a command document and the document that answered it, as they go over the wire."""

from __future__ import annotations

import json
import struct
from collections.abc import Hashable, Iterator
from datetime import datetime
from typing import Any, ClassVar, Final, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import bson
from timetracer_otel.messages.base import Canonical
from timetracer_otel.span import Attributes

SELECTION: Final = "serverSelection"
"""Not a command: looking for a server to send one to. Recorded when none was found."""

_READS: Final = frozenset(
    {
        "abortTransaction", "buildInfo", "buildinfo", "collStats", "collstats", "connPoolStats",
        "connectionStatus", "count", "currentOp", "dataSize", "dbHash", "dbStats", "dbstats", "distinct",
        "endSessions", "explain", "find", "getCmdLineOpts", "getLog", "getMore", "getParameter", "hello",
        "hostInfo", "isMaster", "ismaster", "killCursors", "listCollections", "listCommands",
        "listDatabases", "listIndexes", "listSearchIndexes", "ping", "refreshSessions", "replSetGetConfig",
        "replSetGetStatus", "rolesInfo", "serverStatus", "startSession", "top", "usersInfo", "validate",
        "whatsmyuri", SELECTION,
    }
)  # fmt: skip
"""Commands that change no data. What a transaction changes is said by the commands in it."""

_VOLATILE: Final = frozenset(
    {"$clusterTime", "$db", "$readPreference", "$configServerState", "lsid", "maxTimeMS", "txnNumber"}
)
"""Fields that differ from one run to the next, or do not change what is asked."""

_IN_ORDER: Final = frozenset({"sort", "$sort", "key", "hint", "sortBy"})
"""Documents of which the order of the fields says something."""

_COLLECTION_ELSEWHERE: Final = {"getMore": "collection"}
_MORE_TO_COME: Final = 1 << 1
_CHECKSUM: Final = 1
_HEADER: Final = struct.Struct("<iiii")
OP_MSG: Final = 2013
OP_COMPRESSED: Final = 2012


class MongoCommand(msgspec.Struct):
    """One command. The documents of an insert, and the like, are in its field of that name.

    Attributes:
        command: the document, or the body of the ``OP_MSG`` that carries it: it is read when it is
            first looked at, which while recording is not done in the app's time.
        server: what the client knew of the server, as JSON text (:func:`values.dumps`).
    """

    command: dict[str, Any] | bytes
    server: str = ""

    family: ClassVar[str] = "mongodb"

    @property
    def document(self) -> dict[str, Any]:
        """The command.

        Raises:
            CodecError: the message is malformed.
        """
        if isinstance(self.command, bytes):
            self.command = unpack(self.command)
        return self.command

    @property
    def name(self) -> str:
        """``find``, ``insert``, ..."""
        if isinstance(self.command, bytes):
            return bson.first_element(self.command[5:])[0]
        return next(iter(self.command), "")

    @property
    def namespace(self) -> str | None:
        """The name of the database."""
        database = self.document.get("$db")
        return database if isinstance(database, str) else None

    def attributes(self) -> Attributes:
        """Payload attributes of the command."""
        document = {key: value for key, value in self.document.items() if key != "$clusterTime"}
        data: Attributes = {names.MONGODB_COMMAND: values.dumps(document)}
        if self.server:
            data[names.MONGODB_SERVER] = self.server
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The command that those attributes carry."""
        command = values.loads(str(attributes[names.MONGODB_COMMAND]))
        if not isinstance(command, dict):
            raise CodecError("a MongoDB command that is no document")
        return cls(command, str(attributes.get(names.MONGODB_SERVER, "")))

    def canonical(self) -> Canonical:
        """The command without what the driver adds to it: session, transaction number, times."""
        document = {key: value for key, value in self.document.items() if key not in _VOLATILE}
        return {"command": _comparable(document)}

    def key(self) -> Hashable:
        """:meth:`canonical` as bytes."""
        return values.canonical(self.canonical())

    def title(self) -> str:
        """``find shop.orders {"filter": {...}}`` on one line."""
        document = self.document
        name = self.name
        collection = _collection(document, name)
        rest = {key: value for key, value in document.items() if key not in (name, "collection", *_VOLATILE)}
        place = ".".join(part for part in (self.namespace, collection) if part)
        return " ".join(filter(None, [name, place, _show(rest) if rest else ""]))

    @property
    def writes(self) -> bool:
        """True unless the command is known to only read."""
        name = self.name
        if name == "aggregate":
            stages = self.document.get("pipeline")
            last = stages[-1] if isinstance(stages, list) and stages else {}
            return isinstance(last, dict) and ("$out" in last or "$merge" in last)
        return name not in _READS

    def span_attributes(self) -> Attributes:
        """``db.system.name``, ``db.operation.name``, ``db.collection.name``, ``db.namespace``."""
        found: Attributes = {names.DB_SYSTEM_NAME: "mongodb", "db.operation.name": self.name}
        document = self.document
        collection = _collection(document, self.name)
        if collection:
            found["db.collection.name"] = collection
        database = document.get("$db")
        if isinstance(database, str):
            found["db.namespace"] = database
        return found


class MongoReply(msgspec.Struct):
    """The document that answered a command.

    Attributes:
        reply: the document, or its BSON (see :class:`MongoCommand`); ``None`` when none was asked for
            (an unacknowledged write).
        more_to_come: the server goes on sending without being asked (an exhaust cursor).
    """

    reply: dict[str, Any] | bytes | None
    more_to_come: bool = False

    family: ClassVar[str] = "mongodb"

    @property
    def document(self) -> dict[str, Any] | None:
        """The document.

        Raises:
            CodecError: it is malformed.
        """
        if isinstance(self.reply, bytes):
            self.reply = bson.decode(self.reply)
        return self.reply

    def attributes(self) -> Attributes:
        """Payload attributes of the reply."""
        data: Attributes = {names.MONGODB_REPLY: values.dumps(self.document)}
        if self.more_to_come:
            data["timetracer.mongodb.more_to_come"] = True
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The reply that those attributes carry."""
        reply = values.loads(str(attributes[names.MONGODB_REPLY]))
        if reply is not None and not isinstance(reply, dict):
            raise CodecError("a MongoDB reply that is no document")
        return cls(reply, attributes.get("timetracer.mongodb.more_to_come") is True)


class Message(msgspec.Struct, frozen=True):
    """A message of the wire protocol, its header taken off.

    Attributes:
        op_code: 2013 for ``OP_MSG``, 2012 for a compressed one.
        request_id: what the answer will refer to.
        body: what follows the header.
    """

    op_code: int
    request_id: int
    body: bytes

    @property
    def answered(self) -> bool:
        """False for an unacknowledged write: no answer comes."""
        return not struct.unpack_from("<I", self.body)[0] & _MORE_TO_COME


def message(data: bytes) -> Message:
    """The parts of a message as it is sent.

    Raises:
        CodecError: it is none.
    """
    if len(data) < 21:
        raise CodecError("not a message of MongoDB's wire protocol")
    _, request_id, _, op_code = _HEADER.unpack_from(data)
    return Message(op_code, request_id, bytes(data[16:]))


def compressed(body: bytes) -> tuple[int, int, bytes]:
    """Operation, compressor and data in the body of an ``OP_COMPRESSED``."""
    op_code, _, compressor = struct.unpack_from("<iiB", body)
    return op_code, compressor, body[9:]


def unpack(body: bytes) -> dict[str, Any]:
    """The document in an ``OP_MSG``, the sequences of documents beside it put in their fields.

    Raises:
        CodecError: it is malformed.
    """
    document: dict[str, Any] = {}
    sequences: dict[str, list[Any]] = {}
    try:
        (flags,) = struct.unpack_from("<I", body)
        end = len(body) - 4 if flags & _CHECKSUM else len(body)
        at = 4
        while at < end:
            kind = body[at]
            (size,) = struct.unpack_from("<i", body, at + 1)
            section = body[at + 1 : at + 1 + size]
            if size < 5 or kind not in (0, 1):
                raise CodecError(f"a malformed section of kind {kind}")
            if kind == 0:
                document = bson.decode(section)
            else:
                name_end = section.index(0, 4)
                sequences[section[4:name_end].decode()] = _documents(section, name_end + 1)
            at += 1 + size
    except (struct.error, IndexError, ValueError) as error:
        raise CodecError(f"not a message of MongoDB's wire protocol: {error}") from None
    return {**document, **sequences}


def _documents(section: bytes, at: int) -> list[Any]:
    found = []
    while at < len(section):
        (size,) = struct.unpack_from("<i", section, at)
        found.append(bson.decode(section[at : at + size]))
        at += max(size, 5)
    return found


def _collection(document: dict[str, Any], name: str) -> str | None:
    found = document.get(_COLLECTION_ELSEWHERE.get(name, name))
    return found if isinstance(found, str) else None


def _comparable(value: Any, name: str = "") -> Any:
    """The value for comparing: the order of fields counts where the server heeds it."""
    if isinstance(value, dict):
        fields = {key: _comparable(item, key) for key, item in value.items()}
        return [[key, item] for key, item in fields.items()] if name in _IN_ORDER else fields
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return value


def _show(value: Any, room: int = 200) -> str:
    if isinstance(value, dict):
        parts = (f"{json.dumps(key, ensure_ascii=False)}: {_show(item)}" for key, item in value.items())
        text = "{" + _joined(parts, room) + "}"
    elif isinstance(value, list):
        text = "[" + _joined(map(_show, value), room) + "]"
    elif value is None or isinstance(value, bool | str):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text if len(text) <= room else text[: room - 3] + "..."


def _joined(parts: Iterator[str], room: int) -> str:
    found: list[str] = []
    for part in parts:
        found.append(part)
        room -= len(part)
        if room < 0:
            break
    return ", ".join(found)
