"""Which calls an app may make in one request and spare itself in the next, as a cache of the process holds
what they were answered.
"""

from __future__ import annotations

import re
from typing import Final

from timetracer_otel.messages import HttpRequest, MongoCommand, RedisCommand, Request, SqlStatement

_METHODS: Final = frozenset({"GET", "HEAD"})
_COMMANDS: Final = frozenset(
    {
        "aggregate", "buildInfo", "buildinfo", "count", "distinct", "find", "hello", "isMaster", "ismaster",
        "listCollections", "listDatabases", "listIndexes",
    }
)  # fmt: skip
_NEVER_THE_SAME: Final = re.compile(
    r"""\b(?: nextval | setval | currval | lastval | last_insert_id | last_insert_rowid | changes
            | random | rand | newid | gen_random_uuid | uuid\w* | randomblob
            | now | sysdate | clock_timestamp | statement_timestamp | transaction_timestamp | timeofday
            | pg_(?:try_)?advisory\w+ | pg_notify | pg_sleep | get_lock | release_lock | sleep )\s*\(
      | \bcurrent_(?:timestamp|time|date)\b | \blocaltime(?:stamp)?\b
      | \bfor\s+(?:no\s+key\s+)?update\b | \bfor\s+(?:key\s+)?share\b | \block\s+in\s+share\s+mode\b""",
    re.I | re.X,
)
"""In a statement that begins as a read: numbers, locks, moments and chance."""
_OF_A_CONNECTION: Final = frozenset(
    {
        "ASKING", "AUTH", "DISCARD", "EXEC", "MULTI", "PSUBSCRIBE", "PUNSUBSCRIBE", "QUIT", "RANDOMKEY",
        "RESET", "SRANDMEMBER", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "TIME", "UNSUBSCRIBE", "UNWATCH",
        "WAIT", "WAITAOF", "WATCH", "XREAD",
    }
)  # fmt: skip
"""Commands of Redis that change no data and yet are about this moment, this connection, or chance."""


def may_be_cacheable(request: Request) -> bool:
    """False for requests of which one can tell at a glance that they are not :func:`cacheable`.

    Args:
        request: what is asked.
    """
    return not isinstance(request, HttpRequest) or request.method in _METHODS


def cacheable(request: Request) -> bool:
    """True for a plain read, whose answer a cache may hold; never for what changes, locks, numbers or draws.

    Args:
        request: what is asked.
    """
    if isinstance(request, HttpRequest):
        return request.method.upper() in _METHODS and not request.writes
    if isinstance(request, SqlStatement):
        plain = not request.step and not request.executemany and not request.controls_transaction
        return plain and not request.writes and not _NEVER_THE_SAME.search(request.text)
    if isinstance(request, RedisCommand):
        words = [str(request.arguments[0]).upper()] if request.arguments and not request.pipeline else []
        return bool(words) and words[0].split(" ")[0] not in _OF_A_CONNECTION and not request.writes
    if isinstance(request, MongoCommand):
        return request.name in _COMMANDS and not request.writes
    return False
