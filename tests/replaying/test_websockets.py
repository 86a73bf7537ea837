"""What an app asks while a websocket is open, recorded and replayed: a conversation is a cassette."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.services.environment import instrumenting
from timetracer_otel import Cassette
from timetracer_otel.demo.processes import Server

APP = """
import sqlite3
from fastapi import FastAPI, WebSocket

app = FastAPI()

def count(room, word):
    with sqlite3.connect("words.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS said (room, word)")
        database.execute("INSERT INTO said VALUES (?, ?)", (room, word))
        where = "SELECT count(*) FROM said WHERE room = ? AND word = ?"
        return database.execute(where, (room, word)).fetchone()[0]

@app.get("/rooms")
def rooms():
    return ["tea"]

@app.websocket("/rooms/{name}")
async def room(socket: WebSocket, name: str):
    if name == "closed":
        return await socket.close()
    await socket.accept()
    async for word in socket.iter_text():
        await socket.send_text(f"{word} {count(name, word)}")
"""


def say(app: Server, room: str, *words: str) -> list[str]:
    answers = []
    with connect(app.url.replace("http", "ws") + f"/rooms/{room}") as socket:
        for word in words:
            socket.send(word)
            answers.append(str(socket.recv(timeout=60)))
    return answers


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Two conversations in one room, one in another, one that is refused, and a request."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "app.py").write_text(APP)
    environment = instrumenting("fastapi", "sqlite3")
    with Server(["timetracer-otel", "record", "--", "uvicorn", "app:app"], folder, environment) as app:
        assert say(app, "tea", "hot", "hot") == ["hot 1", "hot 2"]
        assert say(app, "tea", "hot") == ["hot 3"]
        assert say(app, "mugs", "hot") == ["hot 1"]
        with pytest.raises(InvalidStatus):
            say(app, "closed")
        assert httpx.get(f"{app.url}/rooms", timeout=60).json() == ["tea"]
    (folder / "words.db").unlink()
    return folder, environment


def test_a_conversation_is_one_cassette(recording: tuple[Path, dict[str, str]]) -> None:
    loaded = [Cassette.load(path) for path in (recording[0] / "cassettes").glob("*/*.json")]
    found = sorted((cassette.started, cassette) for cassette in loaded if cassette.calls() or cassette.status)
    assert [
        (cassette.title, cassette.status, sum("INSERT" in call.span.name for call in cassette.calls()))
        for _, cassette in found
    ] == [
        ("WEBSOCKET /rooms/{name}", 101, 2),
        ("WEBSOCKET /rooms/{name}", 101, 1),
        ("WEBSOCKET /rooms/{name}", 101, 1),
        ("WEBSOCKET /rooms/{name}", 403, 0),
        ("GET /rooms", 200, 0),
    ]


def test_a_server_in_replay_has_the_conversations_again(
    tmp_path: Path, recording: tuple[Path, dict[str, str]]
) -> None:
    """Each with its own answers, those of one room in the order in which they were recorded."""
    shutil.copytree(recording[0], tmp_path, dirs_exist_ok=True)
    command = ["timetracer-otel", "replay", "cassettes", "--", "uvicorn", "app:app"]
    with Server(command, tmp_path, recording[1]) as app:
        assert say(app, "mugs", "hot") == ["hot 1"]
        assert say(app, "tea", "hot", "hot") == ["hot 1", "hot 2"]
        assert say(app, "tea", "hot") == ["hot 3"]
        with pytest.raises(InvalidStatus) as refused:
            say(app, "coffee")
    response = refused.value.response
    assert (response.status_code, (response.body or b"").decode()) == (
        501,
        "timetracer-otel: no cassette recorded WEBSOCKET /rooms/coffee; there are: WEBSOCKET /rooms/tea,"
        " WEBSOCKET /rooms/mugs, WEBSOCKET /rooms/closed, GET /rooms\n",
    )
    assert not (tmp_path / "words.db").exists()


def command(recording: tuple[Path, dict[str, str]], *arguments: str) -> subprocess.CompletedProcess[str]:
    folder, environment = recording
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_replay_of_requests_leaves_them_out_and_says_so(recording: tuple[Path, dict[str, str]]) -> None:
    done = command(recording, "timetracer_otel", "replay", "cassettes", "--app", "app:app")
    assert done.returncode == 0, done.stderr
    assert "1 replayed: 1 same" in done.stdout
    assert (
        "4 left out: what began with a websocket is replayed by a server (replay -- COMMAND)" in done.stdout
    )


def test_where_all_are_websockets_it_is_said_what_replays_them(
    recording: tuple[Path, dict[str, str]],
) -> None:
    asked = ("-k", "method:websocket", "-k", "endpoint:/rooms/{name}")
    done = command(recording, "timetracer_otel", "replay", "cassettes", "--app", "app:app", *asked)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "error: nothing to send but 4 websockets: what began with a websocket is replayed by a server"
        " (replay -- COMMAND)\n",
    )


def test_tests_are_made_of_requests_and_what_is_left_out_is_named(
    tmp_path: Path, recording: tuple[Path, dict[str, str]]
) -> None:
    place = str(tmp_path / "test_rooms.py")
    made = command(
        recording, "timetracer_otel", "generate-tests", "cassettes", "--app", "app:app", "-o", place
    )
    left_out = "4 cassettes without an HTTP request left out (websocket)"
    assert (made.returncode, made.stdout) == (0, f"{place}: 1 test, written; {left_out}\n")
    run = command(
        recording, "pytest", "-p", "no:randomly", "--timetracer", "--timetracer-app", "app:app", "cassettes"
    )
    assert run.returncode == 0, run.stdout
    assert f"timetracer-otel: {left_out}\n" in run.stdout


def test_the_tree_says_that_messages_are_not_in_it(recording: tuple[Path, dict[str, str]]) -> None:
    conversation = min((recording[0] / "cassettes").glob("*/WEBSOCKET__rooms_name__*.json"))
    shown = command(recording, "timetracer_otel", "show", str(conversation)).stdout
    assert "(what was said over the websocket is not recorded)" in shown
    assert "response not recorded" not in shown
