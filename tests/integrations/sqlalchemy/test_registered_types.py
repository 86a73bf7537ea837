"""Types that a ``connect`` listener registers with the driver: live, recorded and replayed alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.adapt import Loader
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg2 import extensions, extras
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

from tests.integrations.sqlalchemy.databases import Database
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.asyncpg import AsyncpgIntegration
from timetracer_otel.integrations.psycopg import PsycopgIntegration
from timetracer_otel.integrations.psycopg2 import Psycopg2Integration
from timetracer_otel.messages import SqlStatement

only = pytest.mark.parametrize
PEOPLE = "SELECT people, age FROM people ORDER BY id"
"""The type of the first column is the table's own, whose number is another in each run."""


class Human:
    def __init__(self, number: int, name: str, age: int | None) -> None:
        self.name, self.age = name, age

    def __repr__(self) -> str:
        return f"Human({self.name}, {self.age})"


class Years:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Years({self.text})"


class YearsLoader(Loader):
    def load(self, data: Any) -> Years:
        return Years(bytes(data).decode())


def register(own: psycopg.Connection[Any], info: CompositeInfo | None) -> None:
    assert info is not None
    register_composite(
        info, own, factory=Human, make_sequence=lambda human, info: [None, human.name, human.age]
    )
    own.adapters.register_loader("int4", YearsLoader)


@pytest.fixture(autouse=True)
def drivers() -> Iterator[None]:
    known = [PsycopgIntegration(), Psycopg2Integration(), AsyncpgIntegration()]
    for one in known:
        wrapping.install(one)
    yield
    for one in known:
        wrapping.uninstall(one)


def connecting_with_psycopg(connection: Any, record: Any) -> None:
    register(connection, CompositeInfo.fetch(connection, "people"))


def see_people(engine: Engine) -> Any:
    """By statements of SQLAlchemy's, and on the driver's own connection, of two connections."""
    seen: list[Any] = []
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second, first):
            seen.append(connection.execute(text(PEOPLE)).all())
            own: Any = connection.connection.driver_connection
            with contextlib.closing(own.cursor()) as cursor:
                cursor.execute(PEOPLE)
                seen.append([cursor.fetchone(), cursor.fetchall()])
        rows = first.execute(text(PEOPLE), execution_options={"stream_results": True})
        seen.append([rows.fetchone(), rows.fetchmany(1), rows.fetchall()])
    with engine.connect() as connection:
        seen.append(connection.execute(text(PEOPLE)).first())
    return seen


@only("db", ["postgresql+psycopg"], indirect=True)
def test_of_psycopg(db: Database) -> None:
    connected: list[str] = []

    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", connecting_with_psycopg)
        event.listen(engine, "connect", lambda connection, record: connected.append("connected"))
        return see_people(engine)

    seen = db.same(see)
    assert repr(seen[0]) == (
        "[(Human(ann, Years(41)), Years(41)), (Human(bob, Years(17)), Years(17)), (Human(cid, None), None)]"
    )
    assert connected == ["connected"] * 6, "twice in each run"


@only("db", ["postgresql+psycopg2"], indirect=True)
def test_of_psycopg2(db: Database) -> None:
    class HumanCaster(extras.CompositeCaster):
        def make(self, values: list[Any]) -> Human:
            return Human(*values)

    def connecting(connection: Any, record: Any) -> None:
        extras.register_composite("people", connection, factory=HumanCaster)
        years = extensions.new_type((23,), "YEARS", lambda raw, cursor: None if raw is None else Years(raw))
        extensions.register_type(years, connection)

    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", connecting)
        return see_people(engine)

    assert repr(db.same(see)[0][0]) == "(Human(ann, Years(41)), Years(41))"


