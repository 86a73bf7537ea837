"""Secrets that an app compares itself: with ``compare_digest``, as FastAPI's documentation does."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from pathlib import Path
from secrets import compare_digest

import httpx

import timetracer_otel
from tests.integrations.credentials.serving import UVICORN, record, replay
from timetracer_otel.redaction import MASK

FASTAPI = """
import asyncio
import hashlib
import hmac
import os
import secrets
from secrets import compare_digest
from typing import Annotated

from django.utils.crypto import constant_time_compare
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPBasic, HTTPBasicCredentials

app = FastAPI()
security = HTTPBasic()
USERS = {"stanley": "swordfish", "admin": "root"}
API_KEY = "k3y-of-the-sh0p"


def hashed(key):
    return hashlib.sha256(key.encode()).digest()


def current(credentials: Annotated[HTTPBasicCredentials, Depends(security)]):
    right = USERS.get(credentials.username, "")
    known = b"admin" if right == "root" else b"stanley"
    is_user = secrets.compare_digest(credentials.username.encode("utf8"), known)
    is_password = secrets.compare_digest(credentials.password.encode("utf8"), right.encode())
    if not (is_user and is_password):
        raise HTTPException(401, f"user {is_user}, password {is_password}")
    return credentials.username


@app.get("/me")
def me(name: Annotated[str, Depends(current)]):
    return {"name": name}


@app.get("/key")
async def key(given: Annotated[str, Depends(APIKeyHeader(name="X-API-Key"))], how: str):
    def checked():
        if how == "django":
            return constant_time_compare(given, API_KEY)
        if how == "hash":
            return compare_digest(hashed(given), hashed(API_KEY))
        return compare_digest(given, API_KEY)

    def in_a_thread():
        return checked()

    if how == "thread":
        good = await run_in_threadpool(in_a_thread)
    elif how == "gather":
        good = all(await asyncio.gather(*(asyncio.to_thread(checked) for _ in range(3))))
    else:
        good = checked()
    if not good:
        raise HTTPException(403)
    return {"how": how}


@app.post("/hook")
async def hook(request: Request, x_hub_signature_256: Annotated[str, Header()]):
    signed = hmac.new(b"wh-S3cret", await request.body(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={signed}", x_hub_signature_256):
        raise HTTPException(403, "forged")
    return {"signed": True}
"""


def test_what_an_app_compares_itself_comes_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "members.py").write_text(FASTAPI)

    def use(client: httpx.Client) -> None:
        assert client.get("/me", auth=("stanley", "swordfish")).json() == {"name": "stanley"}
        assert client.get("/me", auth=("stanley", "swordf1sh-wrong")).status_code == 401
        # a name that is the wrong password: the name's comparison is not the password's
        assert client.get("/me", auth=("admin", "admin")).json()["detail"] == "user True, password False"
        for how in ("here", "django", "thread", "gather", "hash"):
            assert client.get(
                "/key", params={"how": how}, headers={"X-API-Key": "k3y-of-the-sh0p"}
            ).is_success
            assert client.get("/key", params={"how": how}, headers={"X-API-Key": "wr0ng"}).status_code == 403
        for body in (b'{"paid": 1}', b'{"paid": 2}', b'{"token": "t0ken-of-slack"}'):
            of = body.replace(b"2", b"1")
            signed = hmac.new(b"wh-S3cret", of, hashlib.sha256).hexdigest()
            answer = client.post("/hook", content=body, headers={"X-Hub-Signature-256": f"sha256={signed}"})
            assert answer.is_success == (of == body)

    written = record(tmp_path, UVICORN, use)

    assert [secret for secret in ("swordf1sh", "k3y-of-the-sh0p", "wh-S3cret") if secret in written] == []
    printed = replay(tmp_path)
    assert "16 replayed: 16 same" in printed, printed
    hooks = [file.read_text() for file in (tmp_path / "cassettes").rglob("*hook*.json")]
    assert sorted("compare_digest" in text for text in hooks) == [False, False, True]


def test_a_signature_over_a_body_is_really_checked(tmp_path: Path) -> None:
    (tmp_path / "members.py").write_text(FASTAPI)
    body = b'{"paid": 1}'

    def use(client: httpx.Client) -> None:
        signed = hmac.new(b"wh-S3cret", body, hashlib.sha256).hexdigest()
        assert client.post(
            "/hook", content=body, headers={"X-Hub-Signature-256": f"sha256={signed}"}
        ).is_success

    record(tmp_path, UVICORN, use)
    (tmp_path / "members.py").write_text(FASTAPI.replace("wh-S3cret", "an-0ther"))
    assert "1 replayed: 1 different" in replay(tmp_path)


def test_it_is_seen_by_names_that_were_taken_before(tmp_path: Path) -> None:
    def asked(given: str) -> tuple[bool, bool]:
        connection = sqlite3.connect(":memory:")
        try:
            (password,) = connection.execute("SELECT ? AS password", (given,)).fetchone()
        finally:
            connection.close()
        return compare_digest(password, "S3same-one"), compare_digest(b"one", b"two")

    with timetracer_otel.record(tmp_path):
        assert (asked("S3same-one"), asked("S3same-two")) == ((True, False), (False, False))
    with timetracer_otel.replay(str(tmp_path)):
        assert (asked(MASK), asked(MASK)) == ((True, False), (False, False))
    assert not compare_digest(MASK, "S3same-one"), "nothing is given outside"
    (file,) = tmp_path.rglob("*.json")
    assert file.read_text().count("credential.compare_digest") == 2
    assert "S3same" not in file.read_text()
