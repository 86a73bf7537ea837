"""An application whose clients hang up, over WSGI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
from flask import Flask, Response, request

client = httpx.Client(base_url=os.environ["UPSTREAM_URL"], timeout=60)
app = Flask(__name__)


@app.get("/endless")
def endless() -> Response:
    """A stream that only the client ends."""

    def parts() -> Iterator[str]:
        print("asks /json/first", flush=True)
        yield client.get("/json/first").text
        try:
            while True:
                yield "tick\n" * 1000
        finally:
            print("left", flush=True)

    return Response(parts())


@app.get("/failing")
def failing() -> Response:
    """A stream that the application ends, by an exception."""

    def parts() -> Iterator[str]:
        print("asks /json/first", flush=True)
        yield client.get("/json/first").text
        try:
            raise LookupError("in the middle of the stream")
        finally:
            print("left", flush=True)

    return Response(parts())


@app.post("/upload")
def upload() -> dict[str, int]:
    """The client hangs up in the middle of what it sends."""
    try:
        body = request.stream.read(10)
        print("asks", flush=True)
        client.get(f"/json/got-{len(body)}")
        body += request.stream.read()
    finally:
        print("left", flush=True)
    return {"got": len(body)}
