"""An application under load, over WSGI."""

from __future__ import annotations

import os
from typing import Any

import httpx
from flask import Flask, Response, request

from tests.load.apps import prepared, unfinished
from tests.load.apps.collecting import collect
from tests.load.apps.large import PIECE, PIECES_A_MB, pieces
from tests.load.census import census, rest

client = httpx.Client(base_url=os.environ.get("UPSTREAM_URL", ""))
app = Flask(__name__)
prepared.prepare()


@app.get("/trivial")
def trivial() -> dict[str, bool]:
    collect()
    return {"ok": True}


@app.get("/download/<int:megabytes>")
def download(megabytes: int) -> Response:
    return Response(pieces(megabytes))


@app.get("/whole/<int:megabytes>")
def whole(megabytes: int) -> Response:
    return Response(PIECE * (PIECES_A_MB * megabytes))


@app.post("/upload")
def upload() -> dict[str, int]:
    total = 0
    while piece := request.stream.read(65536):
        total += len(piece)
    return {"bytes": total}


@app.get("/fetch/<int:megabytes>")
def fetch(megabytes: int) -> dict[str, int]:
    with client.stream("GET", f"/stream/{megabytes}") as response:
        return {"bytes": sum(len(piece) for piece in response.iter_raw())}


@app.get("/send/<int:megabytes>")
def send(megabytes: int) -> Any:
    return client.post("/count", content=pieces(megabytes)).json()


@app.get("/unfinished/<name>")
def begin(name: str) -> dict[str, bool]:
    collect()
    unfinished.SYNC[name]()
    return {"ok": True}


@app.get("/census")
def count() -> dict[str, Any]:
    return census()


@app.get("/rest")
def come_to_rest() -> Any:
    return [rest()]
