"""What the shop does, as it was when it was recorded. Each function answers one path."""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import redis
from opentelemetry import trace
from sqlalchemy import create_engine, text

UPSTREAM = os.environ["UPSTREAM_URL"]
engine = create_engine(f"sqlite:///{os.environ['SHOP_DB']}")
cache = redis.Redis.from_url(os.environ["REDIS_URL"])
http = httpx.Client()

Answer = tuple[int, Any, dict[str, str]]


def ok(body: Any, **headers: str) -> Answer:
    return 200, body, {name.replace("_", "-"): value for name, value in headers.items()}


def rate(currency: str, **headers: str) -> float:
    return float(http.get(f"{UPSTREAM}/rates/{currency}", headers=headers).json()["rate"])


def field() -> Answer:
    return ok({"order": {"id": 7, "total": rate("EUR") * 2, "paid": True}})


def query() -> Answer:
    with engine.connect() as connection:
        name = connection.execute(text("SELECT name FROM product WHERE id = 1")).scalar_one()
        connection.execute(text("SELECT count(*) FROM product")).scalar_one()
    return ok({"name": name})


def extra() -> Answer:
    return ok({"rate": rate("EUR")})


def writes() -> Answer:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO journal (word) VALUES ('reserved')"))
        connection.execute(text("UPDATE product SET stock = stock - 1 WHERE id = 1"))
    return ok({"ok": True})


def parameter() -> Answer:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT name FROM product WHERE stock > :least AND id < :below"), {"least": 0, "below": 2}
        )
        return ok({"names": [row.name for row in found]})


def key() -> Answer:
    return ok({"cart": cache.get("cart:1") is not None})


def swallowed() -> Answer:
    http.get(f"{UPSTREAM}/broken").raise_for_status()
    return ok({"sent": True})


def slow() -> Answer:
    cache.get("before")
    cache.get("after")
    return ok({"slow": False})


def traced() -> Answer:
    trace_id = f"{trace.get_current_span().get_span_context().trace_id:032x}"
    http.post(f"{UPSTREAM}/audit", json={"trace": trace_id})
    return ok({"trace": trace_id}, X_Trace=trace_id)


def flowing() -> Answer:
    order = str(uuid.uuid4())
    http.post(f"{UPSTREAM}/audit", json={"order": order})
    cache.set(f"order:{order}", "open")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO journal (word) VALUES (:order)"), {"order": order})
    return ok({"order": order}, Location=f"/orders/{order}")


def dated() -> Answer:
    now = datetime.now(UTC)
    cache.set("last", now.isoformat())
    return ok({"at": now.isoformat(), "unix": int(now.timestamp())})


def headers() -> Answer:
    return ok({"rate": rate("EUR", A="1", B="2")}, X_One="1", X_Two="2")


async def gathered() -> Answer:
    async with httpx.AsyncClient() as client:

        async def one(currency: str) -> float:
            found = (await client.get(f"{UPSTREAM}/rates/{currency}")).json()["rate"]
            await client.post(f"{UPSTREAM}/audit", json={"seen": currency})
            return float(found)

        # the upstream takes its time with EUR, so that it was the last when it was recorded
        return ok({"rates": await asyncio.gather(one("EUR"), one("USD"), one("GBP"))})


SYNCHRONOUS = {
    function.__name__: function
    for function in (
        field, query, extra, writes, parameter, key, swallowed, slow, traced, flowing, dated, headers
    )
}  # fmt: skip


def set_up() -> None:
    """The tables, for who records."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE product (id INTEGER, name TEXT, stock INTEGER)"))
        connection.execute(text("INSERT INTO product VALUES (1, 'tea', 5), (2, 'milk', 5)"))
        connection.execute(text("CREATE TABLE journal (word TEXT)"))
