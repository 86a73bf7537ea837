"""The tables of the applications, and one engine for each driver."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import os
import uuid
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Engine,
    Enum,
    Float,
    ForeignKey,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    create_engine,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

ON_MYSQL = ("pymysql", "mysqlclient", "mysqlconnector", "mysqlconnector-c")
ASYNC_ON_MYSQL = ("aiomysql", "asyncmy")
SYNC_DRIVERS = ("sqlite", "psycopg2", "psycopg", *ON_MYSQL)
ASYNC_DRIVERS = ("aiosqlite", "psycopg-async", "asyncpg", *ASYNC_ON_MYSQL)
NEEDS = {
    **dict.fromkeys((*ON_MYSQL, *ASYNC_ON_MYSQL), ("mariadbd",)),
    "mysqlclient": ("mariadbd", "mysqlclient"),
}
"""What only a system package brings, or is built by one: the tests of a backend without it are not run."""
ON_POSTGRES = ("psycopg2", "psycopg")
ASYNC_ON_POSTGRES = ("psycopg-async", "asyncpg")


class Base(DeclarativeBase):
    """The classes that every database knows."""


class Author(Base):
    __tablename__ = "authors"
    __table_args__ = (UniqueConstraint("name", name="authors_name_is_unique"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    country: Mapped[str | None] = mapped_column(String(100), default=None)
    books: Mapped[list[Book]] = relationship(
        back_populates="author", order_by="Book.title", cascade="all, delete-orphan"
    )


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    price: Mapped[decimal.Decimal] = mapped_column(Numeric(10, 2), default=decimal.Decimal("9.90"))
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")


class Mood(enum.Enum):
    calm = "calm"
    wild = "wild"


class Specimen(Base):
    """One column of each kind."""

    __tablename__ = "specimens"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    amount: Mapped[decimal.Decimal | None] = mapped_column(Numeric(20, 8))
    moment: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    local: Mapped[dt.datetime | None]
    day: Mapped[dt.date | None]
    clock: Mapped[dt.time | None]
    span: Mapped[dt.timedelta | None] = mapped_column(Interval)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    document: Mapped[Any] = mapped_column(JSON, nullable=True)
    big: Mapped[int | None] = mapped_column(BigInteger)
    ratio: Mapped[float | None] = mapped_column(Float(53))
    flag: Mapped[bool | None]
    mood: Mapped[Mood | None] = mapped_column(Enum(Mood))
    words: Mapped[str | None] = mapped_column(String(100))


POSTGRES_ONLY = MetaData()
relics = Table(
    "relics",
    POSTGRES_ONLY,
    Column("id", Integer, primary_key=True),
    Column("tags", postgresql.ARRAY(String)),
    Column("grid", postgresql.ARRAY(Integer, dimensions=2)),
    Column("document", postgresql.JSONB),
    Column("address", postgresql.INET),
    Column("period", postgresql.INT4RANGE),
)


def address(driver: str) -> str:
    """The URL of a driver's own database."""
    return os.environ[_variable(driver)]


def _variable(driver: str) -> str:
    return "DB_" + driver.replace("-", "_").upper()


def sync_engines() -> dict[str, Engine]:
    """One engine for each synchronous driver; none of them has connected yet."""
    return {
        driver: create_engine(address(driver)) for driver in SYNC_DRIVERS if _variable(driver) in os.environ
    }


def async_engines() -> dict[str, AsyncEngine]:
    """One engine for each asynchronous driver; none of them has connected yet."""
    there = (driver for driver in ASYNC_DRIVERS if _variable(driver) in os.environ)
    return {driver: create_async_engine(address(driver)) for driver in there}


def create_tables(connection: Any) -> None:
    """What an application does when it starts."""
    Base.metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        POSTGRES_ONLY.create_all(connection)
