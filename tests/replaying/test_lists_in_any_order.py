"""Ids out of a set are asked for in another order by each process: real servers, gone in the replay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pymongo
import pytest
import redis
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select

import timetracer_otel
from tests.services.mongodb import MongoDb
from tests.services.postgres import Postgres
from tests.services.valkey import Valkey
from timetracer_otel.errors import MissError

Ask = Callable[[list[int]], Any]


def recorded(folder: Path, ask: Ask) -> Any:
    """What is answered to 3, 1, 2."""
    with timetracer_otel.record(folder) as recording:
        found = ask([3, 1, 2])
    assert recording.path is not None
    return found


def replayed(folder: Path, ask: Ask) -> tuple[Any, list[str]]:
    """What is answered to 2, 3, 1, and how exactly the calls matched."""
    with timetracer_otel.replay(folder) as session:
        found = ask([2, 3, 1])
    assert session.unused == []
    return found, [str(call.grade) for call in session.calls]


def test_sqlalchemys_in(tmp_path: Path) -> None:
    items = Table("items", MetaData(), Column("id", Integer, primary_key=True), Column("name", String))
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    items.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            items.insert(), [{"id": number, "name": f"tea {number}"} for number in range(1, 5)]
        )

    def ask(ids: list[int]) -> list[Any]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(items).where(items.c.id.in_(ids)))]

    first = recorded(tmp_path / "cassettes", ask)
    (tmp_path / "shop.db").unlink()

    assert replayed(tmp_path / "cassettes", ask) == (first, ["normalised"])
    assert first == [(1, "tea 1"), (2, "tea 2"), (3, "tea 3")]


def test_another_id_and_another_number_of_ids_are_misses(tmp_path: Path) -> None:
    items = Table("items", MetaData(), Column("id", Integer, primary_key=True))
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    items.metadata.create_all(engine)

    def ask(ids: list[int]) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(select(items).where(items.c.id.in_(ids))))

    recorded(tmp_path / "cassettes", ask)

    for ids in ([1, 2, 4], [1, 2], [1, 2, 3, 3]):
        with (
            pytest.raises(MissError, match="no recorded call answers it"),
            timetracer_otel.replay(tmp_path / "cassettes"),
        ):
            ask(ids)


def test_psycopgs_lists_and_arrays(tmp_path: Path, postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("test"), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE items AS SELECT n AS id, 'tea ' || n AS name FROM generate_series(1, 5) n"
        )

    def ask(ids: list[int]) -> list[Any]:
        with psycopg.connect(postgres.url("test"), autocommit=True) as connection:
            return [
                connection.execute("SELECT * FROM items WHERE id IN (%s, %s, %s)", ids).fetchall(),
                connection.execute("SELECT name FROM items WHERE id = ANY(%(ids)s)", {"ids": ids}).fetchall(),
                connection.execute("DELETE FROM items WHERE id <> ALL(%s)", [ids]).rowcount,
            ]

    first = recorded(tmp_path, ask)
    postgres.door.shut()

    assert replayed(tmp_path, ask) == (first, ["normalised"] * 3)
    assert first[2] == 2


def test_a_write_between_others_keeps_its_place(tmp_path: Path, postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("test"), autocommit=True) as connection:
        connection.execute("CREATE TABLE items AS SELECT n AS id, 0 AS sold FROM generate_series(1, 5) n")

    def ask(ids: list[int]) -> list[int]:
        statement = "UPDATE items SET sold = sold + 1 WHERE id IN (%s, %s, %s) RETURNING sold"
        with psycopg.connect(postgres.url("test"), autocommit=True) as connection:
            return [connection.execute(statement, ids).fetchone()[0] for _ in range(3)]  # type: ignore[index]  # it has rows

    first = recorded(tmp_path, ask)
    postgres.door.shut()

    assert replayed(tmp_path, ask) == (first, ["normalised"] * 3)
    assert first == [1, 2, 3]


def test_redis_replies_in_the_order_that_is_asked(tmp_path: Path, valkey: Valkey) -> None:
    client = redis.Redis.from_url(valkey.url)
    client.mset({f"tea:{number}": f"tea {number}" for number in range(1, 4)})

    def ask(ids: list[int]) -> list[Any]:
        keys = [f"tea:{number}" for number in ids]
        return [
            dict(zip(ids, client.mget(keys), strict=True)),
            client.delete(*keys),
            client.sadd("sold", *ids),
        ]

    first = recorded(tmp_path, ask)
    client.close()
    valkey.door.shut()

    assert replayed(tmp_path, ask) == (first, ["normalised"] * 3)
    assert first == [{1: b"tea 1", 2: b"tea 2", 3: b"tea 3"}, 3, 3]


def test_mongodbs_in(tmp_path: Path, mongodb: MongoDb) -> None:
    with pymongo.MongoClient[dict[str, Any]](mongodb.url) as client:
        client.shop.items.insert_many([{"_id": number, "name": f"tea {number}"} for number in range(1, 5)])

    def ask(ids: list[int]) -> list[Any]:
        with pymongo.MongoClient[dict[str, Any]](mongodb.url) as client:
            items = client.shop.items
            return [list(items.find({"_id": {"$in": ids}})), items.count_documents({"_id": {"$nin": ids}})]

    first = recorded(tmp_path, ask)
    mongodb.door.shut()

    assert replayed(tmp_path, ask) == (first, ["normalised"] * 2)
    assert [item["_id"] for item in first[0]] == [1, 2, 3]
