"""The FastAPI application: one endpoint for each scenario."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Query,
    Request,
    Response,
    UploadFile,
    WebSocket,
)
from fastapi.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from pydantic import BaseModel
from starlette.middleware.gzip import GZipMiddleware

from tests.fidelity.apps import inbound
from tests.fidelity.apps.calls import all_cases
from tests.fidelity.apps.case import Case
from tests.fidelity.apps.checkout import checkout
from tests.fidelity.apps.databases import async_engines, create_tables, sync_engines
from tests.fidelity.apps.drifting import DRIFTS
from tests.fidelity.apps.httpx_told import url
from tests.fidelity.apps.orders import async_order, order
from tests.fidelity.apps.psycopg_pool_cases import close_pools, open_async_pool, open_pool
from tests.fidelity.apps.redis_clients import new_async_client, sync_clients

engines = sync_engines()
aio_engines = async_engines()
clients = sync_clients()
afterwards = inbound.Afterwards()
started: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Work before the first request: tables, a ping, a question to the upstream."""
    for engine in engines.values():
        with engine.begin() as connection:
            create_tables(connection)
    for aio_engine in aio_engines.values():
        async with aio_engine.begin() as aio_connection:
            await aio_connection.run_sync(create_tables)
    open_pool()
    await open_async_pool()
    started["redis"] = clients["resp3-text"].ping()
    async with httpx.AsyncClient() as client:
        started["upstream"] = (await client.get(url("/health"))).json()
    yield
    await close_pools()
    for aio_engine in aio_engines.values():
        await aio_engine.dispose()


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware)


def endpoint(case: Case) -> Callable[..., Any]:
    """The endpoint of one case; the path says which of its backends is meant."""
    function = case.function
    if case.path.startswith("/sql-async"):

        async def answer_from_database(backend: str) -> Any:
            return await function(aio_engines[backend])

        return answer_from_database
    if case.path.startswith("/mongodb-async"):
        from tests.fidelity.apps.mongodb_async_cases import new_database  # loaded where it is asked for

        async def answer_from_mongodb(backend: str) -> Any:
            async with new_database(backend) as database:
                return await function(database)

        return answer_from_mongodb
    if case.path.startswith("/redis-async"):

        async def answer_from_redis(backend: str) -> Any:
            async with new_async_client(backend) as client:
                return await function(client)

        return answer_from_redis
    if case.backends:
        kinds: dict[str, dict[str, Any]] = {"sql": engines, "redis": clients}
        backends = kinds.get(case.path.split("/")[1], {})

        def answer(backend: str) -> Any:
            return function(backends.get(backend, backend))

        return answer
    return function


for one in all_cases():
    app.add_api_route(one.path, endpoint(one), response_model=None)


class Order(BaseModel):
    title: str
    count: int = 1
    tags: list[str] = []


@app.get("/in/started")
async def read_started() -> Any:
    return started


@app.post("/in/json")
async def read_json(order: Order) -> Any:
    return {"got": order, "total": order.count * 2}


@app.post("/in/form")
async def read_form(name: Annotated[str, Form()], tags: Annotated[list[str], Form()]) -> Any:
    return {"name": name, "tags": tags}


@app.post("/in/upload")
async def read_upload(file: Annotated[UploadFile, File()], note: Annotated[str, Form()]) -> Any:
    data = await file.read()
    return {
        "name": file.filename,
        "type": file.content_type,
        "sha256": hashlib.sha256(data).hexdigest(),
        "note": note,
    }


@app.post("/in/raw")
async def read_raw(request: Request) -> Any:
    body = await request.body()
    return {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@app.post("/in/unread")
async def leave_unread() -> Any:
    return {"read": False}


@app.post("/in/read-in-parts")
async def read_in_parts(request: Request) -> Any:
    digest, parts = hashlib.sha256(), 0
    async for part in request.stream():
        digest.update(part)
        parts += bool(part)
    return {"sha256": digest.hexdigest(), "some": parts > 0}


@app.post("/in/webhook")
async def webhook(request: Request) -> Any:
    body = await request.body()
    if not hmac.compare_digest(inbound.signature(body), request.headers.get("x-signature", "")):
        raise HTTPException(401, "wrong signature")
    return {"accepted": (await request.json())["event"]}


@app.get("/in/binary")
async def answer_binary() -> Response:
    return Response(inbound.BINARY, media_type="application/octet-stream")


@app.get("/in/large")
async def answer_large() -> Response:
    return Response(inbound.LARGE, media_type="text/plain")


@app.get("/in/empty")
async def answer_empty() -> Response:
    return Response(status_code=204)


@app.get("/in/stream")
async def answer_stream() -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield f"part {number} ü\n".encode()

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/in/events")
async def answer_events() -> Response:
    async def events() -> AsyncIterator[str]:
        for number in range(3):
            yield f"event: tick\ndata: {number}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/in/stream-with-calls")
def answer_stream_with_calls() -> Response:
    return StreamingResponse(inbound.lines_of_upstream(), media_type="text/plain")


