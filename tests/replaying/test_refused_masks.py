"""An app that refuses what was masked in its recording: the verdict says what that was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

APP = """
from flask import Flask, request

app = Flask(__name__)


@app.post("/login")
def login():
    return {"welcome": True} if request.json["password"] == "sesame" else ({"detail": "no"}, 401)


@app.get("/me")
def me():
    known = request.headers.get("authorization") == "Bearer open-sesame-123"
    return {"name": "ali"} if known else ({"detail": "who?"}, 401)
"""


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timetracer_otel", *command],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_password_that_is_checked_is_named_where_its_mask_was_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "drive.py").write_text(
        "from app import app\n"
        'assert app.test_client().post("/login", json={"password": "sesame"}).status_code == 200\n'
    )
    recorded = run(tmp_path, "record", "--", "python", "drive.py")
    assert recorded.returncode == 0, recorded.stderr

    done = run(tmp_path, "replay", "cassettes", "--app", "app:app")

    assert done.returncode == 1
    *_, note, _ = done.stdout.splitlines()
    assert note == (
        "    note: masked in the recording: inbound request body password;"
        " an app that checks it refuses the mask"
        " (--header gives another header, in pytest timetracer_headers; record --no-redact masks nothing)"
    )


def recorded_with_and_without(directory: Path) -> None:
    """Two requests that differ by their token: one is answered, the other refused."""
    (directory / "app.py").write_text(APP)
    (directory / "drive.py").write_text(
        "from app import app\n"
        "client = app.test_client()\n"
        'token = {"authorization": "Bearer open-sesame-123"}\n'
        'assert client.get("/me", headers=token).status_code == 200\n'
        'assert client.get("/me").status_code == 401\n'
    )
    recorded = run(directory, "record", "--", "python", "drive.py")
    assert recorded.returncode == 0, recorded.stderr


def test_a_credential_is_given_to_those_that_came_with_one(tmp_path: Path) -> None:
    recorded_with_and_without(tmp_path)

    done = run(tmp_path, "replay", "--app", "app:app", "--header", "Authorization: Bearer open-sesame-123")

    assert done.returncode == 0, done.stdout
    assert "2 replayed: 2 same" in done.stdout


def test_a_generated_test_says_that_the_mask_was_refused(tmp_path: Path) -> None:
    recorded_with_and_without(tmp_path)
    generated = run(tmp_path, "generate-tests", "cassettes", "--app", "app:app", "-o", "test_recorded.py")
    assert generated.returncode == 0, generated.stderr

    def tested(*options: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, "test_recorded.py"],
            cwd=tmp_path, env=os.environ | {"TOKEN": "open-sesame-123"},
            capture_output=True, text=True, timeout=120, check=False,
        ).stdout  # fmt: skip

    refused = tested()
    assert "1 failed, 1 passed" in refused
    assert (
        "Failed: the app answered 401, recorded was 200: it refused the header authorization, a credential"
        " that was masked when it was recorded. Give one that it accepts: in the test, or for all in pytest's"
        " configuration: timetracer_headers = authorization: Bearer $TOKEN, with TOKEN in the environment"
    ) in refused
    assert "2 passed" in tested("-o", "timetracer_headers=authorization: Bearer $TOKEN")


KEYS = """
import hmac
import sqlite3

from flask import Flask, request

app = Flask(__name__)
OWNERS = {"k3y-of-the-sh0p": "shop"}


@app.get("/prefix")
def prefix():
    return owner("prefix", request.headers["x-api-key"][:6])


@app.get("/pepper")
def pepper():
    return owner("digest", hmac.new(b"pepper", request.headers["x-api-key"].encode(), "sha256").hexdigest())


@app.get("/dict")
def dictionary():
    return {"owner": OWNERS[request.headers["x-api-key"]]}


@app.get("/other")
def other():
    return owner("prefix", request.args["of"])


def owner(column, value):
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE keys (prefix, digest)")
        return str(connection.execute(f"SELECT * FROM keys WHERE {column} = ?", (value,)).fetchall())
"""


def test_a_miss_says_that_what_was_made_of_a_mask_is_another(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(KEYS)
    (tmp_path / "drive.py").write_text(
        "from app import app\n"
        "client = app.test_client()\n"
        'for path in ("/prefix", "/pepper", "/dict", "/other?of=shop"):\n'
        '    assert client.get(path, headers={"x-api-key": "k3y-of-the-sh0p"}).status_code == 200\n'
    )
    recorded = run(tmp_path, "record", "--", "python", "drive.py")
    assert recorded.returncode == 0, recorded.stderr
    (tmp_path / "app.py").write_text(KEYS.replace('request.args["of"]', '"changed"'))

    done = run(tmp_path, "replay", "cassettes", "--app", "app:app")

    notes = [line.strip() for line in done.stdout.splitlines() if "note: " in line]
    masked = "note: masked in the recording: inbound request header x-api-key; "
    ways = " (--header gives another header, in pytest timetracer_headers; record --no-redact masks nothing)"
    made = f"{masked}what the app makes of a mask is another{ways}"
    assert notes == [made, made, f"{masked}an app that checks it refuses the mask{ways}"], done.stdout
