"""gRPC: metadata in both directions, messages, texts of errors; of clients and of servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct

import timetracer_otel
from tests.canaries.canaries import Canaries
from tests.canaries.places import IN_CLEAR
from tests.services.grpc_server import struct
from timetracer_otel import Cassette, record, replay
from timetracer_otel.messages import GrpcReply, GrpcRequest

CANARIES = Canaries("gRPC")
MAY_STAY = set(IN_CLEAR["gRPC"])
_STRING, _BYTES, _MESSAGE, _INT = 9, 12, 11, 5
_OPTIONAL, _REPEATED = 1, 3


def _field(name: str, number: int, kind: int, label: int = _OPTIONAL, of: str = "") -> FieldDescriptorProto:
    return FieldDescriptorProto(name=name, number=number, type=kind, label=label, type_name=of or None)  # type: ignore[arg-type]  # numbers are enums


def _login_class() -> Any:
    """As ``protoc`` makes it of::

    message Login {
        string user = 1; string password = 2; int32 pin = 3; bytes access_token = 4;
        repeated string backup_codes = 5; map<string, string> labels = 6; Login next = 7; string note = 8;
    }
    """
    file = FileDescriptorProto(name="canaries.proto", package="canaries", syntax="proto3")
    login = file.message_type.add(name="Login")
    login.field.extend(
        [
            _field("user", 1, _STRING),
            _field("password", 2, _STRING),
            _field("pin", 3, _INT),
            _field("access_token", 4, _BYTES),
            _field("backup_codes", 5, _STRING, _REPEATED),
            _field("labels", 6, _MESSAGE, _REPEATED, ".canaries.Login.LabelsEntry"),
            _field("next", 7, _MESSAGE, of=".canaries.Login"),
            _field("note", 8, _STRING),
        ]
    )
    entry = login.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    entry.field.extend([_field("key", 1, _STRING), _field("value", 2, _STRING)])
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("canaries.Login"))


Login = _login_class()


def login(side: str) -> Any:
    """A message with secrets in fields of every kind."""
    c = CANARIES
    return Login(
        user="ann",
        password=c[f"{side} field"],
        pin=4711,
        access_token=c[f"{side} field of bytes"].encode(),
        backup_codes=[c[f"{side} repeated"], c[f"{side} repeated again"]],
        labels={"color": "red", "api_key": c[f"{side} map"]},
        next=Login(user="bob", password=c[f"{side} field of a field"]),
        note=f"see postgres://u:{c[f'{side} URL in a text']}@h/d",
    )


def answer(request: Any, context: grpc.ServicerContext) -> Any:
    """Secrets in all that a server can say."""
    c = CANARIES
    context.send_initial_metadata((("x-api-key", c["initial"]), ("set-cookie", f"sid={c['initial cookie']}")))
    context.set_trailing_metadata(
        (("refresh-token", c["trailing"]), ("token-bin", c["trailing, bytes"].encode()))
    )
    message = login("answer")
    message.next.note = f"you are {c['authorization']}"
    return message


def refuse(request: Any, context: grpc.ServicerContext) -> Any:
    """Secrets in the texts of an error."""
    c = CANARIES
    said = f"no postgres://u:{c['details, URL']}@h/d password={c['details']} Bearer {c['details, bearer']}"
    context.set_trailing_metadata(
        (
            (
                "grpc-status-details-bin",
                b"\x08\x0d\x1a\x22\x0a\x18" + c["details of a status, packed"].encode(),
            ),
        )
    )
    context.abort(grpc.StatusCode.INTERNAL, said)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its address."""
    served = grpc.server(ThreadPoolExecutor(4))
    methods = {
        "Login": grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=Login.FromString, response_serializer=Login.SerializeToString
        ),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
        "Struct": grpc.unary_unary_rpc_method_handler(
            lambda request, context: struct(token=CANARIES["struct, answer"], count=7),
            request_deserializer=Struct.FromString,
            response_serializer=Struct.SerializeToString,
        ),
    }
    served.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("canaries.In", methods),))
    port = served.add_insecure_port("127.0.0.1:0")
    served.start()
    yield f"127.0.0.1:{port}"
    served.stop(None).wait()


