"""SQLAlchemy: what an app sees live, while recording, and in a replay with no database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ForeignKey, String, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.integrations.databases import ASYNC, SYNC, Database
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.sqlalchemy import SQLAlchemyIntegration


@pytest.fixture(autouse=True)
def integration() -> Iterator[SQLAlchemyIntegration]:
    known = SQLAlchemyIntegration()
    wrapping.install(known)
    yield known
    wrapping.uninstall(known)


@pytest.fixture(params=SYNC + ASYNC)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    postgres = request.getfixturevalue("postgres") if request.param.startswith("postgresql") else None
    return Database(request.param, tmp_path, postgres)


class Base(DeclarativeBase): ...


class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    age: Mapped[int | None]
    pets: Mapped[list[Pet]] = relationship(order_by="Pet.id")


class Pet(Base):
    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    name: Mapped[str] = mapped_column(String(50))


def test_text(db: Database) -> None:
    def scenario(engine: Engine) -> Any:
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT id, name, age FROM people WHERE id > :id ORDER BY id"), {"id": 1}
            )
            return list(rows.keys()), [tuple(row) for row in rows]

    assert db.same(scenario) == (["id", "name", "age"], [(2, "bob", 17), (3, "cid", None)])


def test_orm(db: Database) -> None:
    def scenario(engine: Engine) -> Any:
        with Session(engine) as session:
            session.add(Person(name="dot", age=5, pets=[Pet(name="rex"), Pet(name="tom")]))
            session.commit()
        with Session(engine) as session:
            person = session.scalars(select(Person).where(Person.name == "dot")).one()
            return person.id, person.age, [(pet.id, pet.name) for pet in person.pets]

    assert db.same(scenario) == (4, 5, [(1, "rex"), (2, "tom")])
