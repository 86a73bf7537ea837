"""Checks in processes that were forked, in threads of an executor, and in coroutines."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import httpx

from tests.integrations.credentials.serving import GUNICORN, UVICORN, record, replay

FLASK = """
import sqlite3
from hmac import compare_digest
from hashlib import sha256

from flask import Flask, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
HASHES = {name: generate_password_hash(f"{name}-S3same", "pbkdf2:sha256:1") for name in ("ann", "bob")}
PIECES = {"upper": b"k3y-of-the-upper"}


@app.get("/me")
def me():
    given = request.authorization
    good = check_password_hash(HASHES[given.username], given.password)
    return ({"name": given.username}, 200) if good else ({"error": "no"}, 401)


@app.get("/key")
def key():
    given = request.headers["X-API-Key"].encode()
    good = compare_digest(given, PIECES["upper"])
    with sqlite3.connect("keys.sqlite3") as connection:
        found = connection.execute("SELECT owner FROM keys WHERE digest = ?", (sha256(given).hexdigest(),))
        return {"good": good, "owner": found.fetchone()}
"""

FASTAPI = """
import asyncio
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])

from django.contrib.auth.hashers import acheck_password, make_password
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher

app = FastAPI()
hashes = PasswordHash((BcryptHasher(4),))
HASH, DJANGO_HASH = hashes.hash("S3same-one"), make_password("S3same-one")
pool = ThreadPoolExecutor(2)


async def by_coroutine(password):
    await asyncio.sleep(0)
    return await acheck_password(password, DJANGO_HASH)


@app.post("/check")
async def check(form: dict[str, list[str]]):
    passwords = form["passwords"]
    loop = asyncio.get_running_loop()
    return {
        "pool": [await run_in_threadpool(hashes.verify, password, HASH) for password in passwords],
        "threads": await asyncio.gather(*(asyncio.to_thread(hashes.verify, one, HASH) for one in passwords)),
        "executor": await asyncio.gather(
            *(loop.run_in_executor(pool, hashes.verify, one, HASH) for one in passwords)
        ),
        "coroutines": await asyncio.gather(*map(by_coroutine, passwords)),
    }


@app.post("/def")
def in_a_thread(form: dict[str, list[str]]):
    return [hashes.verify(password, HASH) for password in form["passwords"]]
"""


def test_workers_that_were_forked_from_a_loaded_app(tmp_path: Path) -> None:
    (tmp_path / "members.py").write_text(FLASK)
    with closing(sqlite3.connect(tmp_path / "keys.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE keys (digest, owner)")
        digest = sha256(b"k3y-of-the-upper").hexdigest()
        connection.execute("INSERT INTO keys VALUES (?, 'shop')", (digest,))
    wrong = "another-k3y"

    def use(client: httpx.Client) -> None:
        for _ in range(2):
            for name in ("ann", "bob"):
                assert client.get("/me", auth=(name, f"{name}-S3same")).status_code == 200
                assert client.get("/me", auth=(name, f"{name}-wr0ng")).status_code == 401
            right = client.get("/key", headers={"X-API-Key": "k3y-of-the-upper"}).json()
            assert right == {"good": True, "owner": ["shop"]}
            assert client.get("/key", headers={"X-API-Key": wrong}).json() == {"good": False, "owner": None}

    written = record(tmp_path, (*GUNICORN, "--preload", "--workers", "2"), use)

    assert [secret for secret in ("S3same", "k3y-of-the-upper", wrong, digest) if secret in written] == []
    (tmp_path / "keys.sqlite3").unlink()
    printed = replay(tmp_path)
    assert "12 replayed: 12 same" in printed, printed


def test_threads_of_executors_and_coroutines(tmp_path: Path) -> None:
    (tmp_path / "members.py").write_text(FASTAPI)
    passwords = ["S3same-two", "S3same-one", "S3same-three", "S3same-one"]
    expected = [False, True, False, True]

    def use(client: httpx.Client) -> None:
        given = {"passwords": passwords}
        kinds = ("pool", "threads", "executor", "coroutines")
        assert client.post("/check", json=given).json() == dict.fromkeys(kinds, expected)
        assert client.post("/def", json=given).json() == expected
        given["passwords"].reverse()
        assert client.post("/check", json=given).json()["threads"] == expected[::-1]

    written = record(tmp_path, UVICORN, use)

    assert [secret for secret in set(passwords) if secret in written] == []
    printed = replay(tmp_path)
    assert "3 replayed: 3 same" in printed, printed
