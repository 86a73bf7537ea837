"""The application over WSGI whose requests wait for each other, so that they are served together."""

from __future__ import annotations

import os
import threading

import httpx
from flask import Flask, Response, jsonify

from tests.processes.telling import about_this_process

app = Flask(__name__)
TOGETHER = int(os.environ.get("TOGETHER", "4"))
_together = threading.Barrier(TOGETHER)


@app.get("/orders/<int:order>")
def order(order: int) -> Response:
    _together.wait(30)  # so many are in here at once
    with httpx.Client(base_url=os.environ["UPSTREAM"]) as client:
        said = client.get("/echo", params={"order": order}).json()
    _together.wait(30)
    response = jsonify(order=order, said=said)
    response.headers.update(about_this_process())
    return response
