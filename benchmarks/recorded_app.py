"""The service that the recording benchmark asks. ``WITH_TIMETRACER`` adds the older package's middleware."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import redis
from fastapi import FastAPI
from sqlalchemy import create_engine, text

UPSTREAM = os.environ["UPSTREAM_URL"]
engine = create_engine(f"sqlite:///{os.environ['DATABASE']}")
client: httpx.AsyncClient
# the synchronous client: the older package records no other
cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
_GOODS = text("SELECT id, name FROM goods WHERE id <= :number ORDER BY id")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global client
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS goods (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("INSERT OR REPLACE INTO goods VALUES (1, 'tea'), (2, 'pot')"))
    cache.set("discount", "0.25")
    async with httpx.AsyncClient(base_url=UPSTREAM) as client:
        yield


app = FastAPI(lifespan=lifespan)


def goods(number: int) -> list[str]:
    with engine.connect() as connection:
        return [row.name for row in connection.execute(_GOODS, {"number": number})]


@app.get("/trivial")
async def trivial() -> dict[str, bool]:
    return {"ok": True}


@app.get("/upstream")
async def upstream() -> dict[str, object]:
    return {"said": (await client.get("/rates")).json()}


@app.get("/order/{number}")
async def order(number: int) -> dict[str, object]:
    """One SQL statement, one Redis command and two httpx calls."""
    rates = (await client.get("/rates", params={"order": number})).json()
    bought = goods(number)
    discount: Any = cache.get("discount")
    paid = await client.post("/payments", json={"order": number, "goods": bought})
    return {"rates": rates, "goods": bought, "discount": discount, "paid": paid.status_code}


@app.get("/report/{calls}")
async def report(calls: int) -> dict[str, object]:
    """Many calls: of each ten, four are httpx, three SQL and three Redis."""
    rates: list[float] = []
    bought: list[str] = []
    discounts: list[Any] = []
    for call in range(calls):
        match call % 10:
            case 0 | 3 | 6 | 8:
                rates.append((await client.get("/rates", params={"page": call})).json()["usd"])
            case 1 | 4 | 7:
                bought += goods(call % 3)
            case _:
                discounts.append(cache.get("discount") if call % 20 < 10 else cache.set("page", call))
    return {"usd": sum(rates), "goods": bought, "discounts": discounts}


if os.environ.get("WITH_TIMETRACER"):
    # mypy: the benchmark installs it into a folder of its own
    from timetracer.config import TraceConfig  # type: ignore[import-not-found]
    from timetracer.integrations.fastapi import TimeTracerMiddleware  # type: ignore[import-not-found]
    from timetracer.plugins.httpx_plugin import enable_httpx  # type: ignore[import-not-found]
    from timetracer.plugins.redis_plugin import enable_redis  # type: ignore[import-not-found]
    from timetracer.plugins.sqlalchemy_plugin import enable_sqlalchemy  # type: ignore[import-not-found]

    enable_httpx()
    enable_redis()
    enable_sqlalchemy(engine)
    app.add_middleware(TimeTracerMiddleware, config=TraceConfig.from_env())
