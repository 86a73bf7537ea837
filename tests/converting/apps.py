"""Two services: a shop that asks another for rates, which are in a database."""

from __future__ import annotations

import os
import sqlite3
import uuid
from typing import Any

import httpx
from fastapi import FastAPI

shop, rates = FastAPI(), FastAPI()


@shop.post("/checkout/{order}")
async def checkout(order: int, body: dict[str, Any]) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        rate = (await client.get(f"{os.environ['RATES_URL']}/rates/{body['currency']}")).json()
    return {"order": order, "receipt": str(uuid.uuid4()), "total": body["amount"] * rate["rate"]}


@rates.get("/rates/{currency}")
def rate_of(currency: str) -> dict[str, Any]:
    with sqlite3.connect(os.environ["RATES_FILE"]) as connection:
        row = connection.execute("SELECT rate FROM rates WHERE currency = ?", (currency,)).fetchone()
    return {"currency": currency, "rate": row[0], "id": str(uuid.uuid4())}


older = FastAPI()
"""What ``timetracer`` 1.6.0 recorded; see ``timetracer-1.6.0.json``."""


@older.post("/checkout/{order}")
async def older_checkout(order: int, body: dict[str, Any]) -> dict[str, Any]:
    upstream = os.environ["RATES_URL"]
    async with httpx.AsyncClient() as client:
        found = await client.get(f"{upstream}/rates", params={"currency": body["currency"], "n": "2"})
        paid = await client.post(f"{upstream}/pay", json={"order": order, "card": body["card_number"]})
        try:
            await client.get("http://127.0.0.1:1/mail")
        except httpx.ConnectError as error:
            mail = type(error).__name__
    total = body["amount"] * found.json()["rate"]
    return {"order": order, "total": total, "paid": paid.json()["path"], "mail": mail}
