"""The shop's tables. ``python database.py`` creates them and puts three products on the shelf."""

import asyncio
import os
from datetime import datetime
from decimal import Decimal

from sqlalchemy import DateTime, ForeignKey, Numeric, Text, insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int]


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    currency: Mapped[str] = mapped_column(Text)
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    charge: Mapped[str] = mapped_column(Text)
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.id", lazy="selectin")


class OrderLine(Base):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]


def create_engine() -> AsyncEngine:
    url = os.environ.get("DATABASE_URL", "postgresql+asyncpg://postgres@localhost/shop")
    return create_async_engine(url)


async def fill() -> None:
    engine = create_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(
            insert(Product),
            [
                {"id": 1, "name": "tea pot", "price": Decimal("34.50"), "stock": 12},
                {"id": 2, "name": "tea cup", "price": Decimal("8.90"), "stock": 40},
                {"id": 3, "name": "tea tray", "price": Decimal("21.00"), "stock": 0},
            ],
        )
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(fill())
