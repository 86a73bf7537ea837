"""PyMongo: what collections and databases do."""

from __future__ import annotations

from typing import Any

import pymongo
import pytest
from pymongo import DeleteOne, IndexModel, InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne
from pymongo.collation import Collation

from tests.integrations.mongodb.scenarios import Client, Scenario, commands, entered, every, got, thrice
from tests.services.mongodb import MongoDb


async def insert_and_find(c: Any) -> Any:
    things = c.shop.things
    one = await got(things.insert_one({"n": 1}))
    many = await got(things.insert_many([{"n": n} for n in range(2, 6)]))
    return [
        one.inserted_id,
        one.acknowledged,
        many.inserted_ids,
        await got(things.find_one({"n": 3})),
        await got(things.find_one({"n": 30})),
        await every(things.find({"n": {"$gt": 2}}, {"_id": 0}).sort([("n", -1), ("_id", 1)]).limit(2)),
        await got(things.count_documents({})),
        await got(things.estimated_document_count()),
        await got(things.distinct("n")),
    ]


async def update_and_delete(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_many([{"_id": n, "n": n} for n in range(6)]))
    results = [
        await got(things.update_one({"_id": 1}, {"$set": {"n": 10}})),
        await got(things.update_many({"_id": {"$gt": 2}}, {"$inc": {"n": 1}})),
        await got(things.update_one({"_id": "new"}, {"$set": {"n": 1}}, upsert=True)),
        await got(things.replace_one({"_id": 0}, {"whole": "new"})),
        await got(things.update_one({"_id": 99}, [{"$set": {"n": 1}}])),
    ]
    removed = [await got(things.delete_one({"_id": 2})), await got(things.delete_many({"n": {"$gt": 4}}))]
    told = [
        (type(result), result.matched_count, result.modified_count, result.upserted_id, result.raw_result)
        for result in results
    ]
    return told, [(one.deleted_count, one.acknowledged) for one in removed], await every(things.find())


async def find_one_and(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_many([{"_id": n, "n": n} for n in range(3)]))
    return [
        await got(things.find_one_and_update({"_id": 1}, {"$inc": {"n": 5}})),
        await got(
            things.find_one_and_update(
                {"_id": 1}, {"$inc": {"n": 5}}, return_document=ReturnDocument.AFTER, projection={"n": 1}
            )
        ),
        await got(things.find_one_and_replace({"_id": 2}, {"x": 1})),
        await got(things.find_one_and_delete({"_id": 2})),
        await got(things.find_one_and_delete({"_id": 2})),
    ]


async def bulk(c: Any) -> Any:
    things = c.shop.things
    result = await got(
        things.bulk_write(
            [
                InsertOne({"_id": 1}),
                InsertOne({"made": "by the client"}),
                UpdateOne({"_id": 1}, {"$set": {"n": 1}}),
                UpdateMany({}, {"$inc": {"n": 1}}),
                ReplaceOne({"_id": 7}, {"n": 7}, upsert=True),
                DeleteOne({"_id": 1}),
            ]
        )
    )
    return result.bulk_api_result, result.upserted_ids, await every(things.find())


async def big_batches(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_many([{"_id": n, "text": "x" * 1000} for n in range(2000)]))
    found = await every(things.find().batch_size(700))
    return len(found), found[-1]["_id"]


async def aggregates(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_many([{"_id": n, "kind": "ab"[n % 2], "n": n} for n in range(10)]))
    return [
        await every(
            things.aggregate([{"$group": {"_id": "$kind", "sum": {"$sum": "$n"}}}, {"$sort": {"_id": 1}}])
        ),
        await every(things.aggregate([{"$match": {"n": {"$gt": 3}}}], batchSize=2)),
        await every(things.aggregate([{"$out": "other"}])),
        await got(c.shop.other.count_documents({})),
    ]


