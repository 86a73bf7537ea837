"""Redis: a command, or a pipeline of them, and the reply."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Canonical
from timetracer_otel.span import Attributes

_READS = frozenset(
    {
        "BITCOUNT", "BITFIELD_RO", "BITPOS", "DBSIZE", "DUMP", "ECHO", "EVALSHA_RO", "EVAL_RO", "EXISTS",
        "EXPIRETIME", "FCALL_RO", "GEODIST", "GEOHASH", "GEOPOS", "GEORADIUSBYMEMBER_RO", "GEORADIUS_RO",
        "GEOSEARCH", "GET", "GETBIT", "GETRANGE", "HEXISTS", "HEXPIRETIME", "HGET", "HGETALL", "HKEYS",
        "HLEN", "HMGET", "HPEXPIRETIME", "HPTTL", "HRANDFIELD", "HSCAN", "HSTRLEN", "HTTL", "HVALS",
        "INFO", "KEYS", "LASTSAVE", "LCS", "LINDEX", "LLEN", "LOLWUT", "LPOS", "LRANGE", "MGET",
        "PEXPIRETIME", "PFCOUNT", "PING", "PTTL", "RANDOMKEY", "ROLE", "SCAN", "SCARD", "SDIFF", "SINTER",
        "SINTERCARD", "SISMEMBER", "SMEMBERS", "SMISMEMBER", "SORT_RO", "SRANDMEMBER", "SSCAN", "STRLEN",
        "SUBSTR", "SUNION", "TIME", "TOUCH", "TTL", "TYPE", "WAIT", "WAITAOF", "XLEN", "XPENDING",
        "XRANGE", "XREAD", "XREVRANGE", "ZCARD", "ZCOUNT", "ZDIFF", "ZINTER", "ZINTERCARD", "ZLEXCOUNT",
        "ZMSCORE", "ZRANDMEMBER", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK", "ZREVRANGE",
        "ZREVRANGEBYLEX", "ZREVRANGEBYSCORE", "ZREVRANK", "ZSCAN", "ZSCORE", "ZUNION", "ASKING", "AUTH",
        "CLIENT", "COMMAND", "DISCARD", "EXEC", "HELLO", "MULTI", "QUIT", "READONLY", "READWRITE",
        "RESET", "SELECT", "UNWATCH", "WATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE",
        "PUNSUBSCRIBE", "SUNSUBSCRIBE", "DIGEST", "OBJECT", "PUBSUB", "XINFO", "BF.CARD",
        "BF.EXISTS", "BF.INFO", "BF.MEXISTS", "CF.COUNT", "CF.EXISTS", "CF.INFO", "CF.MEXISTS",
        "CMS.INFO", "CMS.QUERY", "TOPK.INFO", "TOPK.LIST", "TOPK.QUERY", "FT.AGGREGATE", "FT.EXPLAIN",
        "FT.INFO", "FT.PROFILE", "FT.SEARCH", "FT.SPELLCHECK", "FT.TAGVALS", "FT._LIST", "JSON.ARRINDEX",
        "JSON.ARRLEN", "JSON.GET", "JSON.MGET", "JSON.OBJKEYS", "JSON.OBJLEN", "JSON.RESP", "JSON.STRLEN",
        "JSON.TYPE", "TS.GET", "TS.INFO", "TS.MGET", "TS.MRANGE", "TS.MREVRANGE", "TS.QUERYINDEX",
        "TS.RANGE", "TS.REVRANGE", "VCARD", "VDIM", "VEMB", "VGETATTR", "VINFO", "VISMEMBER", "VLINKS",
        "VRANDMEMBER", "VSIM",
    }
)  # fmt: skip
"""Commands that change no data, whatever their arguments. Those of a connection and of its transaction
are among them: what a transaction changes is said by the commands in it."""
_READ_PAIRS = frozenset(
    {
        "ACL CAT", "ACL DRYRUN", "ACL GENPASS", "ACL GETUSER", "ACL LIST", "ACL LOG", "ACL USERS",
        "ACL WHOAMI", "CLUSTER COUNTKEYSINSLOT", "CLUSTER GETKEYSINSLOT", "CLUSTER INFO",
        "CLUSTER KEYSLOT", "CLUSTER LINKS", "CLUSTER MYID", "CLUSTER MYSHARDID", "CLUSTER NODES",
        "CLUSTER REPLICAS", "CLUSTER SHARDS", "CLUSTER SLOTS", "CONFIG GET", "FUNCTION DUMP",
        "FUNCTION LIST", "FUNCTION STATS", "LATENCY DOCTOR", "LATENCY HISTOGRAM", "LATENCY HISTORY",
        "LATENCY LATEST", "MEMORY DOCTOR", "MEMORY STATS", "MEMORY USAGE", "MODULE LIST",
        "SCRIPT EXISTS", "SCRIPT LOAD", "SCRIPT SHOW", "SENTINEL GET-MASTER-ADDR-BY-NAME",
        "SENTINEL MASTER", "SENTINEL MASTERS", "SENTINEL REPLICAS", "SENTINEL SENTINELS",
        "SENTINEL SLAVES", "SLOWLOG GET", "SLOWLOG LEN",
    }
)  # fmt: skip
"""Those of which only some subcommands change nothing. A script is loaded into a cache."""


class RedisCommand(msgspec.Struct):
    """One command (``["GET", "key"]``) or, when ``pipeline``, a list of commands.

    Arguments are as the app gave them (str, bytes, int, float, memoryview as bytes).
    """

    arguments: list[Any]
    pipeline: bool = False
    transaction: bool = False

    family: ClassVar[str] = "redis"

    def attributes(self) -> Attributes:
        """Payload attributes of the command."""
        data: Attributes = {names.REDIS_COMMAND: values.dumps(self.arguments)}
        if self.pipeline:
            data["timetracer.redis.pipeline"] = "transaction" if self.transaction else "pipeline"
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The command that those attributes carry."""
        command = values.loads(str(attributes[names.REDIS_COMMAND]))
        pipeline = attributes.get("timetracer.redis.pipeline")
        if pipeline is not None and not (
            isinstance(command, list) and all(isinstance(one, list) for one in command)
        ):
            raise CodecError(f"{names.REDIS_COMMAND} is no list of commands")
        return cls(
            arguments=command if isinstance(command, list) else [command],
            pipeline=pipeline is not None,
            transaction=pipeline == "transaction",
        )

    def canonical(self) -> Canonical:
        """The command as Redis gets it: every argument encoded to bytes."""
        if self.pipeline:
            commands = [_words(command) for command in self.arguments]
            return {"pipeline": commands, "transaction": self.transaction}
        return {"command": _words(self.arguments)}

    def key(self) -> Hashable:
        """:meth:`canonical` as tuples."""
        if self.pipeline:
            return self.transaction, *(tuple(_words(command)) for command in self.arguments)
        return tuple(_words(self.arguments))

    def title(self) -> str:
        """``SET key value`` on one line; a pipeline as its commands joined by ``; ``."""
        commands = self.arguments if self.pipeline else [self.arguments]
        return "; ".join(" ".join(_show(part) for part in command) for command in commands)

    @property
    def writes(self) -> bool:
        """True unless every command is known to only read."""
        commands = self.arguments if self.pipeline else [self.arguments]
        return any(_changes_data(command) for command in commands if command)

    def span_attributes(self) -> Attributes:
        """``db.system.name`` and ``db.operation.name``."""
        first = str(_wire(self.arguments[0])).upper() if self.arguments and not self.pipeline else "PIPELINE"
        return {names.DB_SYSTEM_NAME: "redis", "db.operation.name": first}