@app.get("/in/stream-with-async-calls")
async def answer_stream_with_async_calls() -> Response:
    async def parts() -> AsyncIterator[str]:
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", url("/chunks/3")) as response:
                async for line in response.aiter_lines():
                    yield line
            yield (await client.get(url("/json/inside-the-generator"))).text

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/in/stream-that-fails")
async def answer_stream_that_fails() -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"so far so good\n"
        raise RuntimeError("in the middle of the stream")

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/in/gate/{name}")
def answer_gated(name: str) -> Response:
    return StreamingResponse(inbound.gated_events(name), media_type="text/event-stream")


@app.post("/in/background")
async def background(tasks: BackgroundTasks) -> Any:
    def work() -> None:
        told = httpx.get(url("/json/background")).json()
        afterwards.put("sync", [told, clients["resp3-text"].incr("background")])

    async def async_work() -> None:
        async with httpx.AsyncClient() as client:
            afterwards.put("async", (await client.get(url("/counter/background"))).json())

    tasks.add_task(work)
    tasks.add_task(async_work)
    return {"accepted": True}


@app.get("/in/background/result")
def background_result() -> Any:
    return [afterwards.wait("sync"), afterwards.wait("async")]


@app.get("/in/exception")
async def exception() -> Any:
    raise RuntimeError("nobody catches this")


@app.get("/in/exception-after-call")
def exception_after_call() -> Any:
    raise LookupError(httpx.get(url("/json/before-the-exception")).json()["place"])


@app.get("/in/missing/{key}")
async def missing(key: int) -> Any:
    raise HTTPException(404, f"no {key}", headers={"X-Why": "not there"})


@app.get("/in/redirect")
async def redirect() -> Response:
    return RedirectResponse("/in/json?from=redirect", status_code=307)


@app.get("/in/cookies")
async def cookies(request: Request) -> Response:
    response = JSONResponse(request.cookies)
    response.set_cookie("first", "1", path="/", httponly=True)
    response.set_cookie("second", "zwei drei", max_age=60)
    response.set_cookie("third", "", samesite="strict", secure=True)
    return response


@app.api_route("/in/head", methods=["GET", "HEAD"])
async def head() -> Response:
    return PlainTextResponse("a body that HEAD does not send", headers={"X-Here": "yes"})


@app.get("/in/query")
async def query(request: Request, tag: Annotated[list[str], Query()]) -> Any:
    return {"tags": tag, "all": request.query_params.multi_items(), "raw": request.url.query}


@app.get("/in/headers")
async def headers(request: Request) -> Response:
    names = ("x-custom", "accept-language", "user-agent", "host", "authorization")
    response = JSONResponse({name: request.headers.getlist(name) for name in names})
    response.raw_headers += [
        (b"X-Custom", b"one"),
        (b"X-Custom", b"two"),
        (b"X-Latin", "ü".encode("latin-1")),
    ]
    return response


@app.get("/in/compressed")
async def answer_compressed() -> Response:
    return PlainTextResponse(inbound.TEXT)


@app.get("/in/file")
async def answer_file() -> Response:
    return FileResponse(Path(__file__).with_name("page.html"), filename="page.html")


async def opened() -> AsyncIterator[list[str]]:
    """A dependency with work before and after the endpoint."""
    log = ["opened"]
    yield log
    log.append("closed")
    async with httpx.AsyncClient() as client:
        told = (await client.get(url("/json/teardown"))).json()
    afterwards.put("teardown", [*log, told["place"]])


@app.get("/in/teardown")
async def teardown(log: Annotated[list[str], Depends(opened)]) -> Any:
    return log


@app.get("/in/teardown/result")
def teardown_result() -> Any:
    return afterwards.wait("teardown")


@app.get("/in/counted/{name}")
def counted(name: str) -> Any:
    return httpx.get(url(f"/counter/{name}")).json()


@app.post("/in/secrets")
def secret_values(body: dict[str, str], request: Request) -> Any:
    return inbound.secrets_exchanged(body["password"], request.headers["authorization"])


@app.post("/in/checkout/{driver}")
def pay(driver: str, titles: list[str], request: Request) -> Any:
    return checkout(engines[driver], clients["resp3-text"], request.headers["x-buyer"], titles)


@app.post("/in/order/{number}")
def make_order(number: int) -> Any:
    return order(engines["psycopg2"], clients["resp3-text"], number)


@app.post("/in/async-order/{number}")
async def make_async_order(number: int) -> Any:
    async with new_async_client("resp3-text") as client:
        return await async_order(aio_engines["asyncpg"], client, number)


@app.post("/in/drift/{kind}/{driver}")
def drift(kind: str, driver: str) -> Any:
    return DRIFTS[kind](engines[driver], clients["resp3-text"])


@app.websocket("/in/websocket")
async def websocket(socket: WebSocket) -> None:
    await socket.accept(subprotocol="echo")
    async for message in socket.iter_text():
        async with httpx.AsyncClient() as client:
            told = (await client.get(url(f"/json/{message}"))).json()
        await socket.send_json({"you said": message, "upstream": told["place"]})
        await socket.send_bytes(message.encode())
