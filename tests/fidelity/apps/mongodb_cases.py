"""PyMongo, synchronous, with one client for the whole application."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gridfs
import pymongo
from bson import (
    BSON,
    Binary,
    Code,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, UpdateOne, errors

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.seen import kind, seen

CASES = Cases("PyMongo", "mongodb")
client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
    # the tests themselves only look at the cases
    os.environ.get("MONGODB_URL"),
    connect="MONGODB_URL" in os.environ,
)

SPECIMENS: dict[str, Any] = {
    "_id": ObjectId("65f000000000000000000001"),
    "decimal": [Decimal128("123456789.123456789000"), Decimal128("-0E-10"), Decimal128("NaN")],
    "moment": dt.datetime(2026, 11, 20, 13, 45, 1, 123000),
    "bytes": b"\x00\xff",
    "uuid": Binary.from_uuid(uuid.UUID(int=7)),
    "old uuid": Binary(bytes(range(16)), 3),
    "own": Binary(b"own", 128),
    "regex": Regex("^a.*b$", "imx"),
    "int": 7,
    "long": Int64(7),
    "longest": 2**63 - 1,
    "double": [0.1, 7.0, -0.0, float("inf"), float("nan")],
    "stamp": Timestamp(1_700_000_000, 5),
    "keys": [MinKey(), MaxKey()],
    "code": [Code("return 1"), Code("return a", {"a": 1})],
    "nothing": None,
    "flag": True,
    "text": "ü 2026-11-20T13:45:01Z",
    "nested": {"$dollar": {"a.b": [[], {}]}},
}


def told(error: errors.PyMongoError) -> Any:
    """Class, text, code, details and labels of an error."""
    labels = [
        label
        for label in ("RetryableWriteError", "TransientTransactionError")
        if error.has_error_label(label)
    ]
    details = getattr(error, "details", None)
    if isinstance(details, dict):
        details = {
            name: value for name, value in details.items() if name not in ("$clusterTime", "operationTime")
        }
    return [kind(error), getattr(error, "code", None), seen(details), labels]


def failing(call: Any) -> Any:
    """What a call raises."""
    try:
        return seen(call())
    except errors.PyMongoError as error:
        return told(error)


@CASES("every BSON type")
def types() -> Any:
    things = client.fidelity.get_collection(
        "types", CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    )
    things.insert_one(SPECIMENS)
    raw = client.fidelity.get_collection("types", CodecOptions(document_class=RawBSONDocument))
    aware = client.fidelity.get_collection("types", CodecOptions(tz_aware=True))
    projected = aware.find_one({}, {"moment": 1, "decimal": 1})
    return seen([things.find_one(), raw.find_one().raw.hex(), projected])  # type: ignore[union-attr]  # it is there


@CASES("ObjectIds made by the client, times of the client", repeats=False)
def object_ids() -> Any:
    things = client.fidelity.ids
    now = dt.datetime.now(dt.UTC)
    one = things.insert_one({"at": now, "mine": ObjectId()})
    many = things.insert_many([{"n": n} for n in range(3)])
    return seen([one.inserted_id, many.inserted_ids, things.find_one({"_id": one.inserted_id})])


@CASES("find with sort, skip, projection; find_one of nothing; count, distinct")
def find() -> Any:
    things = client.fidelity.find
    things.insert_many([{"_id": n, "kind": "abc"[n % 3]} for n in range(9)])
    return seen(
        [
            list(things.find({"kind": "b"}, {"kind": 0})),
            list(things.find().sort([("kind", -1), ("_id", 1)]).skip(2).limit(3)),
            things.find_one({"_id": 99}),
            things.count_documents({"kind": {"$ne": "a"}}),
            things.estimated_document_count(),
            things.distinct("kind"),
        ]
    )


@CASES("a cursor over several getMores, one that is closed early, one that is dropped")
def cursors() -> Any:
    things = client.fidelity.cursors
    things.insert_many([{"_id": n} for n in range(25)])
    whole = [one["_id"] for one in things.find().batch_size(4)]
    with things.find(batch_size=2) as early:
        some = [next(early) for _ in range(3)]
    dropped = next(things.find(batch_size=2))
    exhaust = [one["_id"] for one in things.find(cursor_type=pymongo.CursorType.EXHAUST, batch_size=5)]
    return seen([whole, some, early.alive, dropped, exhaust])


@CASES("aggregate, in batches; $out")
def aggregate() -> Any:
    things = client.fidelity.sums
    things.insert_many([{"_id": n, "kind": "ab"[n % 2], "n": n} for n in range(10)])
    groups: list[dict[str, Any]] = [
        {"$group": {"_id": "$kind", "sum": {"$sum": "$n"}, "mean": {"$avg": "$n"}}},
        {"$sort": {"_id": 1}},
    ]
    return seen(
        [
            list(things.aggregate(groups)),
            list(things.aggregate([{"$sort": {"_id": 1}}], batchSize=3)),
            list(things.aggregate([*groups, {"$out": "aggregated"}])),
            list(client.fidelity.aggregated.find()),
        ]
    )


@CASES("update, replace, delete, find_one_and_update, upsert")
def changes() -> Any:
    things = client.fidelity.changes
    things.insert_many([{"_id": n, "n": n} for n in range(5)])
    updated = [
        things.update_one({"_id": 1}, {"$set": {"n": 10}}),
        things.update_many({"n": {"$lt": 4}}, {"$inc": {"n": 1}}),
        things.replace_one({"_id": 4}, {"whole": "new"}),
        things.update_one({"_id": "new"}, {"$set": {"n": 1}}, upsert=True),
    ]
    removed = [things.delete_one({"_id": 0}), things.delete_many({"n": 99})]
    return seen(
        [
            [[one.matched_count, one.modified_count, one.upserted_id] for one in updated],
            [one.deleted_count for one in removed],
            things.find_one_and_update({"_id": 2}, {"$inc": {"n": 1}}, return_document=True),
            things.find_one_and_delete({"_id": 3}),
            list(things.find()),
        ]
    )


@CASES("bulk_write; BulkWriteError with its details")
def bulk() -> Any:
    things = client.fidelity.bulk
    made = things.bulk_write(
        [
            InsertOne({"_id": 1}),
            UpdateOne({"_id": 1}, {"$set": {"n": 1}}),
            UpdateOne({"_id": 2}, {"$set": {"n": 2}}, True),
        ]
    )
    return [
        seen(made.bulk_api_result),
        failing(
            lambda: things.bulk_write([DeleteOne({"_id": 2}), InsertOne({"_id": 1}), InsertOne({"_id": 3})])
        ),
        failing(lambda: things.insert_many([{"_id": 1}, {"_id": 4}], ordered=False)),
        seen(list(things.find())),
    ]


@CASES("DuplicateKeyError, WriteError, OperationFailure, an unknown command")
def failures() -> Any:
    things = client.fidelity.failures
    things.insert_one({"_id": 1, "text": "x"})
    return [
        failing(lambda: things.insert_one({"_id": 1})),
        failing(lambda: things.update_one({"_id": 1}, {"$inc": {"text": 1}})),
        failing(lambda: things.find_one({"$nonsense": 1})),
        failing(lambda: client.fidelity.command("noSuchCommand")),
        failing(lambda: things.find_one_and_update({"_id": 1}, {"$inc": {"text": 1}})),
    ]


@CASES("an unacknowledged write")
def unacknowledged() -> Any:
    things = client.fidelity.get_collection("unacknowledged", write_concern=pymongo.WriteConcern(w=0))
    return [things.insert_one({"_id": 1}).acknowledged, things.delete_many({"n": 1}).acknowledged]


@CASES("transactions: committed, aborted, with_transaction")
def transactions() -> Any:
    things = client.fidelity.transactions
    things.insert_one({"_id": 0})
    with client.start_session() as session:
        with session.start_transaction():
            things.insert_one({"_id": 1}, session=session)
        session.start_transaction()
        things.insert_one({"_id": 2}, session=session)
        session.abort_transaction()
        result = session.with_transaction(
            lambda within: things.update_one({"_id": 0}, {"$inc": {"n": 1}}, session=within).modified_count
        )
    return seen([result, list(things.find())])


@CASES("a change stream, resumed")
def change_stream() -> Any:
    things = client.fidelity.watched
    with things.watch(max_await_time_ms=100) as stream:
        things.insert_one({"_id": 1})
        things.update_one({"_id": 1}, {"$set": {"n": 2}})
        changes = [stream.next(), stream.next()]
        nothing = stream.try_next()
    things.delete_one({"_id": 1})
    with things.watch(resume_after=changes[0]["_id"]) as stream:
        resumed = [stream.next()["operationType"] for _ in range(2)]
    return seen([[(one["operationType"], one["documentKey"]) for one in changes], nothing, resumed])


@CASES("GridFS: put, get, find, delete")
def grid_fs() -> Any:
    bucket = gridfs.GridFSBucket(client.fidelity, chunk_size_bytes=1000)
    number = bucket.upload_from_stream("a.bin", bytes(range(256)) * 20, metadata={"n": 1})
    data = bucket.open_download_stream(number).read()
    names = [file.filename for file in bucket.find({})]
    bucket.delete(number)
    return seen([data, names, [file.filename for file in bucket.find({})]])


@CASES("index, collection and server commands")
def administration() -> Any:
    things = client.fidelity.administration
    drop: Any = things.drop
    return seen(
        [
            things.create_index([("a", 1), ("b", -1)], unique=True),
            sorted(things.index_information()),
            client.fidelity.command("ping")["ok"],
            client.server_info()["version"],
            "administration" in client.fidelity.list_collection_names(),
            drop(),
            client.primary == client.address,
        ]
    )


@CASES("ServerSelectionTimeoutError: nothing listens")
def no_server() -> Any:
    with pymongo.MongoClient[Any]("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50) as nowhere:
        return failing(lambda: nowhere.fidelity.things.find_one())


@CASES("ThreadPoolExecutor, four calls at once")
def thread_pool() -> Any:
    things = client.fidelity.pool
    with ThreadPoolExecutor(4) as pool:
        return seen(sorted(pool.map(lambda n: things.insert_one({"_id": n}).inserted_id, range(4))))


@CASES("bson.encode and bson.decode in the application itself")
def bson_itself() -> Any:
    return seen(BSON.encode({"_id": ObjectId("65f000000000000000000001")}))
