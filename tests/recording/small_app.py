"""A service with one upstream, for what is not about libraries: start, stop, settings, exporters."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

app = FastAPI()
UPSTREAM = os.environ["UPSTREAM_URL"]


@app.post("/checkout/{order}")
async def checkout(order: int, body: dict[str, Any]) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        rates = (await client.get(f"{UPSTREAM}/json", params={"order": order})).json()
        paid = await client.post(f"{UPSTREAM}/echo", json={"order": order, "card": body.get("card")})
    return {"order": order, "rates": rates, "paid": paid.status_code}


@app.get("/health")
async def health() -> dict[str, bool]:
    async with httpx.AsyncClient() as client:
        await client.get(f"{UPSTREAM}/json")
    return {"ok": True}


@app.get("/failing")
async def failing() -> None:
    raise ValueError("no such thing")


@app.post("/length")
async def length(request: Request) -> dict[str, int]:
    return {"length": len(await request.body())}


@app.get("/counting")
async def counting() -> StreamingResponse:
    async def numbers() -> Any:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(numbers(), media_type="text/plain")


@app.get("/endless")
async def endless() -> StreamingResponse:
    async def pieces() -> Any:
        while True:
            yield b"piece of 16 bytes"[:16]
            await asyncio.sleep(0.001)

    return StreamingResponse(pieces(), media_type="application/octet-stream")


@app.get("/account")
async def account(request: Request) -> Response:
    if request.headers.get("authorization") != "Bearer right":
        return Response("who are you?", 401)
    return Response("yours")


@app.post("/sign-in")
async def sign_in(request: Request, body: dict[str, str]) -> dict[str, str]:
    """Says the token of the request, and the password in it, under names that say nothing."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient() as client:
        await client.post(f"{UPSTREAM}/echo", content=f"{token} {body['password']}")
    return {"hello": token}


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())