@only("db", ["postgresql+asyncpg"], indirect=True)
def test_of_asyncpg(db: Database) -> None:
    async def set_up(own: Any) -> None:
        await own.set_type_codec(
            "int4",
            schema="pg_catalog",
            encoder=int.to_bytes,
            decoder=lambda raw: Years(str(int.from_bytes(raw))),
            format="binary",
        )
        await own.set_type_codec("people", encoder=list, decoder=lambda row: Human(*row), format="tuple")

    async def asynchronously(engine: AsyncEngine) -> Any:
        seen: list[Any] = []
        async with engine.connect() as first, engine.connect() as second:
            for connection in (first, second, first):
                seen.append((await connection.execute(text(PEOPLE))).all())
                own: Any = (await connection.get_raw_connection()).driver_connection
                seen.append([tuple(row) for row in await own.fetch(PEOPLE)])
            rows = await connection.stream(text(PEOPLE))
            seen.append([row async for row in rows])
            seen.append((await connection.execute(text("SELECT array_agg(age) FROM people"))).all())
        return seen

    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", lambda connection, record: connection.run_async(set_up))
        return await_only(asynchronously(AsyncEngine(engine)))

    seen = db.same(see)
    assert repr(seen[0][0]) == "(Human(ann, Years(41)), Years(41))"
    assert repr(seen[-1]) == "[([Years(41), Years(17), None],)]"


@only("db", ["postgresql+psycopg_async"], indirect=True)
def test_of_psycopg_asynchronously(db: Database) -> None:
    async def set_up(own: Any) -> None:
        register(own, await CompositeInfo.fetch(own, "people"))

    async def asynchronously(engine: AsyncEngine) -> Any:
        seen: list[Any] = []
        async with engine.connect() as first, engine.connect() as second:
            for connection in (first, second, first):
                seen.append((await connection.execute(text(PEOPLE))).all())
                own: Any = (await connection.get_raw_connection()).driver_connection
                seen.append(await (await own.execute(PEOPLE)).fetchall())
            rows = await connection.stream(text(PEOPLE))
            seen.append([row async for row in rows])
        return seen

    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", lambda connection, record: connection.run_async(set_up))
        return await_only(asynchronously(AsyncEngine(engine)))

    assert repr(db.same(see)[0][0]) == "(Human(ann, Years(41)), Years(41))"


@only("db", ["postgresql+psycopg"], indirect=True)
def test_what_a_listener_asks_is_no_call_and_told_with_each_statement(db: Database) -> None:
    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", connecting_with_psycopg)
        with engine.connect() as connection:
            return connection.execute(text(PEOPLE)).first()

    seen, calls = db.recorded(see)
    (asked,) = [call.asked for call in calls]
    assert isinstance(asked, SqlStatement)
    assert asked.text == PEOPLE
    assert "people" in asked.server, "what the fields of the type are"
    assert repr(db.replayed(calls, see)) == repr(seen)


@only("db", ["postgresql+psycopg"], indirect=True)
def test_a_type_that_is_not_registered_in_the_replay_is_an_error(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            return connection.execute(text("SELECT age FROM people ORDER BY id")).first()

    def see_years(engine: Engine) -> Any:
        event.listen(engine, "connect", lambda own, record: own.adapters.register_loader("int4", YearsLoader))
        return see(engine)

    seen, calls = db.recorded(see_years)
    assert repr(seen) == "(Years(41),)"
    with pytest.raises(ReplayError, match="a value of type 23 that a loader of the app's made; none is"):
        db.replayed(calls, see)


@only("db", ["postgresql+psycopg"], indirect=True)
def test_a_listener_that_fails_and_settings_it_makes(db: Database) -> None:
    def connecting(connection: Any, record: Any) -> None:
        connection.autocommit = True
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            connection.execute("SET no_such_setting = 1")
            record.info["it was taken"] = True
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        connection.autocommit = False

    def see(engine: Engine) -> Any:
        event.listen(engine, "connect", connecting)
        query = "SELECT '2026-01-02 03:04:05+00'::timestamptz"
        with engine.connect() as connection:
            own: Any = connection.connection.driver_connection
            moments = [connection.scalar(text(query)), own.execute(query).fetchone()[0]]
            return [*(f"{moment:%H:%M}" for moment in moments), dict(connection.info)]

    assert db.same(see) == ["12:04", "12:04", {}]
