"""MongoDB: documents, expressions, commands of authentication, errors, GridFS."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import gridfs
import pymongo
import pytest
from bson import Binary
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

import timetracer_otel
from tests.canaries.canaries import Canaries
from tests.canaries.places import IN_CLEAR
from tests.services.mongodb import MongoDb
from timetracer_otel import record, replay


def work(url: str, c: Canaries) -> list[Any]:
    """Say secrets in every way there is; what was read of them."""
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        users = client.test.users
        users.insert_one(
            {
                "_id": 1,
                "login": {"password": c["nested"], "keys": [{"api_key": c["in a list"]}]},
                "note": json.dumps({"password": c["JSON in a text"]}),
                "seen": f"at postgres://u:{c['URL in a text']}@h/d",
                "headers": [["authorization", f"Bearer {c['bearer']}"]],
                "raw": {"token": Binary(c["binary"].encode())},
            }
        )
        found: list[Any] = [
            users.find_one({"login.password": c["path"]}),
            users.find_one({"token": {"$in": [c["operator"]]}}),
            list(
                users.aggregate([{"$match": {"password": c["aggregate"]}}, {"$project": {"p": "$password"}}])
            ),
            list(users.aggregate([{"$match": {"$expr": {"$eq": ["$login.password", c["expression"]]}}}])),
            users.distinct("login.password"),
        ]
        users.update_one({"_id": 1}, {"$set": {"login.password": c["update"], "secret": c["update again"]}})
        users.update_one({"_id": 1}, [{"$set": {"password": c["update in a pipeline"]}}])
        users.bulk_write(
            [
                pymongo.InsertOne({"_id": 2, "password": c["bulk, insert"]}),
                pymongo.UpdateOne({"_id": 2}, {"$set": {"pwd": c["bulk, update"]}}),
                pymongo.DeleteOne({"password": c["bulk, delete"]}),
            ]
        )
        users.create_index("password", unique=True, sparse=True)
        with contextlib.suppress(DuplicateKeyError, BulkWriteError):
            users.insert_many([{"password": c["error"]}, {"password": c["error"]}])
        users.insert_one({"_id": c["id"]})
        with contextlib.suppress(OperationFailure):
            users.find_one({"$none": c["unknown operator"], "password": c["field beside it"]})
        client.admin.command("createUser", "ann", pwd=c["createUser"], roles=[])
        with contextlib.suppress(OperationFailure):
            payload = Binary(b"\0ann\0" + c["saslStart"].encode())
            client.admin.command("saslStart", mechanism="PLAIN", payload=payload)
        files = gridfs.GridFS(client.test)
        number = files.put(
            f'{{"password": "{c["file"]}"}}'.encode(), _id=7, metadata={"token": c["metadata"]}
        )
        found.append(files.get(number).read().decode().replace(c["file"], "?"))
        return found


def test_commands_and_replies(mongodb: MongoDb, tmp_path: Path) -> None:
    timetracer_otel.install()
    c = Canaries("MongoDB")
    with record(tmp_path) as recording:
        work(mongodb.url, c)
    assert c.found_in(tmp_path) == set(IN_CLEAR["MongoDB"])

    assert recording.path is not None
    mongodb.door.shut()
    with replay(recording.path) as session:
        replayed = work(mongodb.url, c)
    assert replayed[-2:] == [["[REDACTED]"], '{"password": "?"}']
    assert session.misses == []


def test_a_password_that_the_server_refuses(mongodb: MongoDb, tmp_path: Path) -> None:
    timetracer_otel.install()
    c = Canaries("MongoDB")
    url = mongodb.url.replace("mongodb://", f"mongodb://ann:{c['URL of the server']}@")
    with (
        record(tmp_path),
        pymongo.MongoClient[dict[str, Any]](url) as client,
        pytest.raises(OperationFailure),
    ):
        client.test.users.find_one()

    assert c.found_in(tmp_path) == set()
