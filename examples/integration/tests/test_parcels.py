"""The integration keeps the contract of timetracer-otel, and replays what the carrier said without it."""

from __future__ import annotations

import asyncio
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import timetracer_otel
from timetracer_otel import testing


class Carrier(socketserver.StreamRequestHandler):
    """The server of the library."""

    asked: list[dict[str, str]] = []  # noqa: RUF012  # one server at a time

    def handle(self) -> None:
        question = json.loads(self.rfile.readline())
        self.asked.append(question)
        number = question.get("track") or question["redirect"]
        answer: dict[str, Any]
        if number == "lost":
            answer = {"error": 404, "text": "no such parcel"}
        else:
            place = question.get("to", "Rome")
            answer = {"number": number, "place": place, "seen": "2026-11-20T09:30:00+00:00", "grams": 250}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@pytest.fixture(autouse=True)
def carrier(monkeypatch: pytest.MonkeyPatch) -> Iterator[socketserver.ThreadingTCPServer]:
    Carrier.asked.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Carrier) as server:
        monkeypatch.setenv("CARRIER_PORT", str(server.server_address[1]))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Parcels(testing.Dependency):
    module = integration = "parcels"

    def client(self) -> Any:
        parcels = self.load()
        address = "127.0.0.1", int(os.environ["CARRIER_PORT"])
        return parcels.Client(*address), parcels.AsyncClient(*address)

    def call(self, client: Any, way: str) -> Any:
        return client[0].track(way)

    def fail(self, client: Any) -> Any:
        return client[0].track("lost")

    async def call_async(self, client: Any, way: str) -> Any:
        return await client[1].redirect(way, to="Oslo")


@pytest.mark.parametrize("order", testing.ORDERS)
def test_the_contract(order: str) -> None:
    testing.check_order(Parcels, order)


def test_the_app_cannot_tell_a_replay() -> None:
    testing.check_replay(Parcels)


def test_a_job_is_replayed_without_the_carrier(
    carrier: socketserver.ThreadingTCPServer, tmp_path: Path
) -> None:
    import parcels

    host, port = carrier.server_address[:2]
    address = str(host), port

    def job() -> list[Any]:
        client, later = parcels.Client(*address), parcels.AsyncClient(*address)
        found: list[Any] = [client.track("P7"), client.redirect("P7", to="Oslo")]
        try:
            client.track("lost")
        except parcels.ParcelError as error:
            found.append((str(error), error.code))
        return [*found, asyncio.run(later.track("P8"))]

    with timetracer_otel.record(tmp_path, name="job"):
        recorded = job()
    asked = len(Carrier.asked)
    with timetracer_otel.replay(tmp_path) as session:
        replayed = job()
    seen = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert recorded == [
        parcels.Parcel("P7", "Rome", seen, 250),
        parcels.Parcel("P7", "Oslo", seen, 250),
        ("404: no such parcel", 404),
        parcels.Parcel("P8", "Rome", seen, 250),
    ]
    assert replayed == recorded
    assert session.unused == []
    assert len(Carrier.asked) == asked == 4
