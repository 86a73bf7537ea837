"""The application over WSGI."""

from __future__ import annotations

from flask import Flask, Response, jsonify

from tests.processes.telling import about_this_process

app = Flask(__name__)


@app.get("/orders/<int:order>")
def order(order: int) -> Response:
    response = jsonify(order=order)
    response.headers.update(about_this_process())
    return response
