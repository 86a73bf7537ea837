"""A made-up client library: it asks a carrier where a parcel is, over a protocol of its own.

One line of JSON is sent, one comes back: ``{"track": "P7"}``, ``{"number": "P7", "place": "Rome", ...}``.
"""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class ParcelError(Exception):
    """The carrier refused."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@dataclass(frozen=True)
class Parcel:
    number: str
    place: str
    seen: datetime
    grams: int


class Client:
    def __init__(self, host: str, port: int) -> None:
        self._address = host, port

    def track(self, number: str) -> Parcel:
        return _parcel(self._ask({"track": number}))

    def redirect(self, number: str, *, to: str) -> Parcel:
        return _parcel(self._ask({"redirect": number, "to": to}))

    def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        with socket.create_connection(self._address) as connection, connection.makefile("rwb") as stream:
            stream.write(json.dumps(question).encode() + b"\n")
            stream.flush()
            return _answer(stream.readline())


class AsyncClient:
    def __init__(self, host: str, port: int) -> None:
        self._address = host, port

    async def track(self, number: str) -> Parcel:
        return _parcel(await self._ask({"track": number}))

    async def redirect(self, number: str, *, to: str) -> Parcel:
        return _parcel(await self._ask({"redirect": number, "to": to}))

    async def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(json.dumps(question).encode() + b"\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return _answer(line)


def _answer(line: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ParcelError(answer["error"], answer["text"])
    return answer


def _parcel(answer: dict[str, Any]) -> Parcel:
    seen = datetime.fromisoformat(answer["seen"])
    return Parcel(answer["number"], answer["place"], seen, answer["grams"])
