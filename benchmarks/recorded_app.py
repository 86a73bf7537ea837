"""The service that the recording benchmark asks. ``WITH_TIMETRACER`` adds the older package's middleware."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from sqlalchemy import create_engine, text

UPSTREAM = os.environ["UPSTREAM_URL"]
engine = create_engine(f"sqlite:///{os.environ['DATABASE']}")
client: httpx.AsyncClient


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global client
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS goods (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("INSERT OR REPLACE INTO goods VALUES (1, 'tea'), (2, 'pot')"))
    async with httpx.AsyncClient(base_url=UPSTREAM) as client:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/trivial")
async def trivial() -> dict[str, bool]:
    return {"ok": True}


@app.get("/upstream")
async def upstream() -> dict[str, object]:
    return {"said": (await client.get("/rates")).json()}


@app.get("/order/{number}")
async def order(number: int) -> dict[str, object]:
    rates = (await client.get("/rates", params={"order": number})).json()
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT id, name FROM goods WHERE id <= :number ORDER BY id"), {"number": number}
        ).all()
    paid = await client.post("/payments", json={"order": number, "goods": [row.name for row in rows]})
    return {"rates": rates, "goods": [row.name for row in rows], "paid": paid.status_code}


if os.environ.get("WITH_TIMETRACER"):
    # mypy: the benchmark installs it into a folder of its own
    from timetracer.config import TraceConfig  # type: ignore[import-not-found]
    from timetracer.integrations.fastapi import TimeTracerMiddleware  # type: ignore[import-not-found]
    from timetracer.plugins.httpx_plugin import enable_httpx  # type: ignore[import-not-found]
    from timetracer.plugins.sqlalchemy_plugin import enable_sqlalchemy  # type: ignore[import-not-found]

    enable_httpx()
    enable_sqlalchemy(engine)
    app.add_middleware(TimeTracerMiddleware, config=TraceConfig.from_env())
