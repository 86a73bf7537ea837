"""The shop behind FastAPI."""

from __future__ import annotations

import importlib
import os
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

shop: Any = importlib.import_module(f"tests.regressions.apps.{os.environ['SHOP']}")
app = FastAPI()


@app.get("/gathered")
async def gathered() -> JSONResponse:
    status, body, headers = await shop.gathered()
    return JSONResponse(body, status, headers)


@app.get("/{name}")
def answer(name: str) -> JSONResponse:
    status, body, headers = shop.SYNCHRONOUS[name]()
    return JSONResponse(body, status, headers)
