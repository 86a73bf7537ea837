"""A shop that asks some things once a process, over HTTP, in SQL and for a token."""

from __future__ import annotations

import functools
import os
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import create_engine, text

CHANGED = os.environ.get("CHANGED", "")

app = FastAPI()
engine = create_engine(f"sqlite:///{os.environ['SHOP_DB']}")


@functools.lru_cache
def rate(currency: str) -> float:
    answer = httpx.get(f"{os.environ['UPSTREAM']}/rates/{currency}").json()
    return float(answer["rate"])


@functools.lru_cache
def token() -> str:
    answer = httpx.post(f"{os.environ['UPSTREAM']}/login", json={"shop": 1}).json()
    return str(answer["login"])


def told(statement: str, **parameters: Any) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(statement), parameters).scalar()


@functools.lru_cache
def title() -> str:
    return str(told("SELECT value FROM settings WHERE name = :name", name="title"))


@app.get("/prices/{number}")
def price(number: int) -> dict[str, Any]:
    shop = "" if CHANGED == "untitled" else title()
    return {"shop": shop, "price": told("SELECT price FROM products WHERE id = :id", id=number) * rate("EUR")}


@app.get("/stock")
def stock() -> dict[str, Any]:
    return {"shop": title(), "count": told("SELECT count(*) FROM products")}


@app.get("/orders")
def orders() -> dict[str, Any]:
    count = 2 if CHANGED == "uncounted" else told("SELECT count(*) FROM products")
    return {"seen_by": token(), "count": count}
