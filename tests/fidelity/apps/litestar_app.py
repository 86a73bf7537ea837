"""The Litestar application, with Litestar's own OpenTelemetry plugin."""
# no postponed annotations: Litestar reads what a handler wants from them

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
from litestar import Litestar, MediaType, Request, Response, get, head, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.params import Body
from litestar.plugins.opentelemetry import OpenTelemetryPlugin
from litestar.response import File, Redirect, Stream

from tests.fidelity.apps import inbound
from tests.fidelity.apps.httpx_told import url
from tests.fidelity.apps.redis_clients import sync_clients

Asked = Request[Any, Any, Any]
clients = sync_clients()
afterwards = inbound.Afterwards()
started: dict[str, Any] = {}


async def on_startup() -> None:
    """Work before the first request: a ping, a question to the upstream."""
    started["redis"] = clients["resp3-text"].ping()
    async with httpx.AsyncClient() as client:
        started["upstream"] = (await client.get(url("/health"))).json()


@get("/in/started")
async def read_started() -> dict[str, Any]:
    return started


@post("/in/json", status_code=200)
async def read_json(data: dict[str, Any]) -> dict[str, Any]:
    return {"got": data, "total": data["count"] * 2}


@post("/in/form", status_code=200)
async def read_form(request: Asked) -> dict[str, Any]:
    form = await request.form()
    return {"name": form["name"], "tags": form.getall("tags")}


@post("/in/upload", status_code=200)
async def read_upload(
    data: Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, Any]:
    file: UploadFile = data["file"]
    digest = hashlib.sha256(await file.read()).hexdigest()
    return {"name": file.filename, "type": file.content_type, "sha256": digest, "note": data["note"]}


@post("/in/raw", status_code=200)
async def read_raw(request: Asked) -> dict[str, Any]:
    body = await request.body()
    return {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@post("/in/unread", status_code=200)
async def leave_unread() -> dict[str, Any]:
    return {"read": False}


@post("/in/read-in-parts", status_code=200)
async def read_in_parts(request: Asked) -> dict[str, Any]:
    digest, parts = hashlib.sha256(), 0
    async for part in request.stream():
        digest.update(part)
        parts += bool(part)
    return {"sha256": digest.hexdigest(), "some": parts > 0}


@post("/in/webhook", status_code=200)
async def webhook(request: Asked) -> dict[str, Any]:
    body = await request.body()
    if not hmac.compare_digest(inbound.signature(body), request.headers.get("x-signature", "")):
        raise NotAuthorizedException("wrong signature")
    return {"accepted": json.loads(body)["event"]}


@get("/in/binary", media_type="application/octet-stream", sync_to_thread=False)
def answer_binary() -> bytes:
    return inbound.BINARY


@get("/in/large", media_type=MediaType.TEXT, sync_to_thread=False)
def answer_large() -> bytes:
    return inbound.LARGE


@get("/in/empty", status_code=204)
async def answer_empty() -> None:
    return None


@get("/in/stream")
async def answer_stream() -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield f"part {number} ü\n".encode()

    return Stream(parts(), media_type=MediaType.TEXT)


@get("/in/events")
async def answer_events() -> Stream:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"event: tick\ndata: {number}\n\n"

    return Stream(events(), media_type="text/event-stream")


@get("/in/stream-with-calls", sync_to_thread=True)
def answer_stream_with_calls() -> Stream:
    return Stream(inbound.lines_of_upstream(), media_type=MediaType.TEXT)


@get("/in/stream-with-async-calls")
async def answer_stream_with_async_calls() -> Stream:
    return Stream(inbound.async_lines_of_upstream(), media_type=MediaType.TEXT)


@post("/in/background", status_code=200)
async def background() -> Response[dict[str, bool]]:
    def work() -> None:
        told = httpx.get(url("/json/background")).json()
        afterwards.put("task", [told, clients["resp3-text"].incr("background")])

    return Response({"accepted": True}, background=BackgroundTask(work))


@get("/in/background/result", sync_to_thread=True)
def background_result() -> Any:
    return afterwards.wait("task")


@get("/in/exception")
async def exception() -> None:
    raise RuntimeError("nobody catches this")


@get("/in/exception-after-call", sync_to_thread=True)
def exception_after_call() -> None:
    raise LookupError(httpx.get(url("/json/before-the-exception")).json()["place"])


@get("/in/missing/{key:int}")
async def missing(key: int) -> None:
    raise HTTPException(f"no {key}", status_code=404, headers={"X-Why": "not there"})


@get("/in/redirect", status_code=307)
async def redirect() -> Redirect:
    return Redirect("/in/json?from=redirect", status_code=307)


@get("/in/cookies")
async def cookies(request: Asked) -> Response[dict[str, str]]:
    return Response(
        dict(request.cookies),
        cookies=[
            Cookie("first", "1", httponly=True),
            Cookie("second", "zwei drei"),
            Cookie("third", "", samesite="strict", secure=True),
        ],
    )


@get("/in/head")
async def read_head() -> Response[str]:
    return Response("a body that HEAD does not send", media_type="text/plain", headers={"X-Here": "yes"})


@head("/in/head")
async def only_head() -> Response[None]:
    return Response(None, media_type="text/plain", headers={"X-Here": "yes"})


@get("/in/query")
async def query(request: Asked) -> dict[str, Any]:
    return {"tags": request.query_params.getall("tag"), "raw": request.scope["query_string"].decode()}


@get("/in/headers")
async def headers(request: Asked) -> Response[dict[str, Any]]:
    names = ("x-custom", "accept-language", "user-agent", "host", "authorization")
    told = {name: request.headers.getall(name) for name in names}
    return Response(told, headers={"X-Custom": "one", "X-Latin": "ü"})


@get("/in/file")
async def answer_file() -> File:
    return File(Path(__file__).with_name("page.html"), filename="page.html")


@get("/in/counted/{name:str}", sync_to_thread=True)
def counted(name: str) -> Any:
    return httpx.get(url(f"/counter/{name}")).json()


app = Litestar(
    [
        read_started,
        read_json,
        read_form,
        read_upload,
        read_raw,
        leave_unread,
        read_in_parts,
        webhook,
        answer_binary,
        answer_large,
        answer_empty,
        answer_stream,
        answer_events,
        answer_stream_with_calls,
        answer_stream_with_async_calls,
        background,
        background_result,
        exception,
        exception_after_call,
        missing,
        redirect,
        cookies,
        read_head,
        only_head,
        query,
        headers,
        answer_file,
        counted,
    ],
    on_startup=[on_startup],
    plugins=[OpenTelemetryPlugin()],
    openapi_config=None,
)
