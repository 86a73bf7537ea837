"""An application whose clients hang up, over ASGI."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

UPSTREAM = os.environ["UPSTREAM_URL"]
app = FastAPI()


async def ask(path: str) -> str:
    print(f"asks {path}", flush=True)
    async with httpx.AsyncClient(base_url=UPSTREAM, timeout=60) as client:
        return (await client.get(path)).text


@app.get("/waiting")
async def waiting() -> Response:
    """The client hangs up while a call is under way."""

    async def parts() -> AsyncIterator[str]:
        yield await ask("/json/first")
        try:
            yield await ask("/hang")
        finally:
            print("left", flush=True)

    return StreamingResponse(parts())


@app.get("/endless")
async def endless() -> Response:
    """A stream that only the client ends; it is noticed between two events."""

    async def parts() -> AsyncIterator[str]:
        yield await ask("/json/first")
        try:
            while True:
                yield "tick\n"
                await asyncio.sleep(0.01)
        finally:
            print("left", flush=True)

    return StreamingResponse(parts())


@app.get("/idle")
async def idle() -> Response:
    """Nothing more comes, and nothing is asked."""

    async def parts() -> AsyncIterator[str]:
        yield await ask("/json/first")
        try:
            await asyncio.Event().wait()
        finally:
            print("left", flush=True)

    return StreamingResponse(parts())


@app.post("/upload")
async def upload(request: Request) -> Response:
    """The client hangs up in the middle of its body."""
    try:
        async for part in request.stream():
            await ask(f"/json/{len(part)}")
    finally:
        print("left", flush=True)
    return Response("whole")
