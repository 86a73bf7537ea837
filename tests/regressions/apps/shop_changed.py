"""The shop after changes: one in each of the first eight functions."""

from __future__ import annotations

import contextlib
import time

import httpx
from sqlalchemy import text

from tests.regressions.apps import shop
from tests.regressions.apps.shop import Answer, gathered, ok, rate

__all__ = ["SYNCHRONOUS", "gathered"]


def field() -> Answer:
    return ok({"order": {"id": 7, "total": rate("EUR") * 3, "paid": True}})


def query() -> Answer:
    with shop.engine.connect() as connection:
        name = connection.execute(text("SELECT name FROM product WHERE id = 1")).scalar_one()
    return ok({"name": name})


def extra() -> Answer:
    found = rate("EUR")
    shop.http.get(f"{shop.UPSTREAM}/flags")
    return ok({"rate": found})


def writes() -> Answer:
    with shop.engine.begin() as connection:
        connection.execute(text("UPDATE product SET stock = stock - 1 WHERE id = 1"))
        connection.execute(text("INSERT INTO journal (word) VALUES ('reserved')"))
    return ok({"ok": True})


def parameter() -> Answer:
    with shop.engine.connect() as connection:
        found = connection.execute(
            text("SELECT name FROM product WHERE stock > :least AND id < :below"), {"least": 0, "below": 3}
        )
        return ok({"names": [row.name for row in found]})


def key() -> Answer:
    return ok({"cart": shop.cache.get("basket:1") is not None})


def swallowed() -> Answer:
    with contextlib.suppress(httpx.HTTPError):
        shop.http.get(f"{shop.UPSTREAM}/broken").raise_for_status()
    return ok({"sent": True})


def slow() -> Answer:
    shop.cache.get("before")
    time.sleep(0.6)
    shop.cache.get("after")
    return ok({"slow": False})


SYNCHRONOUS = {
    **shop.SYNCHRONOUS,
    **{
        function.__name__: function
        for function in (field, query, extra, writes, parameter, key, swallowed, slow)
    },
}
