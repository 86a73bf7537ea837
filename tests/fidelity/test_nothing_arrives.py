"""In replay nothing is touched: the services run, and nothing arrives."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.fidelity.conftest import Stage
from tests.fidelity.servers import ServerFailed
from tests.fidelity.wire import Request, send
from tests.services.together import Services
from tests.slow import FIRST_FASTAPI

PATHS = {
    "fastapi": (
        *("/sql/psycopg2/orm", "/sql/psycopg/orm", "/sql/sqlite/orm"),
        *("/sql-async/psycopg-async/orm", "/sql-async/asyncpg/orm", "/sql-async/aiosqlite/orm"),
        *("/sql/psycopg2/first-connection", "/sql-async/asyncpg/first-connection", "/sql/psycopg/pre-ping"),
        *("/httpx/post-json", "/httpx/connect-error", "/httpx-async/posts", "/httpx-async/gather"),
        *("/redis/resp3-text/strings", "/redis/resp2-bytes/watch", "/redis-async/resp3-text/pipeline"),
    ),
    "flask": (
        *("/sql/psycopg2/orm", "/sql/psycopg/orm", "/sql/sqlite/orm"),
        *("/sql/psycopg2/first-connection", "/sql/psycopg/pre-ping"),
        *(
            "/httpx/post-json",
            "/httpx/connect-error",
            "/redis/resp3-text/strings",
            "/redis/resp2-bytes/watch",
        ),
    ),
}


def arrived(services: Services) -> dict[str, int]:
    """Connections that reached each service so far."""
    return {
        "postgres": services.postgres.door.arrived,
        "valkey": services.valkey.door.arrived,
        "upstream": services.upstream.connections,
    }


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_writes_do_not_reach_running_services(framework: str, stage: Stage) -> None:
    requests = [Request("GET", path) for path in PATHS[framework]]
    with stage.recording(framework) as server:
        recorded = [send(server.port, request) for request in requests]
    assert min(arrived(stage.services).values()) > 0
    stage.services.fresh()
    before = arrived(stage.services)

    with stage.replaying(framework) as server:
        replayed = [send(server.port, request) for request in requests]

    assert replayed == recorded
    assert {answer.status for answer in replayed} == {200}
    assert arrived(stage.services) == before
    assert stage.services.upstream.arrived == {}
    assert stage.services.sqlite_files == []
    with psycopg.connect(stage.services.postgres.url("fidelity_psycopg2")) as connection:
        assert connection.execute("SELECT to_regclass('authors')").fetchone() == (None,)


def test_a_request_that_was_not_recorded_reaches_nothing(stage: Stage) -> None:
    with stage.recording("fastapi") as server:
        send(server.port, Request("GET", "/httpx/get-json"))
    stage.services.fresh()
    before = arrived(stage.services)

    with stage.replaying("fastapi") as server:
        answer = send(server.port, Request("GET", "/httpx/post-json"))

    assert answer.status == 501
    assert b"no cassette recorded GET /httpx/post-json" in answer.body
    assert arrived(stage.services) == before


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_without_cassettes_the_application_does_not_start(
    framework: str, stage: Stage, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    before = arrived(stage.services)

    with (
        stage.replaying(framework, TIMETRACER_CASSETTE=str(empty)) as server,
        pytest.raises(ServerFailed, match=f"{empty}: there are no cassettes in it"),
    ):
        send(server.port, Request("GET", "/httpx/get-json"))

    assert arrived(stage.services) == before
