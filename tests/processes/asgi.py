"""The application over ASGI."""

from __future__ import annotations

from fastapi import FastAPI, Response

from tests.processes.telling import about_this_process

app = FastAPI()


@app.get("/orders/{order}")
async def order(order: int, response: Response) -> dict[str, int]:
    response.headers.update(about_this_process())
    return {"order": order}


@app.get("/health")
async def health(response: Response) -> None:
    """Not recorded: its path is one of those excluded by default."""
    response.headers.update(about_this_process())
