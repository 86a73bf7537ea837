"""An application under load, over ASGI."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from tests.load.apps import prepared, unfinished
from tests.load.apps.collecting import collect
from tests.load.apps.large import pieces
from tests.load.census import census, rest

UPSTREAM = os.environ.get("UPSTREAM_URL", "")
client: httpx.AsyncClient


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global client
    async with httpx.AsyncClient(base_url=UPSTREAM) as client:
        yield


app = FastAPI(lifespan=lifespan)
prepared.prepare()


@app.get("/trivial")
async def trivial() -> dict[str, bool]:
    collect()
    return {"ok": True}


@app.get("/download/{megabytes}")
async def download(megabytes: int) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces(megabytes):
            yield piece

    return StreamingResponse(body())


@app.get("/events/{count}")
async def events(count: int) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"data: tick\n\n"

    return StreamingResponse(body(), media_type="text/event-stream")


@app.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    return {"bytes": sum([len(piece) async for piece in request.stream()])}


@app.get("/fetch/{megabytes}")
async def fetch(megabytes: int) -> dict[str, int]:
    async with client.stream("GET", f"/stream/{megabytes}") as response:
        return {"bytes": sum([len(piece) async for piece in response.aiter_raw()])}


@app.get("/send/{megabytes}")
async def send(megabytes: int) -> Any:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces(megabytes):
            yield piece

    return (await client.post("/count", content=body())).json()


@app.get("/unfinished/{name}")
def begin(name: str) -> dict[str, bool]:
    collect()
    unfinished.SYNC[name]()
    return {"ok": True}


@app.get("/unfinished/async/{name}")
async def begin_async(name: str) -> dict[str, bool]:
    collect()
    await unfinished.ASYNC[name]()
    return {"ok": True}


@app.get("/census")
async def count() -> dict[str, Any]:
    return await asyncio.to_thread(census, asyncio.get_running_loop())


@app.get("/rest")
async def come_to_rest() -> list[bool]:
    return [await asyncio.to_thread(rest, asyncio.get_running_loop())]
