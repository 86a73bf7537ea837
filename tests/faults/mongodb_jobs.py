"""What requests do with MongoDB."""

from __future__ import annotations

import os
from typing import Any

import pymongo
from bson import ObjectId
from pymongo.cursor import CursorType
from pymongo.write_concern import WriteConcern

from tests.faults.seen import attempt, attempt_async

_URL = os.environ["MONGODB_URL"]
_client: Any = pymongo.MongoClient(_URL)
_NOWHERE = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1"


def commands() -> Any:
    """A client that is connected."""
    things = _client.shop.things
    things.delete_many({})
    kept = things.insert_many([{"_id": number, "of": number % 2} for number in range(5)])
    found = list(things.find({}, sort=[("_id", 1)], batch_size=2))
    more = list(things.find({}, cursor_type=CursorType.EXHAUST, batch_size=2))
    twice = attempt(lambda: things.insert_one({"_id": 1}))
    unknown = attempt(lambda: _client.shop.command("noSuchCommand"))
    made = things.insert_one({"name": "new"})
    silent = things.with_options(write_concern=WriteConcern(w=0)).delete_many({"name": "new"})
    return [
        kept.inserted_ids, found, len(more), twice["class"], unknown["class"],
        isinstance(made.inserted_id, ObjectId), silent.acknowledged,
    ]  # fmt: skip


def servers() -> Any:
    """Clients that connect, or cannot."""
    client: Any
    with pymongo.MongoClient(_URL) as client:
        seen = client.shop.nothing.count_documents({})  # other requests leave things behind
    with pymongo.MongoClient(_NOWHERE) as client:
        error = attempt(lambda: client.shop.things.find_one())
    return [seen, error["class"], error["frames"], error["context"]]


async def commands_async() -> Any:
    """An asynchronous client, from its connecting to its end."""
    client: Any
    async with pymongo.AsyncMongoClient(_URL) as client:
        things = client.shop.things
        await things.delete_many({})
        await things.insert_many([{"_id": number} for number in range(3)])
        found = [one async for one in things.find({}, sort=[("_id", 1)], batch_size=2)]
        twice = await attempt_async(things.insert_one({"_id": 1}))
    return [found, twice["class"]]
