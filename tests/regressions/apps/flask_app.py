"""The shop behind Flask."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any

from flask import Flask

shop: Any = importlib.import_module(f"tests.regressions.apps.{os.environ['SHOP']}")
app = Flask("shop")


@app.get("/<name>")
def answer(name: str) -> Any:
    status, body, headers = asyncio.run(shop.gathered()) if name == "gathered" else shop.SYNCHRONOUS[name]()
    return body, status, headers
