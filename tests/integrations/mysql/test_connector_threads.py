"""Connections of mysql.connector in threads and pools; in C as well, by ``test_c_extension.py``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import mysql.connector
import pytest
from mysql.connector import pooling

from tests.integrations.mysql.runs import DATABASE, IN_C, NOWHERE, ConnectorRuns
from tests.integrations.ports import RecordingPort, ReplayPort, using

pytestmark = pytest.mark.needs("mariadbd")
THREADS = 6


def side_by_side(act: Any) -> list[Any]:
    """What it gives in each of several threads, all of the recording or replay of this one."""
    with ThreadPoolExecutor(THREADS) as threads:
        begun = [threads.submit(copy_context().run, act, number) for number in range(THREADS)]
        return [one.result() for one in begun]


def work(connection: Any, number: int) -> Any:
    """A transaction, rows read one by one, an error, a prepared statement."""
    name = f"thread {number}"
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO people (name, age) VALUES (%s, %s)", (name, number))
        connection.commit()
        cursor.execute("SELECT seq, %s FROM seq_1_to_20", (number,))
        seen: list[Any] = [list(cursor)]
        with pytest.raises(mysql.connector.IntegrityError) as raised:
            cursor.execute("INSERT INTO people (name) VALUES (%s)", (name,))
        seen.append(raised.value.args)
    with connection.cursor(prepared=True) as prepared:
        prepared.execute("SELECT name, age FROM people WHERE name = %s", (name,))
        seen.append(prepared.fetchall())
    connection.rollback()
    return seen


def same(connector: ConnectorRuns, scenario: Any) -> Any:
    """Recorded, and replayed without a server, it sees the same, and nothing recorded is left."""
    options = {"database": DATABASE, "use_pure": not IN_C}
    connector.fresh()
    port = RecordingPort()
    with using(port):
        recorded = scenario(connector.place(connector._server.door.port, **options))
    replay = ReplayPort(port.calls)
    with using(replay):
        assert scenario(connector.place(NOWHERE, **options)) == recorded
    assert [call.asked.title() for call in replay.unused] == []
    return recorded


def test_a_connection_in_each_thread(connector: ConnectorRuns) -> None:
    def scenario(place: dict[str, Any]) -> Any:
        def in_a_thread(number: int) -> Any:
            with mysql.connector.connect(**place) as connection:
                return work(connection, number)

        return side_by_side(in_a_thread)

    seen = same(connector, scenario)

    assert [found for _, _, found in seen] == [[(f"thread {number}", number)] for number in range(THREADS)]


def test_a_pool_that_threads_share(connector: ConnectorRuns) -> None:
    def scenario(place: dict[str, Any]) -> Any:
        pool = pooling.MySQLConnectionPool(pool_size=THREADS, pool_name=f"at-{place['port']}", **place)

        def in_a_thread(number: int) -> Any:
            with pool.get_connection() as connection:
                return work(connection, number)

        seen = [*side_by_side(in_a_thread), in_a_thread(99)]
        pool._remove_connections()
        return seen

    seen = same(connector, scenario)

    assert [found for _, _, found in seen][-1] == [("thread 99", 99)]


def test_a_connection_that_goes_from_thread_to_thread(connector: ConnectorRuns) -> None:
    def scenario(place: dict[str, Any]) -> Any:
        with mysql.connector.connect(**place) as connection, ThreadPoolExecutor(1) as thread:
            seen = [work(connection, 1)]
            seen.append(thread.submit(copy_context().run, work, connection, 2).result())
            return [*seen, work(connection, 3)]

    same(connector, scenario)