class RedisReply(msgspec.Struct):
    """What the library returned for the command; for a pipeline the list of replies.

    An exception among the replies is ``None`` in ``value``; ``extra["failures"]`` has the index path
    of each and its :meth:`~timetracer_otel.messages.base.Failure.plain` form.
    """

    value: Any = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)

    family: ClassVar[str] = "redis"

    def attributes(self) -> Attributes:
        """Payload attributes of the reply."""
        data: Attributes = {names.REDIS_REPLY: values.dumps(self.value)}
        if self.extra:
            data["timetracer.redis.extra"] = values.dumps(self.extra)
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The reply that those attributes carry."""
        text = attributes.get("timetracer.redis.extra")
        extra = values.loads(text) if isinstance(text, str) else {}
        if not isinstance(extra, dict):
            raise CodecError(f"timetracer.redis.extra is a {type(extra).__name__}, not a dict")
        return cls(value=values.loads(str(attributes[names.REDIS_REPLY])), extra=extra)


def _words(command: list[Any]) -> list[str | bytes]:
    """The command as it goes over the wire: a name of several words is several arguments."""
    if not command:
        return []
    return [*str(_wire(command[0])).upper().split(), *(_wire(part) for part in command[1:])]


def _changes_data(command: list[Any]) -> bool:
    words = [str(word).upper() for word in _words(command)]
    if words[0] == "SORT":
        return "STORE" in words
    return words[0] not in _READS and " ".join(words[:2]) not in _READ_PAIRS


def _wire(part: Any) -> str | bytes:
    """The argument as Redis gets it, as text where it is text."""
    if isinstance(part, bool | int | float):
        return repr(part)
    if isinstance(part, bytes | bytearray | memoryview):
        raw = bytes(part)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw
    return str(part)


def _show(part: Any) -> str:
    text = str(_wire(part))
    return text if len(text) <= 60 else text[:57] + "..."