async def indexes_and_databases(c: Any) -> Any:
    things = c.shop.things
    names = [
        await got(things.create_index([("a", 1), ("b", -1)], unique=True, name="ab")),
        *(
            await got(
                things.create_indexes([IndexModel("c"), IndexModel([("d", pymongo.DESCENDING)], sparse=True)])
            )
        ),
    ]
    information = await got(things.index_information())
    await got(things.drop_index("ab"))
    await got(c.shop.create_collection("limited", capped=True, size=4096))
    return [
        names,
        sorted(information),
        [index["name"] for index in await every(things.list_indexes())],
        sorted(await got(c.shop.list_collection_names())),
        "shop" in await got(c.list_database_names()),
        await got(things.rename("others")),
        await got(c.shop.others.drop()),
        await got(c.drop_database("shop")),
    ]


async def commands_of_ones_own(c: Any) -> Any:
    info = await got(c.server_info())
    return [
        await got(c.shop.command("ping")),
        info["version"],
        (await got(c.admin.command("buildInfo")))["versionArray"],
        (await got(c.shop.command("count", "things", query={"n": 1})))["n"],
    ]


async def collations_and_hints(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_many([{"_id": 1, "t": "a"}, {"_id": 2, "t": "A"}, {"_id": 3, "t": "b"}]))
    return [
        await every(things.find({"t": "a"}, collation=Collation("en", strength=2))),
        await every(
            things.find({"t": {"$in": ["a", "b"]}}, hint=[("_id", 1)], comment="why", max_time_ms=9000)
        ),
        await every(things.find().skip(1).limit(1).allow_disk_use(True)),
    ]


async def unacknowledged(c: Any) -> Any:
    things = c.shop.get_collection("things", write_concern=pymongo.WriteConcern(w=0))
    result = await got(things.insert_one({"_id": 1}))
    many = await got(things.insert_many([{"_id": 2}, {"_id": 3}]))
    changed = await got(things.bulk_write([UpdateOne({"_id": 1}, {"$set": {"n": 1}})], ordered=False))
    return result.acknowledged, many.acknowledged, changed.acknowledged


@pytest.mark.parametrize(
    "scenario",
    [
        insert_and_find, update_and_delete, find_one_and, bulk, big_batches, aggregates,
        indexes_and_databases, commands_of_ones_own, collations_and_hints,
    ],
)  # fmt: skip
def test_methods(client: Client, mongodb: MongoDb, scenario: Scenario) -> None:
    thrice(mongodb, client, scenario)


def test_commands_are_what_is_recorded(client: Client, mongodb: MongoDb) -> None:
    told = thrice(mongodb, client, insert_and_find)

    assert commands(told) == [*("insert", "insert", "find", "find", "find", "aggregate", "count", "distinct")]


def test_writes_that_nobody_waits_for(client: Client, mongodb: MongoDb) -> None:
    told = thrice(mongodb, client, unacknowledged)

    assert (told.result, commands(told)) == ((False, False, False), ["insert", "insert", "update"])


