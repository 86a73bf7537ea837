"""HTTP Basic: the app can read what was masked, and the check of the password is given again."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integrations.credentials.serving import GUNICORN, record, replay
from tests.services.upstream import Upstream

FLASK = """
import asyncio
import os

import aiohttp
import httpx
import requests
from flask import Flask, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
HASHES = {name: generate_password_hash(f"{name}-S3same") for name in ("ann", "bob")}
UPSTREAM = "@UPSTREAM@"


@app.get("/me")
def me():
    given = request.authorization
    if given is None or given.type != "basic":
        return {"error": "who?"}, 401
    if given.username not in HASHES or not check_password_hash(HASHES[given.username], given.password):
        return {"error": f"no, {given.username}"}, 403
    return {"name": given.username}


@app.get("/charge")
def charge():
    key = request.authorization.username
    return {"charged": httpx.get(f"{UPSTREAM}/basic", auth=(key, "")).json(), "no": key == "ann"}


async def by_aiohttp(given):
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{UPSTREAM}/basic", auth=aiohttp.BasicAuth(*given)) as answer:
            return await answer.json()


@app.get("/calls")
def calls():
    given = ("ada", "l0velace")
    address = UPSTREAM.replace("://", "://ada:l0velace@") + "/basic"
    proxied = {"Proxy-Authorization": "Basic cHJveHk6cHIweHktUzNzYW1l"}
    return [
        httpx.get(f"{UPSTREAM}/basic", auth=given).json(),
        httpx.get(f"{UPSTREAM}/basic", auth=("ada", "wr0ng-one")).json(),
        httpx.get(address, headers=proxied).json(),
        requests.get(f"{UPSTREAM}/basic", auth=given).json(),
        requests.get(address).json(),
        asyncio.run(by_aiohttp(given)),
    ]
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Answers ``/basic`` to one user."""
    server = Upstream()
    yield server
    server.stop()


def test_who_signs_in_by_basic_is_signed_in(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "members.py").write_text(FLASK.replace("@UPSTREAM@", upstream.url))

    def use(client: httpx.Client) -> None:
        assert client.get("/me").status_code == 401
        assert client.get("/me", auth=("eve", "eve-S3same")).json() == {"error": "no, eve"}
        for name in ("ann", "bob"):
            assert client.get("/me", auth=(name, f"{name}-wr0ng")).status_code == 403
            assert client.get("/me", auth=(name, f"{name}-S3same")).json() == {"name": name}
        assert client.get("/me", headers={"authorization": "Basic no-base64"}).status_code == 401
        assert client.get("/charge", auth=("sk_live_42S3cret", "")).status_code == 200
        right, wrong = {"user": "ada"}, {"user": None}
        assert client.get("/calls").json() == [right, wrong, *[right] * 4]

    written = record(tmp_path, GUNICORN, use)
    arrived = upstream.arrived.total()

    secrets = ["ann-S3same", "eve-S3same", "bob-wr0ng", "sk_live_42S3cret", "l0velace", "pr0xy-S3same"]
    pairs = ["ann:ann-S3same", "bob:bob-wr0ng", "sk_live_42S3cret:", "ada:l0velace", "proxy:pr0xy-S3same"]
    encoded = [base64.b64encode(pair.encode()).decode() for pair in pairs]
    assert [secret for secret in (*secrets, *encoded) if secret in written] == []
    assert base64.b64encode(b"ann:[REDACTED]").decode() in written
    printed = replay(tmp_path)
    assert "9 replayed: 9 same" in printed, printed
    assert upstream.arrived.total() == arrived, "nobody was asked"


def test_a_trace_of_others_is_masked_in_the_same_way(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "members.py").write_text(FLASK.replace("@UPSTREAM@", upstream.url))

    def use(client: httpx.Client) -> None:
        assert client.get("/charge", auth=("sk_live_42S3cret", "")).status_code == 200
        assert client.get("/charge", auth=("ann", "ann-S3same")).status_code == 200

    clear = ["c2tfbGl2ZV80MlMzY3JldDo=", "YW5uOmFubi1TM3NhbWU="]
    written = record(tmp_path, GUNICORN, use, TIMETRACER_REDACT="false")
    assert [pair for pair in clear if pair in written] == clear
    for file in (tmp_path / "cassettes").rglob("*.json"):
        (tmp_path / file.name).write_text(json.dumps(without_ours(json.loads(file.read_text()))))
        file.unlink()
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "convert", *tmp_path.glob("*.json")],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    written = "".join(file.read_text() for file in (tmp_path / "cassettes").rglob("*.json"))
    assert [secret for secret in (*clear, "sk_live_42S3cret", "ann-S3same") if secret in written] == []
    printed = replay(tmp_path)
    assert "2 replayed: 2 same" in printed, printed


def without_ours(value: Any) -> Any:
    """A trace as another tool would have written it."""
    if isinstance(value, dict):
        return {key: without_ours(item) for key, item in value.items()}
    if isinstance(value, list):
        return [
            without_ours(item)
            for item in value
            if not (
                isinstance(item, dict) and str(item.get("key", item.get("name"))).startswith("timetracer.")
            )
        ]
    return value
