"""PyMongo: what collections do."""

from __future__ import annotations

from typing import Any

from tests.integrations.mongodb.scenarios import Client, commands, every, got, thrice
from tests.services.mongodb import MongoDb


async def insert_and_find(c: Any) -> Any:
    things = c.shop.things
    one = await got(things.insert_one({"n": 1}))
    many = await got(things.insert_many([{"n": n} for n in range(2, 6)]))
    return [
        one.inserted_id,
        many.inserted_ids,
        await got(things.find_one({"n": 3})),
        await got(things.find_one({"n": 30})),
        await every(things.find({"n": {"$gt": 2}}).sort("n", -1)),
        await got(things.count_documents({})),
    ]


def test_inserting_and_finding(client: Client, mongodb: MongoDb) -> None:
    told = thrice(mongodb, client, insert_and_find)

    assert commands(told) == ["insert", "insert", "find", "find", "find", "aggregate"]