def test_client_bulk_write(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        result = await got(
            c.bulk_write(
                [
                    InsertOne({"_id": 1}, namespace="shop.a"),
                    InsertOne({"_id": 1}, namespace="shop.b"),
                    UpdateOne({"_id": 1}, {"$set": {"n": 1}}, namespace="shop.a"),
                    DeleteOne({"_id": 1}, namespace="shop.b"),
                ],
                verbose_results=True,
            )
        )
        return result.bulk_api_result

    thrice(mongodb, client, scenario)


def test_cursors_are_closed_as_recorded(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await got(c.shop.things.insert_many([{"_id": n} for n in range(10)]))
        cursor = c.shop.things.find().batch_size(2)
        if client.asynchronous:
            first = [await cursor.next() for _ in range(3)]
        else:
            first = [cursor.next() for _ in range(3)]
        alive, number, address = cursor.alive, cursor.cursor_id, cursor.address
        await got(cursor.close())
        return first, alive, number, address, cursor.alive

    told = thrice(mongodb, client, scenario, repeats=False)

    assert commands(told) == ["insert", "find", "getMore", "killCursors"]


def test_cursors_that_are_dropped_are_nobodys(mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        c.shop.things.insert_many([{"_id": n} for n in range(10)])
        first = next(iter(c.shop.things.find().batch_size(2)))
        c._process_periodic_tasks()  # as its thread does from time to time, and close()
        return first

    told = thrice(mongodb, Client(asynchronous=False), scenario)

    assert commands(told) == ["insert", "find"]


def test_cursors_of_raw_batches_and_to_list(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        things = c.shop.things
        await got(things.insert_many([{"_id": n} for n in range(5)]))
        return [
            await every(things.find_raw_batches(batch_size=2)),
            await every(things.aggregate_raw_batches([{"$sort": {"_id": -1}}])),
            await got(things.find().to_list()),
        ]

    thrice(mongodb, client, scenario)


def test_exhaust_cursors(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await got(c.shop.things.insert_many([{"_id": n} for n in range(9)]))
        return await every(c.shop.things.find(cursor_type=pymongo.CursorType.EXHAUST, batch_size=2))

    thrice(mongodb, client, scenario)


async def a_transaction(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_one({"_id": 0}))
    async with entered(c.start_session()) as session:
        async with entered(session.start_transaction()):
            await got(things.insert_one({"_id": 1}, session=session))
            inside = await got(things.count_documents({}, session=session))
        await got(session.start_transaction())
        await got(things.insert_one({"_id": 2}, session=session))
        await got(session.abort_transaction())
        return [
            inside,
            await every(things.find({}, session=session)),
            session.operation_time,
            session.cluster_time,
        ]


async def with_transaction(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_one({"_id": 0}))

    def change(session: Any) -> Any:
        return things.update_one({"_id": 0}, {"$inc": {"n": 1}}, session=session).modified_count

    async def change_async(session: Any) -> Any:
        return (await things.update_one({"_id": 0}, {"$inc": {"n": 1}}, session=session)).modified_count

    asynchronous = isinstance(c, pymongo.AsyncMongoClient)
    async with entered(c.start_session()) as session:
        return await got(session.with_transaction(change_async if asynchronous else change))


@pytest.mark.parametrize("scenario", [a_transaction, with_transaction])
def test_transactions(client: Client, mongodb: MongoDb, scenario: Scenario) -> None:
    thrice(mongodb, client, scenario)


async def watch(c: Any) -> Any:
    things = c.shop.things
    async with entered(things.watch(max_await_time_ms=200)) as stream:
        await got(things.insert_one({"_id": 1}))
        await got(things.update_one({"_id": 1}, {"$set": {"n": 2}}))
        changes = [await got(stream.next()) for _ in range(2)]
        nothing = await got(stream.try_next())
        token = stream.resume_token
    await got(things.delete_one({"_id": 1}))
    async with entered(things.watch(resume_after=changes[0]["_id"])) as stream:
        resumed = [(await got(stream.next()))["operationType"] for _ in range(2)]
    return changes, nothing, token, resumed


def test_change_streams(client: Client, mongodb: MongoDb) -> None:
    assert thrice(mongodb, client, watch, repeats=False).result[3] == ["update", "delete"]


def test_gridfs(client: Client, mongodb: MongoDb) -> None:
    import gridfs

    async def scenario(c: Any) -> Any:
        kind: Any = gridfs.AsyncGridFSBucket if client.asynchronous else gridfs.GridFSBucket
        bucket = kind(c.shop, chunk_size_bytes=1000)
        number = await got(bucket.upload_from_stream("a.bin", bytes(range(256)) * 20, metadata={"n": 1}))
        opened = await got(bucket.open_download_stream(number))
        data = await got(opened.read())
        by_name = await got(bucket.open_download_stream_by_name("a.bin"))
        names = [file.filename for file in await every(bucket.find({}))]
        await got(bucket.delete(number))
        return number, data, by_name.length, by_name.upload_date, by_name.metadata, names

    thrice(mongodb, client, scenario)
