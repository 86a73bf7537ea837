"""A service that uses up what the recorder needs, too: ``uvicorn tests.faults.service:app``."""

from __future__ import annotations

import os
import resource
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

import timetracer_otel

app = FastAPI()
_taken: list[int] = []


@app.get("/statistics")
async def statistics() -> dict[str, int] | None:
    counted = timetracer_otel.statistics()
    if counted is None:
        return None
    return {name: getattr(counted, name) for name in ("written", "failed", "dropped", "waiting")}


@app.post("/echo")
async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@app.post("/files")
async def take_files() -> dict[str, Any]:
    """Open files until there are none left to have."""
    try:
        while True:
            _taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return {"error": str(error)}


@app.delete("/files")
async def give_files_back() -> None:
    while _taken:
        os.close(_taken.pop())


@app.post("/limit/{size}")
async def limit(size: int) -> None:
    """From now on no file can be larger: what a disk without room does in the middle of a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size or resource.RLIM_INFINITY, resource.RLIM_INFINITY))