def metadata() -> Any:
    """Of every call."""
    c = CANARIES
    return (
        ("authorization", f"Bearer {c['authorization']}"),
        ("x-auth-token-bin", c["metadata, bytes"].encode()),
        ("cookie", f"sid={c['cookie']}"),
        ("baggage", f"user=1,session_token={c['baggage']}"),
    )


def calls(channel: Any) -> list[Any]:
    """What there is to call, not yet called."""
    c = CANARIES
    log_in = channel.unary_unary(
        "/canaries.In/Login",
        request_serializer=Login.SerializeToString,
        response_deserializer=Login.FromString,
    )
    with_struct = channel.unary_unary(
        "/canaries.In/Struct",
        request_serializer=Struct.SerializeToString,
        response_deserializer=Struct.FromString,
    )
    raw = channel.unary_unary("/canaries.In/Refuse")
    return [
        lambda: log_in(login("request"), metadata=metadata()),
        lambda: with_struct(
            struct(user="ann", password=c["struct"], list=[{"secret": c["struct in a list"]}])
        ),
        lambda: raw(json.dumps({"password": c["JSON"]}).encode(), metadata=metadata()),
        lambda: raw(Login(password=c["bytes without a class"]).SerializeToString()),
    ]


def told(error: grpc.RpcError) -> Any:
    """What an error says."""
    return error.code()


def work(address: str) -> list[Any]:
    """Every call; what came of each."""
    found: list[Any] = []
    with grpc.insecure_channel(address) as channel:
        for call in calls(channel):
            try:
                found.append(call())
            except grpc.RpcError as error:
                found.append(told(error))
    return found


async def work_async(address: str) -> list[Any]:
    """As :func:`work`."""
    found: list[Any] = []
    async with grpc.aio.insecure_channel(address) as channel:
        for call in calls(channel):
            try:
                found.append(await call())
            except grpc.RpcError as error:
                found.append(told(error))
    return found


@pytest.mark.parametrize("kind", ["blocking", "asynchronous"])
def test_calls_and_what_is_served(server: str, kind: str, tmp_path: Path) -> None:
    timetracer_otel.install()
    run = work if kind == "blocking" else lambda address: asyncio.run(work_async(address))
    with record(tmp_path) as recording:
        run(server)
    assert recording.path is not None
    assert CANARIES.found_in(tmp_path) == MAY_STAY

    with replay(recording.path) as session:
        replayed = run("127.0.0.1:1")
    assert [call.grade for call in session.calls] == ["exact"] * 4
    signed_in, given, *refused = replayed
    mask = "[REDACTED]"
    assert signed_in == Login(
        user="ann",
        password=mask,
        pin=4711,
        access_token=mask.encode(),
        backup_codes=[mask, mask],
        labels={"color": "red", "api_key": mask},
        next=Login(user="bob", password=mask, note="you are [REDACTED]**************"),
        note="see postgres://u:%5BREDACTED%5D@h/d",
    )
    assert given == struct(token=mask, count=7)
    assert refused == [grpc.StatusCode.INTERNAL] * 2


def test_messages_stay_messages_in_the_file(server: str, tmp_path: Path) -> None:
    timetracer_otel.install()
    with record(tmp_path) as recording:
        work(server)
    assert recording.path is not None
    call = Cassette.load(recording.path).calls()[0]
    assert isinstance(call.request, GrpcRequest)
    assert isinstance(call.answer, GrpcReply)
    assert call.request.messages is not None
    sent = Login.FromString(call.request.messages[0])
    assert (sent.user, sent.password, sent.pin, sent.next.user) == ("ann", "[REDACTED]", 4711, "bob")
