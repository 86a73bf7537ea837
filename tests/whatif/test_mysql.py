"""MySQL's drivers, whose calls go wrong: each raises what it raises of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mysql.connector
import pymysql
import pytest

import timetracer_otel
from tests.services.mariadb import PASSWORD, USER, MariaDb

QUERY = "SELECT 41 + 1"


@pytest.fixture
def place(mariadb_server: MariaDb) -> dict[str, Any]:
    door = mariadb_server.door
    return {"host": door.host, "port": door.port, "user": USER, "password": PASSWORD}


@pytest.mark.parametrize("driver", [pymysql, mysql.connector], ids=["pymysql", "mysqlconnector"])
def test_a_statement_fails_in_the_words_of_its_driver(
    place: dict[str, Any], driver: Any, tmp_path: Path
) -> None:
    def ask() -> list[tuple[int, ...]]:
        connection = driver.connect(**place)
        try:
            cursor = connection.cursor()
            cursor.execute(QUERY)
            return list(cursor.fetchall())
        finally:
            connection.close()

    with timetracer_otel.record(tmp_path):
        assert ask() == [(42,)]
    for kind, expected in {
        "timeout": driver.OperationalError,
        "deadlock": driver.OperationalError,
        "disconnected": driver.OperationalError,
        "IntegrityError": driver.IntegrityError,
    }.items():
        fault = f"db SELECT: {kind}"
        with timetracer_otel.replay(tmp_path, faults=[fault]) as session, pytest.raises(expected) as caught:
            ask()
        assert type(caught.value) is expected
        assert (session.faulted, session.misses) == ({fault: 1}, [])
    with timetracer_otel.replay(tmp_path, faults=["db SELECT: empty"]):
        assert ask() == []
