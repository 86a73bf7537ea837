"""MongoDB's messages: BSON as values and back, matching, masking, and how they are shown."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import MongoCommand, MongoReply, read_answer, read_request
from timetracer_otel.messages import bson as ours
from timetracer_otel.messages import mongodb as wire
from timetracer_otel.messages.decimal128 import decimal_bits, decimal_text
from timetracer_otel.redaction import MASK, Redactor
from timetracer_otel.values import bson as types
from timetracer_otel.views import messages as views

EVERYTHING: dict[str, Any] = {
    "id": ObjectId("65f000000000000000000001"),
    "numbers": [0, -1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), Int64(0), Int64(-5), Int64(2**40)],
    "doubles": [0.0, -0.0, 1.5, 1e308, float("inf"), float("-inf"), float("nan")],
    "moments": [
        dt.datetime(2026, 11, 20, 1, 2, 3, 4000), dt.datetime(1, 1, 1), DatetimeMS(2**62),
        DatetimeMS(-(2**62)),
    ],
    "decimals": [
        Decimal128(text)
        for text in ("1.10", "-0E-6176", "9E6111", "NaN", "-NaN", "Infinity", "-Infinity", "0", "-5.000")
    ],
    "odd decimals": [
        Decimal128.from_bid(bits)
        for bits in (b"\xff" * 16, b"\0" * 15 + b"\x7e", b"\1" * 15 + b"\x6f", b"\1" * 16)
    ],
    "binary": [
        b"", b"\x00\xff", Binary(b"x", 128), Binary.from_uuid(uuid.UUID(int=5)), Binary(b"1" * 16, 3),
        Binary(b"\1\0\0\0x", 2),
    ],
    "regex": [Regex("a.*b", "imsx"), Regex("", "")],
    "stamps": [Timestamp(0, 0), Timestamp(2**32 - 1, 2**32 - 1)],
    "keys": [MinKey(), MaxKey()],
    "code": [Code("x"), Code("y", {}), Code("z", {"a": [1]})],
    "constants": [None, True, False],
    "text": ["", "ü\u2028\U0001f600", "\0in the middle", "2026-11-20T13:45:01Z"],
    "": {"$set": {"a.b": {"$date": 5}}, "$oid": "no id"},
    "empty": [{}, []],
}  # fmt: skip
OTHERS = {
    "undefined": b"\x06a\0",
    "symbol": b"\x0ea\0\x02\0\0\0x\0",
    "pointer": b"\x0ca\0\x02\0\0\0n\0" + bytes(range(12)),
    "text that is not UTF-8": b"\x02a\0\x04\0\0\0\xff\xfex\0",
    "a name that is not UTF-8": b"\x0a\xff\0",
    "a lone surrogate": b"\x02a\0\x04\0\0\0\xed\xa0\x80\0",
}


def document(elements: bytes) -> bytes:
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


def there_and_back(data: bytes) -> bytes:
    """Through a cassette."""
    attributes = MongoReply(data).attributes()
    reply = read_answer("mongodb", attributes)
    assert isinstance(reply, MongoReply)
    assert reply.document is not None
    return ours.encode(reply.document)


@pytest.mark.parametrize("name", list(EVERYTHING))
def test_every_type_survives(name: str) -> None:
    data = bson.encode({name: EVERYTHING[name]})

    assert there_and_back(data) == data


@pytest.mark.parametrize("elements", OTHERS.values(), ids=OTHERS)
def test_types_that_drivers_no_longer_write_survive(elements: bytes) -> None:
    assert there_and_back(document(elements)) == document(elements)


def test_decimals_are_what_python_makes_of_them() -> None:
    for number in range(500):
        sign, coefficient, exponent = "-" * (number % 2), number**13 % 10**34, number * 1237 % 12288 - 6176
        given = Decimal128(f"{sign}{coefficient}E{exponent}")
        text = decimal_text(given.bid)

        assert text is not None
        assert (Decimal(text).as_tuple(), decimal_bits(text)) == (
            given.to_decimal().as_tuple(),
            given.bid,
        )


def test_what_is_read_is_plain_and_readable() -> None:
    data = bson.encode(
        {"_id": EVERYTHING["id"], "n": Int64(5), "at": dt.datetime(2026, 1, 2), "u": uuid_binary()}
    )

    assert ours.decode(data) == {
        "_id": types.ObjectId("65f000000000000000000001"),
        "n": types.Int64(5),
        "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "u": types.Binary(4, bytes(15) + b"\x05"),
    }
    assert values.dumps(ours.decode(data)) == (
        '{"_id":{"$bson.object_id":"65f000000000000000000001"},"n":{"$bson.int64":5},'
        '"at":{"$datetime":"2026-01-02T00:00:00+00:00"},'
        '"u":{"$bson.binary":[4,{"$bytes":"AAAAAAAAAAAAAAAAAAAABQ=="}]}}'
    )


def uuid_binary() -> Binary:
    return Binary.from_uuid(uuid.UUID(int=5))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\5\0\0\0", b"\xff\xff\xff\x7f\0", document(b"\x02a\0\xff\0\0\0x\0"), document(b"\x99a\0"),
        document(b"\x05a\0\xff\xff\xff\xff\0"), document(b"\x03a\0" + document(b"")[:-1] + b"\1"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_said(data: bytes) -> None:
    with pytest.raises(CodecError, match="not a BSON document"):
        ours.decode(data)


def test_a_document_nested_without_end_is_refused() -> None:
    data = document(b"")
    for _ in range(300):
        data = document(b"\x03a\0" + data)
    with pytest.raises(CodecError, match="nested too deep"):
        ours.decode(data)


@pytest.mark.parametrize("value", [object(), 2**64, types.ObjectId("00"), types.Decimal128("1E9999")])
def test_what_bson_cannot_hold_is_said(value: Any) -> None:
    with pytest.raises(CodecError, match="BSON cannot hold this document"):
        ours.encode({"a": value})


def message(command: dict[str, Any], **sequences: list[dict[str, Any]]) -> bytes:
    """The body of an ``OP_MSG``."""
    body = b"\0\0\0\0\0" + bson.encode(command)
    for name, documents in sequences.items():
        section = name.encode() + b"\0" + b"".join(map(bson.encode, documents))
        body += b"\1" + (len(section) + 4).to_bytes(4, "little") + section
    return body


def test_sequences_of_documents_are_fields() -> None:
    command = MongoCommand(message({"insert": "things", "$db": "shop"}, documents=[{"_id": 1}, {"_id": 2}]))

    assert command.name == "insert"
    assert command.document == {"insert": "things", "$db": "shop", "documents": [{"_id": 1}, {"_id": 2}]}
    assert command.title() == 'insert shop.things {"documents": [{"_id": 1}, {"_id": 2}]}'
    assert command.namespace == "shop"
    assert command.span_attributes() == {
        "db.system.name": "mongodb",
        "db.operation.name": "insert",
        "db.collection.name": "things",
        "db.namespace": "shop",
    }


def test_malformed_messages_are_said() -> None:
    with pytest.raises(CodecError):
        wire.unpack(b"\0\0\0\0\7\xff\0\0\0")
    with pytest.raises(CodecError):
        wire.message(b"short")


def test_what_the_driver_adds_is_not_compared() -> None:
    first = {
        "find": "things",
        "filter": {"a": 1, "b": 2},
        "$db": "shop",
        "lsid": {"id": b"1"},
        "txnNumber": 1,
    }
    second = {"find": "things", "filter": {"b": 2, "a": 1}, "$db": "test", "maxTimeMS": 7, "$clusterTime": {}}

    assert MongoCommand(first).key() == MongoCommand(second).key()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"filter": {"a": 1}}, {"filter": {"a": 2}}),
        ({"filter": {"a": 1}}, {"filter": {"a": 1.0}}),
        ({"filter": {"a": 1}}, {"filter": {"a": types.Int64(1)}}),
        ({"sort": {"a": 1, "b": 1}}, {"sort": {"b": 1, "a": 1}}),
        ({"limit": 1}, {}),
    ],
)
def test_what_is_asked_is_compared(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert MongoCommand({"find": "a", **one}).key() != MongoCommand({"find": "a", **other}).key()


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ({"find": "a"}, False),
        ({"aggregate": "a", "pipeline": [{"$match": {}}]}, False),
        ({"aggregate": "a", "pipeline": [{"$match": {}}, {"$out": "b"}]}, True),
        ({"insert": "a"}, True),
        ({"abortTransaction": 1}, False),
        ({"commitTransaction": 1}, True),
        ({"somethingNew": 1}, True),
    ],
)
def test_what_writes(command: dict[str, Any], writes: bool) -> None:
    assert MongoCommand(command).writes is writes


def test_commands_and_replies_are_read_back() -> None:
    command = MongoCommand({"find": "a", "$db": "shop", "$clusterTime": {"t": 1}}, "facts")
    reply = MongoReply({"ok": 1.0, "cursor": {"id": types.Int64(0)}}, more_to_come=True)

    assert read_request("mongodb", command.attributes()) == MongoCommand(
        {"find": "a", "$db": "shop"}, "facts"
    )
    assert read_answer("mongodb", reply.attributes()) == reply
    assert read_answer("mongodb", MongoReply(None).attributes()) == MongoReply(None)


def test_secret_fields_are_masked_at_any_depth() -> None:
    masked: list[str] = []
    command = MongoCommand(
        {
            "update": "users",
            "updates": [
                {"q": {"token": {"$in": ["a", "b"]}, "n": 1}, "u": {"$set": {"profile.password": "x"}}}
            ],
            "note": '{"password": "in JSON"}',
        }
    )

    clean = Redactor().message(command, masked)

    assert clean.document == {
        "update": "users",
        "updates": [
            {"q": {"token": {"$in": [MASK, MASK]}, "n": 1}, "u": {"$set": {"profile.password": MASK}}}
        ],
        "note": f'{{"password": "{MASK}"}}',
    }
    assert masked == ["MongoDB field token", "MongoDB field profile.password", "MongoDB value password"]
    assert Redactor().message(clean, []) is clean


def test_secrets_of_replies_are_masked_in_their_types() -> None:
    secret = types.Binary(6, b"encrypted")
    reply = MongoReply(
        {"cursor": {"firstBatch": [{"secret": secret, "api_key": b"k", "token": types.ObjectId("0" * 24)}]}}
    )
    stream = MongoReply({"cursor": {"postBatchResumeToken": {"_data": "82"}}})

    clean = Redactor().message(reply, [])

    assert clean.document == {
        "cursor": {
            "firstBatch": [
                {
                    "secret": types.Binary(6, MASK.encode()),
                    "api_key": MASK.encode(),
                    "token": types.ObjectId("0" * 24),
                }
            ]
        }
    }
    assert Redactor().message(stream, []) is stream


def test_distinct_values_of_a_secret_field_are_masked() -> None:
    command = MongoCommand({"distinct": "users", "key": "password"})
    reply = MongoReply({"values": ["a", "b"], "ok": 1.0})

    assert Redactor().message(reply, [], command).document == {"values": [MASK, MASK], "ok": 1.0}


def shown(message: object, *, full: bool) -> list[str]:
    return ["".join(part.text for part in one.pieces) for one in views.message_lines(message, full=full)]


def test_how_replies_are_shown() -> None:
    reply = MongoReply({"cursor": {"firstBatch": [{"_id": types.ObjectId("0" * 24)}, {"_id": 2}]}, "ok": 1.0})

    assert shown(reply, full=False) == [
        "← 2 documents",
        "{\"_id\": ObjectId('000000000000000000000000')}",
        '{"_id": 2}',
    ]
    assert shown(MongoReply({"n": 1, "ok": 1.0}), full=False) == ['← {"n": 1, "ok": 1.0}']
    assert shown(MongoReply(None), full=False) == ["← (no answer was asked for)"]
    assert shown(MongoCommand({"find": "a"}), full=True) == ['→ {"find": "a"}']
