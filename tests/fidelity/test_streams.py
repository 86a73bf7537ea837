"""While recording, streams pass through as they come."""

from __future__ import annotations

import json

import pytest
from websockets import Subprotocol
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from tests.fidelity.conftest import Stage
from tests.fidelity.servers import Server
from tests.fidelity.wire import Answer, Request, connect, read_chunks, read_head, send
from tests.slow import FIRST_FASTAPI


def events_let_out_one_by_one(server: Server, stage: Stage) -> list[bytes]:
    """Each event is asked for only after the one before has arrived: a buffer on the way would block."""
    arrived = []
    with connect(server.port) as (connection, stream):
        connection.sendall(Request("GET", "/in/gate/one-by-one").encode())
        stage.services.upstream.gate("one-by-one")
        status, _, _ = read_head(stream)
        assert status == 200
        for chunk in read_chunks(stream):
            arrived.append(chunk)
            if len(arrived) < 3:
                stage.services.upstream.gate("one-by-one")
    return arrived


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_events_arrive_one_by_one_while_recording(framework: str, stage: Stage) -> None:
    with stage.recording(framework) as server:
        recorded = events_let_out_one_by_one(server, stage)
    with stage.no_services(), stage.replaying(framework) as server:
        replayed = send(server.port, Request("GET", "/in/gate/one-by-one"))

    assert recorded == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    assert list(replayed.chunks) == recorded


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_a_client_that_hangs_up_costs_nobody_else_anything(framework: str, stage: Stage) -> None:
    def next_answer(server: Server) -> Answer:
        return send(server.port, Request("GET", "/httpx/get-json"))

    with stage.recording(framework) as server:
        with connect(server.port) as (connection, stream):
            connection.sendall(Request("GET", "/in/gate/hung-up").encode())
            stage.services.upstream.gate("hung-up")
            read_head(stream)
            first = next(read_chunks(stream))
        stage.services.upstream.gate("hung-up")
        stage.services.upstream.gate("hung-up")
        recorded = next_answer(server)
    with stage.no_services(), stage.replaying(framework) as server:
        replayed = next_answer(server)

    assert first == b"data: 0\n\n"
    assert recorded.status == 200
    assert replayed == recorded


def conversation(socket: ClientConnection) -> list[object]:
    """Two messages, each answered as text and as bytes."""
    heard: list[object] = [socket.subprotocol]
    for message in ("first", "zweite ü"):
        socket.send(message)
        text = socket.recv()
        heard += [json.loads(text), socket.recv()]
    return heard


def test_a_websocket_passes_through_untouched(stage: Stage) -> None:
    with stage.recording("fastapi") as server:
        address = f"ws://127.0.0.1:{server.port}/in/websocket"
        with connect_websocket(address, subprotocols=[Subprotocol("echo")]) as socket:
            heard = conversation(socket)

    assert heard == [
        "echo",
        {"you said": "first", "upstream": "first"},
        b"first",
        {"you said": "zweite ü", "upstream": "zweite%20%C3%BC"},
        "zweite ü".encode(),
    ]
