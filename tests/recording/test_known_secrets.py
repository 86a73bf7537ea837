"""What was masked under a name that says so is masked wherever else the same trace says it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.services.upstream import Upstream
from timetracer_otel import Cassette, config, record, replay
from timetracer_otel.messages import SqlStatement

TOKEN = "tok-5e0c9aA1/Zq"
"""Signs in it are written otherwise in URLs."""


def work(upstream: Upstream, token: str = TOKEN) -> list[tuple[str, bytes]]:
    """Says the token in a header, in a statement's parameter, in an URL, in a body and in an error."""
    httpx.get(f"{upstream.url}/echo", headers={"Authorization": f"Bearer {token}"})
    httpx.post(f"{upstream.url}/echo", params={"q": token}, content=f"for {token}".encode())
    with sqlite3.connect(":memory:") as database:
        rows = database.execute("SELECT ?, ?", (f"session:{token}", token.encode())).fetchall()
        with pytest.raises(sqlite3.OperationalError):
            database.execute(f"SELECT 1 FROM {token.partition('/')[0]}")
    return rows


def test_a_token_of_a_header_is_masked_in_keys_urls_and_bodies(tmp_path: Path, upstream: Upstream) -> None:
    with record(tmp_path) as recording:
        work(upstream)

    assert recording.path is not None
    text = recording.path.read_text()
    assert TOKEN not in text
    assert TOKEN.replace("/", "%2F") not in text
    requests = [call.request for call in Cassette.load(recording.path).calls()]
    assert [request.title() for request in requests if request is not None][:3] == [
        f"GET {upstream.url}/echo",
        f"POST {upstream.url}/echo?q=%5BREDACTED%5D",
        "SELECT ?, ?",
    ]
    (select,) = [request for request in requests if getattr(request, "text", "") == "SELECT ?, ?"]
    assert isinstance(select, SqlStatement)
    assert select.parameters == ("session:[REDACTED]", b"[REDACTED]")
    gaps = {gap.detail for gap in Cassette.load(recording.path).gaps if gap.kind == "masked"}
    assert "Sql result a secret known from elsewhere" in gaps


@pytest.mark.parametrize("token", [TOKEN, "[REDACTED]", "another-T0ken/1"])
def test_a_replay_matches_whichever_token_it_has(tmp_path: Path, upstream: Upstream, token: str) -> None:
    with record(tmp_path) as recording:
        work(upstream)

    assert recording.path is not None
    with replay(recording.path) as session:
        rows = work(upstream, token) if token == TOKEN else said(upstream, token)

    assert rows == [("session:[REDACTED]", b"[REDACTED]")]
    assert not session.misses


ASKING = """
import sys
import httpx
import timetracer_otel
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

directory, url, *tokens = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(timetracer_otel.CassetteSpanProcessor(directory, tracer_provider=provider))
trace.set_tracer_provider(provider)
timetracer_otel.install()

def ask(token):
    httpx.get(url + "/echo", headers={"Authorization": "Bearer " + token})
    with trace.get_tracer("app").start_as_current_span("price for " + token):
        httpx.get(url + "/json/tea")

with timetracer_otel.record(directory) as recording:
    ask(tokens[0])
print(recording.path)
for token in tokens:
    with timetracer_otel.replay(recording.path) as session:
        ask(token)
    print(*[call.grade for call in session.calls])
"""


