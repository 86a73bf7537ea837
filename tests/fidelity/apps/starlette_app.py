"""The Starlette application: what of the inbound scenarios makes sense without FastAPI."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route

from tests.fidelity.apps import inbound
from tests.fidelity.apps.httpx_told import url
from tests.fidelity.apps.redis_clients import sync_clients

clients = sync_clients()
afterwards = inbound.Afterwards()
started: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Work before the first request: a ping, a question to the upstream."""
    started["redis"] = clients["resp3-text"].ping()
    async with httpx.AsyncClient() as client:
        started["upstream"] = (await client.get(url("/health"))).json()
    yield


async def read_started(request: Request) -> Response:
    return JSONResponse(started)


async def read_json(request: Request) -> Response:
    order = await request.json()
    return JSONResponse({"got": order, "total": order["count"] * 2})


async def read_form(request: Request) -> Response:
    form = await request.form()
    return JSONResponse({"name": form["name"], "tags": form.getlist("tags")})


async def read_upload(request: Request) -> Response:
    async with request.form() as form:
        file: Any = form["file"]
        digest = hashlib.sha256(await file.read()).hexdigest()
        told = {"name": file.filename, "type": file.content_type, "sha256": digest, "note": form["note"]}
    return JSONResponse(told)


async def read_raw(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"length": len(body), "sha256": hashlib.sha256(body).hexdigest()})


async def leave_unread(request: Request) -> Response:
    return JSONResponse({"read": False})


async def read_in_parts(request: Request) -> Response:
    digest, parts = hashlib.sha256(), 0
    async for part in request.stream():
        digest.update(part)
        parts += bool(part)
    return JSONResponse({"sha256": digest.hexdigest(), "some": parts > 0})


async def webhook(request: Request) -> Response:
    body = await request.body()
    if not hmac.compare_digest(inbound.signature(body), request.headers.get("x-signature", "")):
        raise HTTPException(401, "wrong signature")
    return JSONResponse({"accepted": json.loads(body)["event"]})


def answer_binary(request: Request) -> Response:
    return Response(inbound.BINARY, media_type="application/octet-stream")


def answer_large(request: Request) -> Response:
    return Response(inbound.LARGE, media_type="text/plain")


async def answer_empty(request: Request) -> Response:
    return Response(status_code=204)


async def answer_stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield f"part {number} ü\n".encode()

    return StreamingResponse(parts(), media_type="text/plain")


async def answer_events(request: Request) -> Response:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"event: tick\ndata: {number}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def answer_stream_with_calls(request: Request) -> Response:
    return StreamingResponse(inbound.lines_of_upstream(), media_type="text/plain")


async def answer_stream_with_async_calls(request: Request) -> Response:
    return StreamingResponse(inbound.async_lines_of_upstream(), media_type="text/plain")


async def background(request: Request) -> Response:
    def work() -> None:
        told = httpx.get(url("/json/background")).json()
        afterwards.put("task", [told, clients["resp3-text"].incr("background")])

    return JSONResponse({"accepted": True}, background=BackgroundTask(work))


def background_result(request: Request) -> Response:
    return JSONResponse(afterwards.wait("task"))


async def exception(request: Request) -> Response:
    raise RuntimeError("nobody catches this")


def exception_after_call(request: Request) -> Response:
    raise LookupError(httpx.get(url("/json/before-the-exception")).json()["place"])


async def missing(request: Request) -> Response:
    raise HTTPException(404, f"no {request.path_params['key']}", headers={"X-Why": "not there"})


async def redirect(request: Request) -> Response:
    return RedirectResponse("/in/json?from=redirect", status_code=307)


async def cookies(request: Request) -> Response:
    response = JSONResponse(request.cookies)
    response.set_cookie("first", "1", path="/", httponly=True)
    response.set_cookie("second", "zwei drei", max_age=60)
    response.set_cookie("third", "", samesite="strict", secure=True)
    return response


async def head(request: Request) -> Response:
    return PlainTextResponse("a body that HEAD does not send", headers={"X-Here": "yes"})


async def query(request: Request) -> Response:
    return JSONResponse({"tags": request.query_params.getlist("tag"), "raw": request.url.query})


async def headers(request: Request) -> Response:
    names = ("x-custom", "accept-language", "user-agent", "host", "authorization")
    response = JSONResponse({name: request.headers.getlist(name) for name in names})
    response.raw_headers += [(b"X-Custom", b"one"), (b"X-Custom", b"two"), (b"X-Latin", b"\xfc")]
    return response


async def answer_file(request: Request) -> Response:
    return FileResponse(Path(__file__).with_name("page.html"), filename="page.html")


def counted(request: Request) -> Response:
    return JSONResponse(httpx.get(url(f"/counter/{request.path_params['name']}")).json())


app = Starlette(
    lifespan=lifespan,
    routes=[
        Mount(
            "/in",
            routes=[
                Route("/started", read_started),
                Route("/json", read_json, methods=["POST"]),
                Route("/form", read_form, methods=["POST"]),
                Route("/upload", read_upload, methods=["POST"]),
                Route("/raw", read_raw, methods=["POST"]),
                Route("/unread", leave_unread, methods=["POST"]),
                Route("/read-in-parts", read_in_parts, methods=["POST"]),
                Route("/webhook", webhook, methods=["POST"]),
                Route("/binary", answer_binary),
                Route("/large", answer_large),
                Route("/empty", answer_empty),
                Route("/stream", answer_stream),
                Route("/events", answer_events),
                Route("/stream-with-calls", answer_stream_with_calls),
                Route("/stream-with-async-calls", answer_stream_with_async_calls),
                Route("/background", background, methods=["POST"]),
                Route("/background/result", background_result),
                Route("/exception", exception),
                Route("/exception-after-call", exception_after_call),
                Route("/missing/{key:int}", missing),
                Route("/redirect", redirect),
                Route("/cookies", cookies),
                Route("/head", head),
                Route("/query", query),
                Route("/headers", headers),
                Route("/file", answer_file),
                Route("/counted/{name}", counted),
            ],
        )
    ],
)
