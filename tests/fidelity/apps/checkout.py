"""What a shop does when somebody pays: an upstream, the database, Redis, and a message afterwards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import redis
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.fidelity.apps.databases import Author, Book
from tests.fidelity.apps.httpx_told import url


def checkout(engine: Engine, client: redis.Redis, buyer: str, titles: list[str]) -> dict[str, Any]:
    """Ask the price service for each title, store the order, count it, drop the cached basket."""
    with httpx.Client(base_url=url("")) as prices:
        quoted = [prices.get(f"/json/{title}").json()["price"] for title in titles]
        payment = prices.post("/echo", json={"buyer": buyer, "amount": sum(quoted)})
        payment.raise_for_status()
    with Session(engine) as session, session.begin():
        author = session.scalar(select(Author).where(Author.name == buyer))
        if author is None:
            author = Author(name=buyer)
            session.add(author)
        author.books += [
            Book(title=title, price=Decimal(str(price))) for title, price in zip(titles, quoted, strict=True)
        ]
        session.flush()
        ids = [book.id for book in author.books]
    pipe: Any
    with client.pipeline() as pipe:
        pipe.incr("orders").hset(f"order:{buyer}", mapping={"count": len(titles)}).delete(f"basket:{buyer}")
        orders, *_ = pipe.execute()
    with Session(engine) as session:
        total = session.scalar(select(func.sum(Book.price)).join(Author).where(Author.name == buyer))
    return {"order": orders, "books": ids, "total": str(total), "paid": payment.json()["sha256"]}
