"""One line in the app's own code records it, and replays it with the upstream gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fidelity.servers import PLAIN, Server
from tests.fidelity.wire import Request, send
from tests.integrations.frameworks import services_in_code as code
from tests.services.upstream import Upstream
from tests.slow import later
from timetracer_otel.store import FolderStore

UVICORN = ("uvicorn", "service:app", "--host", "127.0.0.1", "--port", "0")
GUNICORN = ("gunicorn", "service:app", "--bind", "127.0.0.1:0", "--no-control-socket")
OURS = "timetracer_otel"
Files = dict[str, str]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


def serve(directory: Path, files: Files, command: tuple[str, ...], environment: dict[str, str]) -> Server:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return Server(command, PLAIN, environment, directory)


@pytest.mark.parametrize(
    ("command", "files", "title", "framework", "scope"),
    [
        pytest.param(
            UVICORN, {"service.py": code.FASTAPI}, "/ask/{number}", "fastapi", "fastapi", id="fastapi"
        ),
        pytest.param(
            UVICORN,
            {"service.py": code.STARLETTE},
            "/ask/{number}",
            "starlette",
            "opentelemetry.instrumentation.starlette",
            id="starlette",
        ),
        pytest.param(
            UVICORN, {"service.py": code.LITESTAR}, "/ask/{number}", "litestar", OURS, id="litestar"
        ),
        pytest.param(
            GUNICORN,
            {"service.py": code.FLASK},
            "/ask/<int:number>",
            "flask",
            "opentelemetry.instrumentation.flask",
            id="flask",
        ),
        pytest.param(
            GUNICORN,
            {"service.py": code.DJANGO},
            "/ask/<int:number>",
            "django",
            "opentelemetry.instrumentation.django",
            id="django",
        ),
        later(
            UVICORN,
            {
                "service.py": code.DJANGO_ASGI,
                "site_settings.py": code.DJANGO_SETTINGS,
                "views.py": code.DJANGO_VIEWS,
            },
            "/ask/<int:number>",
            "django",
            "opentelemetry.instrumentation.django",
            id="django in settings.py",
        ),
        later(UVICORN, {"service.py": code.PLAIN_ASGI}, "/ask/7", "asgi", OURS, id="asgi"),
        later(GUNICORN, {"service.py": code.PLAIN_WSGI}, "/ask/7", "wsgi", OURS, id="wsgi"),
        later(
            UVICORN,
            {"service.py": code.INSTRUMENTED_ASGI},
            "/ask/7",
            "asgi",
            "opentelemetry.instrumentation.asgi",
            id="asgi, instrumented",
        ),
    ],
)
def test_a_service_is_recorded_and_replayed(
    command: tuple[str, ...],
    files: Files,
    title: str,
    framework: str,
    scope: str,
    tmp_path: Path,
    upstream: Upstream,
) -> None:
    cassettes = tmp_path / "cassettes"
    environment = {"UPSTREAM_URL": upstream.url, "TIMETRACER_DIR": str(cassettes)}

    recording = serve(tmp_path / "app", files, command, {**environment, "TIMETRACER_MODE": "record"})
    recorded = send(recording.port, Request("GET", "/ask/7"))
    recording.stop()
    upstream.stop()
    replaying = serve(tmp_path / "app", files, command, {**environment, "TIMETRACER_MODE": "replay"})
    replayed = send(replaying.port, Request("GET", "/ask/7"))
    unknown = send(replaying.port, Request("GET", "/ask/8"))
    replaying.stop()

    (cassette,) = [one for _, one in FolderStore(cassettes).iter() if one.inbound_request is not None]
    assert (cassette.title, cassette.entry.attributes["timetracer.entry.framework"]) == (
        f"GET {title}",
        framework,
    )
    assert cassette.entry.scope.name == scope
    assert [call.integration for call in cassette.calls()] == ["httpx"]
    assert list(cassette.gaps) == []
    assert (recorded.status, json.loads(recorded.body)) == (200, "7")
    assert (replayed, unknown.status) == (recorded, 501)


@pytest.mark.parametrize(
    ("command", "text", "route"),
    [
        pytest.param(
            GUNICORN,
            code.FLASK_FACTORY.replace("INSTRUMENT", "timetracer_otel.auto_setup(app)"),
            "/parts/ask/<int:number>",
            id="flask, a factory",
        ),
        later(
            GUNICORN,
            code.FLASK_FACTORY.replace(
                "INSTRUMENT",
                "from opentelemetry.instrumentation.flask import FlaskInstrumentor\n"
                "    timetracer_otel.auto_setup()\n"
                "    FlaskInstrumentor().instrument_app(app)",
            ),
            "/parts/ask/<int:number>",
            id="flask, instrumented by itself and last",
        ),
        later(UVICORN, code.STARLETTE_MOUNTED, "/parts/ask/{number}", id="starlette, mounted"),
    ],
)
def test_what_an_app_asks_before_its_view_is_part_of_the_request(
    command: tuple[str, ...], text: str, route: str, tmp_path: Path, upstream: Upstream
) -> None:
    cassettes = tmp_path / "cassettes"
    environment = {"UPSTREAM_URL": upstream.url, "TIMETRACER_DIR": str(cassettes)}

    recording = serve(tmp_path, {"service.py": text}, command, {**environment, "TIMETRACER_MODE": "record"})
    recorded = send(recording.port, Request("GET", "/parts/ask/7"))
    recording.stop()
    upstream.stop()
    replaying = serve(tmp_path, {"service.py": text}, command, {**environment, "TIMETRACER_MODE": "replay"})
    replayed = send(replaying.port, Request("GET", "/parts/ask/7"))
    replaying.stop()

    (cassette,) = [one for _, one in FolderStore(cassettes).iter()]
    assert (cassette.title, len(cassette.calls()), list(cassette.gaps)) == (f"GET {route}", 2, [])
    assert (recorded.status, json.loads(recorded.body)) == (200, ["1", "7"])
    assert replayed == recorded


def test_off_it_does_nothing(tmp_path: Path, upstream: Upstream) -> None:
    environment = {"UPSTREAM_URL": upstream.url, "TIMETRACER_DIR": str(tmp_path / "cassettes")}

    server = serve(tmp_path / "app", {"service.py": code.FLASK}, GUNICORN, environment)
    status = send(server.port, Request("GET", "/ask/7")).status
    server.stop()

    assert (status, (tmp_path / "cassettes").exists()) == (200, False)


def test_a_recording_that_cannot_start_leaves_the_app_unrecorded(tmp_path: Path, upstream: Upstream) -> None:
    environment = {
        "UPSTREAM_URL": upstream.url,
        "TIMETRACER_DIR": str(tmp_path / "cassettes"),
        "TIMETRACER_MODE": "record",
        "TIMETRACER_SAMPLE_RATE": "often",
    }

    server = serve(tmp_path / "app", {"service.py": code.FLASK}, GUNICORN, environment)
    status = send(server.port, Request("GET", "/ask/7")).status
    server.stop()

    said = [line for line in server.log.splitlines() if line.startswith("timetracer-otel:")]
    assert (status, (tmp_path / "cassettes").exists()) == (200, False)
    assert len(said) == 1
    assert "TIMETRACER_SAMPLE_RATE" in said[0]


def test_a_replay_that_cannot_start_ends_the_process(tmp_path: Path) -> None:
    environment = {"TIMETRACER_CASSETTE": str(tmp_path / "nothing"), "TIMETRACER_MODE": "replay"}

    server = serve(tmp_path / "app", {"service.py": code.FASTAPI}, UVICORN, environment)
    server.wait_for_end()
    status = server.stop()

    assert status == 2
    assert [line for line in server.log.splitlines() if line.startswith("timetracer-otel:")] != []


def test_a_django_project_is_replayed_by_the_name_of_its_settings(tmp_path: Path, upstream: Upstream) -> None:
    files = {
        "service.py": code.DJANGO_ASGI,
        "site_settings.py": code.DJANGO_SETTINGS,
        "views.py": code.DJANGO_VIEWS,
    }
    environment = {
        "UPSTREAM_URL": upstream.url,
        "TIMETRACER_DIR": str(tmp_path / "cassettes"),
        "TIMETRACER_MODE": "record",
    }
    recording = serve(tmp_path / "app", files, UVICORN, environment)
    send(recording.port, Request("GET", "/ask/7"))
    recording.stop()
    upstream.stop()

    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel", "replay", "../cassettes", "--app", "site_settings"],
        cwd=tmp_path / "app",
        env={**os.environ, "UPSTREAM_URL": upstream.url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("same       GET /ask/<int:number>  200  1 call")


NOTED = """
from pathlib import Path

