"""One Redis client for each protocol version and way of decoding."""

from __future__ import annotations

import os

import redis
import redis.asyncio

FLAVOURS: dict[str, tuple[int, bool]] = {
    "resp2-bytes": (2, False),
    "resp3-text": (3, True),
    "resp2-text": (2, True),
    "resp3-bytes": (3, False),
}
"""Name → (protocol version, decode_responses)."""


def sync_clients() -> dict[str, redis.Redis]:
    """One client for each flavour; none of them has connected yet."""
    return {
        name: redis.Redis.from_url(os.environ["REDIS_URL"], protocol=protocol, decode_responses=decoded)
        for name, (protocol, decoded) in FLAVOURS.items()
    }


def new_async_client(flavour: str) -> redis.asyncio.Redis:
    """A client of that flavour, to be closed by who asked for it."""
    protocol, decoded = FLAVOURS[flavour]
    return redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], protocol=protocol, decode_responses=decoded)
