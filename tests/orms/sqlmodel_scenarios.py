"""What an app does with SQLModel."""

import asyncio
import datetime as dt
import json
import os
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Numeric, UniqueConstraint, event
from sqlalchemy.exc import IntegrityError, NoResultFound, StatementError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import selectinload
from sqlmodel import Field, Relationship, Session, SQLModel, col, create_engine, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.fidelity.apps.seen import raised

_DRIVER = os.environ["ORM_DRIVER"]
_FILE = os.environ["ORM_FILE"]
_ADDRESS = f"postgres@{os.environ['ORM_HOST']}:{os.environ['ORM_PORT']}/orm"
IS_FILE = _DRIVER == "sqlite"
URL = f"sqlite:///{_FILE}" if IS_FILE else f"postgresql+{_DRIVER}://{_ADDRESS}"
ASYNC_URL = f"sqlite+aiosqlite:///{_FILE}" if IS_FILE else f"postgresql+asyncpg://{_ADDRESS}"


class Author(SQLModel, table=True):
    __table_args__ = (UniqueConstraint("name", name="one_name"),)
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=50)
    age: int | None = None
    books: list["Book"] = Relationship(back_populates="author", cascade_delete=True)


class Book(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    author_id: int = Field(foreign_key="author.id")
    author: Author = Relationship(back_populates="books")
    title: str
    price: Decimal = Field(default=Decimal(0), sa_column=Column(Numeric(8, 2)))
    told: Any = Field(default=None, sa_column=Column(JSON))
    published: dt.datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    day: dt.date | None = None
    lasts: dt.timedelta | None = None
    key: uuid.UUID | None = None
    content: bytes | None = None
    is_new: bool = True
    weight: float | None = None


def create() -> None:
    """Make the tables."""
    SQLModel.metadata.create_all(create_engine(URL))


def leave() -> None:
    """Nothing is left open: each scenario has an engine of its own."""


def session() -> Session:
    """A session with three authors, and nothing else."""
    opened = Session(create_engine(URL))
    if IS_FILE:
        event.listen(opened.get_bind(), "connect", lambda made, _: made.execute("PRAGMA foreign_keys = ON"))
    opened.exec(delete(Book))
    opened.exec(delete(Author))
    for name, age in PEOPLE:
        opened.add(Author(name=name, age=age))
    opened.commit()
    return opened


BOOKS: Any = Author.books
PEOPLE = (("ann", 41), ("bob", 17), ("cid", None))


def author(db: Session, name: str) -> Author:
    """One by name."""
    return db.exec(select(Author).where(Author.name == name)).one()


def create_get_and_delete() -> Any:
    with session() as db:
        ann = author(db, "ann")
        told: list[Any] = [ann.model_dump(), type(ann), db.get(Author, ann.id) is ann]
        ann.age = 42
        db.add(ann)
        db.commit()
        db.refresh(ann)
        told.append(json.loads(ann.model_dump_json()))  # expired fields come back in the order of a set
        db.delete(author(db, "bob"))
        db.commit()
        told += [row.model_dump() for row in db.exec(select(Author).order_by(Author.name))]
        return [*told, db.exec(select(func.count()).select_from(Author)).one(), db.get(Author, -1)]


def every_type_of_field() -> Any:
    told: Any
    with session() as db:
        for told in ({"a": [1, 2.5, None, True], "ü": "\u2028"}, [], "text", 7, None):
            db.add(
                Book(  # type: ignore[call-arg]  # its author has the id
                    author=author(db, "ann"),
                    title="Everything",
                    price=Decimal("12.30"),
                    told=told,
                    published=dt.datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=dt.UTC),
                    day=dt.date(2026, 2, 28),
                    lasts=dt.timedelta(days=2, microseconds=5),
                    key=uuid.UUID(int=7),
                    content=b"\x00\xff",
                    weight=0.1,
                )
            )
        db.commit()
        return [row.model_dump() for row in db.exec(select(Book).order_by(col(Book.id)))]


def relations() -> Any:
    with session() as db:
        ann = author(db, "ann")
        ann.books = [Book(title=f"b{n}", price=Decimal(n) / 4) for n in range(3)]  # type: ignore[call-arg]  # as above
        db.add(ann)
        db.commit()
        told: list[Any] = [[book.title for book in ann.books], ann.books[0].author is ann]
        query = select(Author).options(selectinload(BOOKS)).order_by(Author.name)
        told.append([(row.name, len(row.books)) for row in db.exec(query)])
        joined = select(Author, func.sum(Book.price)).join(Book).group_by(col(Author.id))
        told.append([(row.name, total) for row, total in db.exec(joined)])
        db.delete(ann)
        db.commit()
        return [*told, db.exec(select(Book)).all()]


def transactions_and_savepoints() -> Any:
    with session() as db:
        told: list[Any] = []
        db.add(Author(name="dan"))
        try:
            with db.begin_nested():
                db.add(Author(name="ann"))
        except IntegrityError as error:
            told.append(raised(error))
        db.commit()
        changed = db.exec(update(Author).where(col(Author.age) > 20).values(age=col(Author.age) + 1))
        told.append(changed.rowcount)
        db.rollback()
        return [*told, db.exec(select(Author.name, Author.age).order_by(Author.name)).all()]


def errors() -> Any:
    told: list[Any] = []
    with session() as db:
        for act in (
            lambda: db.add(Author(name="ann")),
            lambda: db.add(Book(author_id=999999, title="x")),
            lambda: db.add(Author(name=None)),  # type: ignore[arg-type]  # refused
            lambda: author(db, "nobody"),
        ):
            try:
                act()
                db.commit()
            except (StatementError, NoResultFound) as error:
                told.append(raised(error))
                db.rollback()
    return told


def locks_and_parts() -> Any:
    with session() as db:
        query = select(Author).order_by(Author.name).with_for_update()
        told: list[Any] = [row.model_dump() for row in db.exec(query)]
        parts = db.exec(select(Author.name).order_by(Author.name).execution_options(yield_per=2)).partitions()
        return [*told, [list(part) for part in parts]]


async def asynchronously() -> Any:
    engine = create_async_engine(ASYNC_URL)
    async with AsyncSession(engine) as db:
        await db.exec(delete(Book))
        await db.exec(delete(Author))
        db.add_all([Author(name=name, age=age) for name, age in PEOPLE])
        await db.commit()
        rows = (await db.exec(select(Author).order_by(Author.name))).all()
        told: list[Any] = [row.model_dump() for row in rows]
        db.add(Author(name="ann"))
        try:
            await db.commit()
        except IntegrityError as error:
            told.append(raised(error))
            await db.rollback()
        stream = await db.stream(select(Author.name).order_by(Author.name))
        told.append([tuple(row) async for row in stream])
    async with AsyncSession(engine) as one, AsyncSession(engine) as two:
        found: Any = await asyncio.gather(
            one.exec(select(Author.age)), two.exec(select(func.count(col(Author.id))))
        )
        told += [sorted(map(str, found[0].all())), found[1].one()]
    await engine.dispose()
    return told


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        create_get_and_delete, every_type_of_field, relations, transactions_and_savepoints, errors,
        locks_and_parts, asynchronously,
    )
}  # fmt: skip
