"""The application over ASGI."""

from __future__ import annotations

import os

from fastapi import BackgroundTasks, FastAPI, Response

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


@app.get("/leave/{order}")
async def leave(order: int, response: Response, after: BackgroundTasks) -> dict[str, int]:
    """Ends the process as soon as this is answered."""
    response.headers.update(about_this_process())
    after.add_task(os._exit, 7)
    return {"order": order}
