"""The payment service that the shop calls: ``uvicorn payments:app --port 8001``."""

import itertools
from decimal import Decimal
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

app = FastAPI(title="payments")

RATES = {"EUR": Decimal("1"), "USD": Decimal("1.0842"), "GBP": Decimal("0.8571")}
numbers = itertools.count(1001)


class Charge(BaseModel):
    amount: Decimal
    currency: str
    card: str


@app.get("/rates/{currency}")
def rate(currency: str) -> dict[str, str]:
    if currency not in RATES:
        raise HTTPException(404, f"no rate for {currency}")
    return {"currency": currency, "rate": str(RATES[currency])}


@app.post("/charges", status_code=201)
def charge(
    charge: Charge, authorization: Annotated[str, Header()], idempotency_key: Annotated[str, Header()]
) -> dict[str, str]:
    if not authorization.startswith("Bearer "):
        raise HTTPException(401, "no key")
    if charge.card == "tok_declined":
        raise HTTPException(402, "the card was declined")
    return {"id": f"ch_{next(numbers)}", "amount": str(charge.amount), "for": idempotency_key}