from litestar import post


@post("/ask/{number:int}", sync_to_thread=True, media_type="application/json")
def noted(number: int) -> str:
    with Path("served").open("a") as file:
        file.write("once more\\n")
    answers = [ask(one) for one in ORDER]
    return f'"{min(answers)}"'


app = Litestar([answer, noted], openapi_config=None)
timetracer_otel.auto_setup(app)
"""


def test_an_app_whose_requests_have_no_span_is_replayed_once_and_calls_have_their_place(
    tmp_path: Path, upstream: Upstream
) -> None:
    service = tmp_path / "service.py"
    files = {service.name: code.LITESTAR + NOTED.replace("ORDER", "(number, 8)")}
    environment = {
        "UPSTREAM_URL": upstream.url,
        "TIMETRACER_DIR": str(tmp_path / "cassettes"),
        "TIMETRACER_MODE": "record",
    }
    recording = serve(tmp_path, files, UVICORN, environment)
    send(recording.port, Request("POST", "/ask/7"))
    recording.stop()
    upstream.stop()
    served = tmp_path / "served"
    assert served.read_text() == "once more\n"

    verdicts = []
    for order in ("(number, 8)", "(8, number)"):
        service.write_text(code.LITESTAR + NOTED.replace("ORDER", order))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "timetracer_otel",
                "replay",
                "cassettes",
                "--app",
                "service:app",
                "--json",
            ],
            cwd=tmp_path,
            env={**os.environ, "UPSTREAM_URL": upstream.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        verdicts.append(json.loads(done.stdout.splitlines()[0]))

    assert [(one["calls"], len(one["notes"])) for one in verdicts] == [(2, 0), (2, 1)]
    assert served.read_text() == "once more\n" * 3
