"""Whole applications, replayed in a process of their own, which replaying sets up for good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.replaying.recorded import JSON, Made, cassette, get, redis
from tests.services.environment import without_settings
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.replayers.verdict import Verdict

ASGI = """
import contextlib, httpx, redis.asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

def make():
    cache = redis.asyncio.Redis(host="cache.internal")

    @contextlib.asynccontextmanager
    async def lifespan(app):
        app.state.flags = (await cache.get("flags")).decode()
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/price/{currency}")
    async def price(currency: str):
        async with httpx.AsyncClient() as client:
            rate = float((await client.get(f"http://rates/{currency}")).text)
        return {"price": rate * 10, "flags": app.state.flags}

    @app.get("/stream")
    async def stream():
        async def lines():
            async with httpx.AsyncClient() as client:
                for currency in ("EUR", "USD"):
                    yield (await client.get(f"http://rates/{currency}")).text + "\\n"
        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/failing")
    async def failing():
        raise LookupError("no such order")

    return app
"""
WSGI = """
import httpx
from flask import Flask

app = Flask("shop")

@app.get("/price/<currency>")
def price(currency):
    return {"price": float(httpx.get(f"http://rates/{currency}").text) * 10}

@app.get("/stream")
def stream():
    def lines():
        for currency in ("EUR", "USD"):
            yield httpx.get(f"http://rates/{currency}").text + "\\n"
    return lines(), {"content-type": "text/plain; charset=utf-8"}
"""
REPLAY = """
import sys, msgspec
from pathlib import Path
from timetracer_otel import config
from timetracer_otel.replayers.runner import replay_in_process
app, factory, folder = sys.argv[1:]
verdicts = replay_in_process(app, [Path(folder)], config.load({}), factory=factory == "factory")
sys.stdout.buffer.write(msgspec.json.encode(list(verdicts)))
"""
TEXT = ("content-type", "text/plain; charset=utf-8")


def asked(path: str) -> HttpRequest:
    return HttpRequest("GET", f"http://shop.local{path}", [("host", "shop.local")])


def answered(body: bytes, kind: tuple[str, str] = JSON) -> HttpResponse:
    return HttpResponse(200, [kind], body)


def rate(currency: str, value: bytes, **more: int) -> Made:
    made = get(f"/{currency}", value, **more)
    headers = [("accept", "*/*")]
    made.request = HttpRequest("GET", f"http://rates/{currency}", headers, b"")
    return made


def replay(source: str, app: str, folder: Path, *cassettes: Cassette) -> list[Verdict]:
    """The verdicts, in the order recorded."""
    (folder / "shop_app.py").write_text(source)
    store = folder / "cassettes"
    store.mkdir()
    for number, one in enumerate(cassettes):
        (store / f"{number}.json").write_bytes(one.dump())
    own = without_settings()
    how = "factory" if app == "make" else "application"
    done = subprocess.run(
        [sys.executable, "-c", REPLAY, f"shop_app:{app}", how, str(store)],
        cwd=folder,
        env=own,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=list[Verdict])


def told(verdicts: list[Verdict]) -> list[tuple[str, str, int, list[str]]]:
    return [(one.title, one.outcome, one.calls, one.differences) for one in verdicts]


EUR, USD = rate("EUR", b"1.5"), rate("USD", b"2")
STARTUP = cassette(redis("GET", "flags", reply=b"new"), asked=None, trace=f"{1:032x}", started=1)


def test_an_asgi_application_of_a_factory_with_its_start_up(tmp_path: Path) -> None:
    verdicts = replay(
        ASGI,
        "make",
        tmp_path,
        STARTUP,
        cassette(
            EUR, asked=asked("/price/EUR"), answered=answered(b'{"price": 15.0, "flags": "new"}'), started=2
        ),
        cassette(
            EUR, asked=asked("/price/EUR"), answered=answered(b'{"price": 16.0, "flags": "old"}'), started=3
        ),
        cassette(EUR, USD, asked=asked("/stream"), answered=answered(b"1.5\n2\n", TEXT), started=4),
        cassette(
            USD, asked=asked("/price/EUR"), answered=answered(b'{"price": 20.0, "flags": "new"}'), started=5
        ),
        cassette(
            asked=asked("/failing"), answered=HttpResponse(500, [TEXT], b"Internal Server Error"), started=6
        ),
    )
    assert told(verdicts) == [
        ("GET /price/EUR", "same", 1, []),
        (
            "GET /price/EUR",
            "different",
            1,
            [
                "response body $.price: recorded 16.0, live 15.0",
                "response body $.flags: recorded 'old', live 'new'",
            ],
        ),
        ("GET /stream", "same", 2, []),
        (
            "GET /price/EUR",
            "different",
            1,
            [
                "changed: HTTP URL: recorded 'http://rates/USD', live 'http://rates/EUR'",
            ],
        ),
        ("GET /failing", "different", 0, ["the app raised LookupError: no such order"]),
    ]


def test_a_wsgi_application(tmp_path: Path) -> None:
    verdicts = replay(
        WSGI,
        "app",
        tmp_path,
        cassette(EUR, asked=asked("/price/EUR"), answered=answered(b'{"price": 15.0}'), started=1),
        cassette(EUR, USD, asked=asked("/stream"), answered=answered(b"1.5\n2\n", TEXT), started=2),
        cassette(EUR, USD, asked=asked("/price/EUR"), answered=answered(b'{"price": 15.0}'), started=3),
    )
    assert told(verdicts) == [
        ("GET /price/EUR", "same", 1, []),
        ("GET /stream", "same", 2, []),
        ("GET /price/EUR", "different", 1, ["missing: GET http://rates/USD"]),
    ]
