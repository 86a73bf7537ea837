"""A service with secrets in the hands of everybody: its clients, the services that it asks, its own spans."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import httpx
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from opentelemetry import trace

from tests.canaries.canaries import Canaries

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:1")
C = Canaries("HTTP")

app = FastAPI()


@app.websocket("/ws")
async def websocket(socket: WebSocket) -> None:
    """Says on what it is told."""
    await socket.accept(subprotocol="bearer")
    said = await socket.receive_text()
    async with httpx.AsyncClient() as client:
        await client.post(f"{UPSTREAM}/status/200", json={"said": said})
    await socket.close()


@app.get("/events")
def events() -> StreamingResponse:
    """A stream of events whose chunks end anywhere."""
    text = f"event: key\ndata: {json.dumps({'api_key': C['event'], 'delta': 'your key is'})}\n\n"
    text += f"data: {json.dumps({'delta': C['split over events'][:9]})}\n\n"
    text += f"data: {json.dumps({'delta': C['split over events'][9:]})}\n\n"

    def pieces() -> Iterator[str]:
        for at in range(0, len(text), 5):
            yield text[at : at + 5]

    return StreamingResponse(pieces(), media_type="text/event-stream")


@app.get("/ask")
async def ask() -> dict[str, Any]:
    """GraphQL in its forms, and credentials of the service's own."""
    async with httpx.AsyncClient(base_url=UPSTREAM) as client:
        key = {"Authorization": f"Bearer {C['key']}"}
        await client.post(
            "/status/200", headers=key, json={"prompt": f"my key is {C['key']}", "stream": True}
        )
        login = {"query": "mutation L($i: In!) { login(i: $i) { id } }"}
        secret = {"i": {"user": "a", "password": C["variable, nested"]}}
        await client.post("/status/200", json={**login, "variables": secret})
        await client.post("/status/200", json=[{**login, "variables": {"secret": C["variable in a batch"]}}])
        told = {
            "query": "query($token: ID){me(t:$token){id}}",
            "variables": json.dumps({"token": C["variable"]}),
        }
        await client.get("/status/200", params=told)
        operations = json.dumps({"query": "mutation", "variables": {"password": C["variable in a form"]}})
        await client.post("/status/200", data={"operations": operations, "map": "{}"}, files={"0": b"x"})
        await client.post(
            "/status/200", json=1, headers={"X-Context": json.dumps({"pwd": C["header of JSON"]})}
        )
        body = b'{"\\u0070assword": "' + C["escaped name"].encode() + b'"}'
        await client.post("/status/200", content=body, headers={"Content-Type": "application/json"})
    return {"ok": True}


@app.get("/spans")
def spans() -> dict[str, Any]:
    """What the app itself writes on spans, and logs."""
    span = trace.get_current_span()
    span.set_attribute("app.password", C["attribute"])
    span.add_event(f"password={C['name of an event']}", {"token": C["event of a span"]})
    state = trace.TraceState([("vendor", C["tracestate of a link"])])
    context = trace.SpanContext(1, 2, False, trace_state=state)
    link = trace.Link(context, {"token": C["link"], "app.url": f"http://u:{C['link, URL']}@h"})
    with trace.get_tracer("app").start_as_current_span(f"work password={C['name']}", links=[link]):
        logging.getLogger("app").warning("password=%s", C["log"])
    return {"ok": True}


@app.get("/fails")
def fails() -> None:
    """Says a secret in an exception."""
    raise RuntimeError(f"token={C['exception']} at amqp://u:{C['exception, URL']}@h//")
