"""MongoDB, asynchronous: PyMongo's own client, and Motor's, which puts the synchronous one in threads."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import AsyncIterator
from typing import Any

import motor.motor_asyncio
import pymongo
from bson import ObjectId
from pymongo import errors

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.mongodb_cases import told
from tests.fidelity.apps.seen import seen

CASES = Cases("PyMongo and Motor, asynchronous", "mongodb-async", ("pymongo", "motor"))


@contextlib.asynccontextmanager
async def new_database(backend: str) -> AsyncIterator[Any]:
    """A database of its own, of a new client."""
    url = os.environ["MONGODB_URL"]
    kind: Any = pymongo.AsyncMongoClient if backend == "pymongo" else motor.motor_asyncio.AsyncIOMotorClient
    client = kind(url)
    try:
        yield client[f"fidelity_{backend}"]
    finally:
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed


async def failing(awaitable: Any) -> Any:
    """What awaiting it raises."""
    try:
        return seen(await awaitable)
    except errors.PyMongoError as error:
        return told(error)


async def cursor_of(cursor: Any) -> Any:
    """A cursor: PyMongo's ``aggregate`` must be awaited for one, Motor's is one."""
    return await cursor if inspect.iscoroutine(cursor) else cursor


@CASES("insert, find, update, delete")
async def documents(database: Any) -> Any:
    things = database.documents
    many = await things.insert_many([{"_id": n, "n": n} for n in range(9)])
    changed = await things.update_many({"n": {"$gt": 5}}, {"$inc": {"n": 1}})
    removed = await things.delete_one({"_id": 0})
    return seen(
        [
            many.inserted_ids,
            [changed.matched_count, changed.modified_count, removed.deleted_count],
            await things.find_one({"_id": 1}),
            await things.find_one({"_id": 99}),
            [one async for one in things.find({}, {"n": 1}).sort("n", -1).batch_size(3)],
            await things.find().to_list(None),
            await things.count_documents({}),
            await things.find_one_and_update({"_id": 2}, {"$set": {"n": -1}}),
        ]
    )


@CASES("ObjectIds made by the client", repeats=False)
async def object_ids(database: Any) -> Any:
    one = await database.ids.insert_one({"mine": ObjectId()})
    return seen([one.inserted_id, await database.ids.find_one({"_id": one.inserted_id})])


@CASES("aggregate in batches, a cursor closed early")
async def cursors(database: Any) -> Any:
    things = database.cursors
    await things.insert_many([{"_id": n} for n in range(9)])
    batches = await cursor_of(things.aggregate([{"$sort": {"_id": -1}}], batchSize=2))
    whole = [one async for one in batches]
    early = things.find(batch_size=2)
    some = [await early.next() for _ in range(3)]
    await early.close()
    return seen([whole, some])


@CASES("DuplicateKeyError, BulkWriteError, OperationFailure")
async def failures(database: Any) -> Any:
    things = database.failures
    await things.insert_one({"_id": 1})
    return [
        await failing(things.insert_one({"_id": 1})),
        await failing(things.insert_many([{"_id": 2}, {"_id": 1}, {"_id": 3}], ordered=False)),
        await failing(things.find_one({"$nonsense": 1})),
        await failing(database.command("noSuchCommand")),
    ]


@CASES("a transaction")
async def transaction(database: Any) -> Any:
    things = database.transaction
    await things.insert_one({"_id": 0})
    started = database.client.start_session()
    async with await started if inspect.iscoroutine(started) else started as session:
        opened = session.start_transaction()
        async with await opened if inspect.iscoroutine(opened) else opened:
            await things.insert_one({"_id": 1}, session=session)
    return seen([one async for one in things.find()])


@CASES("asyncio.gather, equal calls with different answers")
async def gather(database: Any) -> Any:
    things = database.gather

    async def take() -> Any:
        return await things.find_one_and_update(
            {"_id": 1}, {"$inc": {"n": 1}}, upsert=True, return_document=True
        )

    await take()
    taken = await asyncio.gather(*(take() for _ in range(4)))
    return seen(sorted(one["n"] for one in taken))
