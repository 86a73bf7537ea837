"""A small shop: PostgreSQL through SQLAlchemy, Redis, and a payment service over HTTP.

Nothing here knows of timetracer-otel.
"""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import httpx
from database import Order, OrderLine, Product, create_engine
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

CACHED_SECONDS = 60


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    engine = create_engine()
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.state.redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
    app.state.payments = httpx.AsyncClient(
        base_url=os.environ.get("PAYMENTS_URL", "http://localhost:8001"),
        headers={"Authorization": f"Bearer {os.environ.get('PAYMENTS_KEY', 'not-set')}"},
    )
    yield
    await app.state.payments.aclose()
    await app.state.redis.aclose()
    await engine.dispose()


app = FastAPI(title="shop", lifespan=lifespan)


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


def get_redis(request: Request) -> Redis:
    redis: Redis = request.app.state.redis
    return redis


def get_payments(request: Request) -> httpx.AsyncClient:
    payments: httpx.AsyncClient = request.app.state.payments
    return payments


Session = Annotated[AsyncSession, Depends(open_session)]
Cache = Annotated[Redis, Depends(get_redis)]
Payments = Annotated[httpx.AsyncClient, Depends(get_payments)]


class Item(BaseModel):
    product_id: int
    quantity: int


class Checkout(BaseModel):
    items: list[Item]
    currency: str = "EUR"
    card: str


@app.get("/products/{product_id}")
async def product(product_id: int, session: Session, cache: Cache) -> dict[str, Any]:
    """One product, from Redis if it was asked for a moment ago."""
    cached = await cache.get(f"product:{product_id}")
    if cached is not None:
        known: dict[str, Any] = json.loads(cached)
        return known
    found = await session.get(Product, product_id)
    if found is None:
        raise HTTPException(404, "no such product")
    answer = {"id": found.id, "name": found.name, "price": str(found.price), "stock": found.stock}
    await cache.set(f"product:{product_id}", json.dumps(answer), ex=CACHED_SECONDS)
    return answer


@app.post("/checkout", status_code=201)
async def checkout(wanted: Checkout, session: Session, cache: Cache, payments: Payments) -> dict[str, Any]:
    """Reserve the stock, charge the card, keep the order."""
    quantities = {item.product_id: item.quantity for item in wanted.items}
    statement = select(Product).where(Product.id.in_(quantities)).order_by(Product.id).with_for_update()
    products = (await session.scalars(statement)).all()
    if len(products) < len(quantities):
        raise HTTPException(404, "no such product")
    for product in products:
        if product.stock < quantities[product.id]:
            raise HTTPException(409, f"only {product.stock} of {product.name} left")
        product.stock -= quantities[product.id]

    answer = await payments.get(f"/rates/{wanted.currency}")
    answer.raise_for_status()
    price = sum(product.price * quantities[product.id] for product in products)
    total = (price * Decimal(answer.json()["rate"])).quantize(Decimal("0.01"))

    reference = str(uuid.uuid4())
    charge = await payments.post(
        "/charges",
        json={"amount": str(total), "currency": wanted.currency, "card": wanted.card},
        headers={"Idempotency-Key": reference},
    )
    if charge.status_code == httpx.codes.PAYMENT_REQUIRED:
        raise HTTPException(402, charge.json()["detail"])
    charge.raise_for_status()

    order = Order(
        reference=reference,
        placed_at=datetime.now(UTC),
        currency=wanted.currency,
        total=total,
        charge=charge.json()["id"],
        lines=[OrderLine(product_id=number, quantity=quantity) for number, quantity in quantities.items()],
    )
    session.add(order)
    await session.commit()

    async with cache.pipeline() as pipeline:
        for number in quantities:
            pipeline.delete(f"product:{number}")
        pipeline.incr("orders:placed")
        *_, placed = await pipeline.execute()
    return {**shown(order), "orders_placed": placed}


@app.get("/orders/{order_id}")
async def order(order_id: int, session: Session) -> dict[str, Any]:
    """One order and its lines."""
    found = await session.get(Order, order_id)
    if found is None:
        raise HTTPException(404, "no such order")
    return shown(found)


def shown(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "reference": order.reference,
        "placed_at": order.placed_at.isoformat(),
        "currency": order.currency,
        "total": str(order.total),
        "charge": order.charge,
        "lines": [{"product_id": line.product_id, "quantity": line.quantity} for line in order.lines],
    }
