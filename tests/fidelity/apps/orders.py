"""One order: every kind of dependency, and an answer no other order gets."""

from __future__ import annotations

from typing import Any

import httpx
import redis
import redis.asyncio
from sqlalchemy import Engine, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.fidelity.apps.databases import Author
from tests.fidelity.apps.httpx_told import url


def order(engine: Engine, client: redis.Redis, number: int) -> dict[str, Any]:
    """Make the order of that number."""
    name = f"order {number}"
    with httpx.Client() as upstream:
        place = upstream.get(url(f"/json/{number}")).json()["place"]
        turn = upstream.get(url("/counter/orders")).json()["turn"]
    with engine.begin() as connection:
        key = connection.scalar(insert(Author).values(name=name).returning(Author.id))
        found = connection.scalar(select(Author.name).where(Author.id == key))
    return {"place": place, "turn": turn, "key": key, "name": found, "count": client.incr("orders made")}


async def async_order(engine: AsyncEngine, client: redis.asyncio.Redis, number: int) -> dict[str, Any]:
    """Make the order of that number, asynchronously."""
    name = f"order {number}"
    async with httpx.AsyncClient() as upstream:
        place = (await upstream.get(url(f"/json/{number}"))).json()["place"]
        turn = (await upstream.get(url("/counter/orders"))).json()["turn"]
    async with engine.begin() as connection:
        key = await connection.scalar(insert(Author).values(name=name).returning(Author.id))
        found = await connection.scalar(select(Author.name).where(Author.id == key))
    return {
        "place": place,
        "turn": turn,
        "key": key,
        "name": found,
        "count": await client.incr("orders made"),
    }
