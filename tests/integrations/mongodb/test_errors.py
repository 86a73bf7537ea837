"""PyMongo: errors of servers, of connections, and having no server at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pymongo
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne, errors

from tests.integrations.mongodb.scenarios import (
    Client,
    Scenario,
    commands,
    entered,
    error_of,
    every,
    got,
    thrice,
)
from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.services.mongodb import MongoDb
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.replayers import guard


async def fail(c: Any, times: int = 1, **data: Any) -> None:
    """Let the next commands fail."""
    await got(c.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=data))


async def duplicate_keys(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_one({"_id": 1}))
    await got(things.create_index("n", unique=True))
    await got(things.insert_one({"_id": 2, "n": 5}))
    return [
        await error_of(lambda: things.insert_one({"_id": 1})),
        await error_of(lambda: things.insert_one({"_id": 3, "n": 5})),
        await error_of(lambda: things.update_one({"_id": 1}, {"$set": {"n": 5}})),
        await error_of(lambda: things.find_one_and_update({"_id": 1}, {"$set": {"n": 5}})),
        await error_of(lambda: things.insert_many([{"_id": 4}, {"_id": 1}, {"_id": 5}], ordered=False)),
        await error_of(
            lambda: things.bulk_write([InsertOne({"_id": 1}), UpdateOne({"_id": 2}, {"$set": {"n": 6}})])
        ),
        await every(things.find()),
    ]


async def operation_failures(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_one({"_id": 1, "text": "x"}))
    return [
        await error_of(lambda: c.shop.command("noSuchCommand")),
        await error_of(lambda: things.update_one({"_id": 1}, {"$inc": {"text": 1}})),
        await error_of(lambda: things.find_one({"$nonsense": 1})),
        await error_of(lambda: things.aggregate([{"$nonsense": 1}])),
        await error_of(lambda: things.drop_index("missing")),
        await error_of(lambda: c.shop.create_collection("things")),
        await got(c.shop.command("noSuchCommand", check=False)),
    ]


async def write_concern_errors(c: Any) -> Any:
    things = c.shop.things
    await fail(
        c, failCommands=["insert"], writeConcernError={"code": 64, "errmsg": "waiting", "codeName": "Failed"}
    )
    return [await error_of(lambda: things.insert_one({"_id": 1})), await every(things.find())]


async def server_says_not_now(c: Any) -> Any:
    """A retryable error: reads and writes are tried again, and once more is too much."""
    things = c.shop.things
    await got(things.insert_one({"_id": 1}))
    await fail(c, failCommands=["find"], errorCode=134, errorLabels=["RetryableWriteError"])
    found = await got(things.find_one())
    await fail(c, failCommands=["insert"], errorCode=262, errorLabels=["RetryableWriteError"])
    inserted = (await got(things.insert_one({"_id": 2}))).inserted_id
    await fail(c, times=2, failCommands=["insert"], errorCode=262, errorLabels=["RetryableWriteError"])
    return [
        found,
        inserted,
        await error_of(lambda: things.insert_one({"_id": 3})),
        await every(things.find()),
    ]


async def connections_that_end(c: Any) -> Any:
    things = c.shop.things
    await got(things.insert_one({"_id": 1}))
    await fail(c, failCommands=["find"], closeConnection=True)
    found = await got(things.find_one())
    await fail(c, times=2, failCommands=["find"], closeConnection=True)
    error = await error_of(lambda: things.find_one())
    return [found, error, await got(things.find_one())]


@pytest.mark.parametrize(
    "scenario",
    [
        duplicate_keys, operation_failures, write_concern_errors, server_says_not_now, connections_that_end,
    ],
)  # fmt: skip
def test_errors_are_the_librarys_own(client: Client, mongodb: MongoDb, scenario: Scenario) -> None:
    thrice(mongodb, client, scenario, repeats=scenario is not connections_that_end)


def test_each_try_is_a_call(client: Client, mongodb: MongoDb) -> None:
    told = thrice(mongodb, client, server_says_not_now, repeats=False)

    assert [name for name in commands(told) if name != "configureFailPoint"] == [
        *("insert", "find", "find", "insert", "insert", "insert", "insert", "find")
    ]


def test_an_answer_that_takes_too_long(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await fail(c, failCommands=["find"], blockConnection=True, blockTimeMS=1500)
        return await error_of(lambda: c.shop.things.find_one())

    told = thrice(mongodb, client, scenario, repeats=False, socketTimeoutMS=300, retryReads=False)

    assert type(told.result) is errors.NetworkTimeout


def test_a_cancelled_call_waits_to_be_cancelled_again(mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await fail(c, failCommands=["find"], blockConnection=True, blockTimeMS=1500)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(c.shop.things.find_one(), 0.2)
        return await c.shop.things.count_documents({})

    thrice(mongodb, Client(asynchronous=True), scenario)


def test_no_server_is_found(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await got(c.shop.things.insert_one({"_id": 1}))
        mongodb.door.shut()
        lost = [await error_of(lambda: c.shop.things.insert_one({"_id": 2}))]
        lost += [await error_of(lambda: c.shop.things.find_one()) for _ in range(2)]
        mongodb.door.open()
        with pymongo.timeout(5):
            return [lost, await every(c.shop.things.find())]

    told = thrice(mongodb, client, scenario, repeats=False, serverSelectionTimeoutMS=200, retryWrites=False)

    assert [isinstance(error, errors.ConnectionFailure) for error in told.result[0]] == [True] * 3
    assert type(told.result[0][-1]) is errors.ServerSelectionTimeoutError


def test_a_server_that_was_never_there(client: Client, mongodb: MongoDb) -> None:
    async def scenario(_: Any) -> Any:
        async with entered(client.open("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100")) as nowhere:
            return await error_of(lambda: nowhere.shop.things.find_one())

    told = thrice(mongodb, client, scenario, repeats=False)

    assert (type(told.result), commands(told)) == (errors.ServerSelectionTimeoutError, ["serverSelection"])


def test_a_call_that_was_not_recorded(client: Client, mongodb: MongoDb) -> None:
    async def scenario() -> None:
        async with entered(client.open(mongodb.url)) as c:
            with pytest.raises(
                MissError, match=r'no recorded call answers find shop\.things {"filter": {"n": 1}'
            ):
                await got(c.shop.things.find_one({"n": 1}))
            secondary = c.shop.get_collection("things", read_preference=pymongo.ReadPreference.SECONDARY)
            with pytest.raises(ReplayError, match="wants a server that no recorded command went to"):
                await got(secondary.find_one({"n": 1}))

    mongodb.door.shut()
    with using(ReplayPort([])):
        asyncio.run(scenario())


def test_a_replay_may_name_another_place(client: Client, mongodb: MongoDb) -> None:
    async def ask(url: str) -> Any:
        async with entered(client.open(url)) as c:
            await got(c.shop.things.insert_many([{"_id": n} for n in range(5)]))
            return await every(c.shop.things.find().batch_size(2))

    with using(RecordingPort()) as recording:
        recorded = asyncio.run(ask(mongodb.url))
    mongodb.door.shut()
    with using(ReplayPort(recording.calls)):
        assert asyncio.run(ask("mongodb://nowhere.invalid:1/?replicaSet=main")) == recorded


def test_what_the_client_knows_of_its_servers(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await got(c.admin.command("ping"))
        return [await got(c.primary), await got(c.secondaries), await got(c.is_primary), await got(c.address)]

    thrice(mongodb, client, scenario)


def test_documents_as_they_are_on_the_wire(client: Client, mongodb: MongoDb) -> None:
    async def scenario(c: Any) -> Any:
        await got(c.shop.things.insert_one({"_id": 1, "nested": {"a": [1.5, None]}}))
        found = await got(c.shop.things.find_one())
        return found.raw, found["nested"].raw

    thrice(mongodb, client, scenario, document_class=RawBSONDocument)


class HybridPort(RecordingPort):
    """A replay that leaves PyMongo live."""

    replaying = True


def test_left_live_in_a_replay_it_talks_to_the_server(client: Client, mongodb: MongoDb) -> None:
    async def scenario() -> Any:
        async with entered(client.open(mongodb.url)) as c:
            await got(c.shop.things.insert_one({"_id": 1}))
            return await every(c.shop.things.find())

    with guard.letting_in(), using(HybridPort()) as port:  # an earlier test may have put it up
        assert asyncio.run(scenario()) == [{"_id": 1}]
    assert [call.asked.title() for call in port.calls] == [
        'insert shop.things {"ordered": true, "documents": [{"_id": 1}]}',
        'find shop.things {"filter": {}}',
    ]


def test_a_client_that_is_connected_replays_too_and_goes_on_after_it(mongodb: MongoDb) -> None:
    with pymongo.MongoClient[dict[str, Any]](mongodb.url) as c:
        things = c.shop.things
        with using(RecordingPort()) as recording:
            recorded = [things.insert_one({"_id": 1}).inserted_id, things.find_one()]
        things.delete_many({})
        with using(ReplayPort(recording.calls)):
            replayed = [things.insert_one({"_id": 1}).inserted_id, things.find_one()]
        assert replayed == recorded
        assert things.find_one() is None
