"""An application over ASGI that asks an upstream, twice at once."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
from fastapi import FastAPI, Response

from tests.processes.telling import about_this_process

app = FastAPI()


@app.get("/orders/{order}")
async def order(order: int, response: Response) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM"]) as client:
        answers = await asyncio.gather(*(client.get(f"/echo/{order}/{part}") for part in ("price", "stock")))
    response.headers.update(about_this_process())
    return {
        "loop": type(asyncio.get_running_loop()).__module__,
        "said": [answer.json() for answer in answers],
    }
