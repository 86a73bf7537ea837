"""What is said to a connection around the app's calls, by Django above all: elsewhere in each process."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest

from tests.integrations.mysql.runs import ConnectorRuns, PyMySqlRuns, Runs
from tests.integrations.ports import Recorded
from tests.services.mariadb import MariaDb
from timetracer_otel.errors import MissError

pytestmark = pytest.mark.needs("mariadbd")
QUESTION = """
                SELECT VERSION(),
                       @@sql_mode,
                       @@default_storage_engine,
                       @@sql_auto_is_null,
                       @@lower_case_table_names,
                       CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL
            """


@pytest.fixture(params=[PyMySqlRuns, ConnectorRuns])
def runs(request: pytest.FixtureRequest, mariadb_server: MariaDb) -> Runs:
    made: Runs = request.param(mariadb_server)
    return made


def ask(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def autocommit(connection: Any, on: bool) -> None:
    if isinstance(connection, pymysql.Connection):
        connection.autocommit(on)
    else:
        connection.autocommit = on


def titles(calls: list[Recorded]) -> list[str]:
    return [call.asked.title() for call in calls]


def test_what_django_asks_about_the_server_is_known_to_every_later_call(runs: Runs) -> None:
    def first(connection: Any) -> Any:
        return [ask(connection, QUESTION), ask(connection, "SELECT 1")]

    seen, calls = runs.recorded(first)
    _, later = runs.recorded(lambda connection: ask(connection, "SELECT 1"))

    assert titles(calls) == titles(later) == ["SELECT 1"]
    assert "MariaDB" in seen[0][0]
    assert runs.replayed(calls, first) == seen
    assert runs.replayed(later, first) == seen
    assert runs.replayed(calls, lambda connection: ask(connection, "SELECT 1")) == (1,)


def test_a_question_that_was_never_asked_has_no_answer(runs: Runs) -> None:
    other = QUESTION.replace("@@sql_mode", "@@version_comment")
    _, calls = runs.recorded(lambda connection: ask(connection, "SELECT 1"))

    with pytest.raises(MissError):
        runs.replayed(calls, lambda connection: ask(connection, other))


def test_what_django_sets_on_a_connection_is_nobodys_call(runs: Runs) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        return ask(connection, "SELECT 1")

    seen, calls = runs.recorded(scenario)

    assert (seen, titles(calls)) == ((1,), ["SELECT 1"])
    assert runs.replayed(calls, scenario) == (1,)
    assert runs.replayed(calls, lambda connection: ask(connection, "SELECT 1")) == (1,)


def test_a_commit_of_what_was_committed_by_itself_is_nobodys_call(runs: Runs) -> None:
    def writes(connection: Any) -> None:
        autocommit(connection, on=True)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('by itself')")

    def reads(connection: Any) -> Any:
        autocommit(connection, on=False)
        found = ask(connection, "SELECT COUNT(*) FROM people")
        connection.commit()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE people SET age = 1")
        connection.commit()
        return found

    def scenario(connection: Any) -> Any:
        writes(connection)
        return reads(connection)

    seen, calls = runs.recorded(scenario)

    assert seen == (4,)
    assert titles(calls) == [
        "INSERT INTO people (name) VALUES ('by itself')",
        "SELECT COUNT(*) FROM people",
        "UPDATE people SET age = 1",
        "COMMIT",
    ]
    assert runs.replayed(calls, scenario) == (4,)
    assert runs.replayed(calls[1:], reads) == (4,)