def test_a_token_in_the_name_of_a_span_is_masked_and_moves_no_call(
    tmp_path: Path, upstream: Upstream
) -> None:
    command = [sys.executable, "-c", ASKING, str(tmp_path), upstream.url, TOKEN, "another-T0ken/1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    path, *grades = done.stdout.splitlines()

    assert (grades, done.stderr) == (["exact exact", "exact exact"], "")
    assert TOKEN not in Path(path).read_text()
    assert [call.path for call in Cassette.load(path).calls()] == [("",), ("", "price for [REDACTED]")]


def said(upstream: Upstream, token: str) -> list[tuple[str, bytes]]:
    """As :func:`work`, without the error, whose text nobody can mask beforehand."""
    httpx.get(f"{upstream.url}/echo", headers={"Authorization": f"Bearer {token}"})
    with sqlite3.connect(":memory:") as database:
        return database.execute("SELECT ?, ?", (f"session:{token}", token.encode())).fetchall()


@pytest.mark.parametrize(
    "value", ["short1A", "password", "Production", "1234567890", "2026-11-27T06:00:00Z", "A\nB 1 a long text"]
)
def test_words_numbers_and_dates_are_not_looked_for(tmp_path: Path, upstream: Upstream, value: str) -> None:
    with record(tmp_path) as recording:
        httpx.post(f"{upstream.url}/echo", json={"password": value, "said": value})

    assert recording.path is not None
    (call,) = Cassette.load(recording.path).calls()
    body = getattr(call.request, "body", b"")
    assert body.startswith(b'{"password":"[REDACTED]","said":"')
    assert b"REDACTED" not in body.partition(b"said")[2]


def test_a_setting_in_a_cookie_is_not_looked_for(tmp_path: Path, upstream: Upstream) -> None:
    with record(tmp_path) as recording:
        httpx.post(
            f"{upstream.url}/echo",
            headers={"Cookie": "layout=Wide2columns; sid=0a1b2c3d4e5f60718293"},
            json={"layout": "Wide2columns", "s": "0a1b2c3d4e5f60718293"},
        )

    assert recording.path is not None
    (call,) = Cassette.load(recording.path).calls()
    assert getattr(call.request, "body", b"") == b'{"layout":"Wide2columns","s":"[REDACTED]"}'


def test_the_password_of_basic_authorization_is_masked(tmp_path: Path, upstream: Upstream) -> None:
    with record(tmp_path) as recording:
        httpx.post(
            f"{upstream.url}/echo", auth=("ann", "Sesam-0effne=dich"), content=b"with Sesam-0effne=dich"
        )

    assert recording.path is not None
    (call,) = Cassette.load(recording.path).calls()
    assert getattr(call.request, "body", b"") == b"with [REDACTED]"


def test_a_secret_that_is_no_text_does_not_keep_the_others_from_being_masked(
    tmp_path: Path, upstream: Upstream
) -> None:
    with record(tmp_path) as recording:
        httpx.post(
            f"{upstream.url}/echo",
            headers={"Content-Type": "application/json"},
            content=b'{"password": "half-a-Pair-7\\ud800"}',
        )
        work(upstream)

    assert recording.path is not None
    assert TOKEN not in recording.path.read_text()
    assert "recording failed" not in {gap.kind for gap in Cassette.load(recording.path).gaps}


def test_gaps_name_a_call_without_its_secrets(tmp_path: Path, upstream: Upstream) -> None:
    settings = config.load(environ={}, dir=tmp_path, max_body_kb=1)
    with record(settings=settings) as recording:
        httpx.post(f"{upstream.url}/echo", params={"token": "short"}, content=b" " * 2000)
        httpx.get(f"{upstream.url}/echo", headers={"Authorization": f"Bearer {TOKEN}"})
        httpx.post(f"{upstream.url}/echo", params={"q": TOKEN}, content=b" " * 2000)

    assert recording.path is not None
    gaps = [gap.detail for gap in Cassette.load(recording.path).gaps if gap.kind == "body over limit"]
    assert [gap for gap in gaps if gap.startswith("request")] == [
        f"request body of POST {upstream.url}/echo?token=%5BREDACTED%5D: over 1024 bytes",
        f"request body of POST {upstream.url}/echo?q=%5BREDACTED%5D: over 1024 bytes",
    ]


@pytest.mark.parametrize("mode", ["never", "on_error"])
def test_a_secret_of_a_body_that_is_not_kept_is_masked_elsewhere(
    tmp_path: Path, upstream: Upstream, mode: str
) -> None:
    settings = config.load(environ={}, dir=tmp_path, capture_bodies=mode)
    with record(settings=settings) as recording:
        httpx.post(f"{upstream.url}/echo", json={"password": TOKEN})
        with sqlite3.connect(":memory:") as database:
            database.execute("SELECT ?", (f"session:{TOKEN}",)).fetchall()

    assert recording.path is not None
    assert TOKEN not in recording.path.read_text()


def test_what_an_exception_says_is_masked(tmp_path: Path) -> None:
    said = "cannot reach postgres://u:hunter2@h/db?token=hunter3 (host=h password=hunter4)"
    with pytest.raises(RuntimeError), record(tmp_path) as recording:
        raise RuntimeError(said)

    assert recording.path is not None
    text = recording.path.read_text()
    assert "cannot reach postgres://u:" in text
    assert [secret for secret in ("hunter2", "hunter3", "hunter4") if secret in text] == []
