"""COPY, stream(), notifications, two phases: live, recorded and replayed alike."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.copy import FileWriter, QueuedLibpqWriter
from psycopg.rows import dict_row

from tests.integrations.ports import LettingThrough, using
from tests.integrations.psycopg.runs import Runs
from tests.integrations.psycopg.test_psycopg import raised, told
from timetracer_otel.errors import MissError, ReplayError

TO = "COPY people (id, name, age) TO STDOUT"
FROM = "COPY people (name, age) FROM STDIN"


def test_reading_a_copy(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        with cursor.copy(TO) as copy:
            seen: list[Any] = [[bytes(piece) for piece in copy]]
        seen += [cursor.rowcount, cursor.statusmessage]
        with cursor.copy("COPY (SELECT id, age FROM people WHERE id > %s) TO STDOUT", (1,)) as copy:
            copy.set_types(["int4", "int4"])
            seen.append(list(copy.rows()))
        with cursor.copy(f"{TO} WITH (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "int4"])
            seen += [copy.read_row(), copy.read_row()]
            seen += [copy.read_row(), copy.read_row(), copy.read_row()]
        with connection.cursor() as other, other.copy(TO) as copy:
            seen += [bytes(copy.read()), list(copy.rows())]
        connection.commit()
        seen.append(raised(lambda: list_of(cursor, "COPY nothing TO STDOUT")))
        connection.rollback()
        return [
            *seen,
            raised(lambda: list_of(cursor, "COPY (SELECT 1/(3-n) FROM generate_series(1,4) n) TO STDOUT")),
        ]

    seen = db.same(scenario)
    assert seen[3] == [(2, 17), (3, None)]
    assert seen[4] == (1, "ann", 41)


def list_of(cursor: Any, statement: str) -> Any:
    with cursor.copy(statement) as copy:
        return [bytes(piece) for piece in copy]


def write(cursor: Any, statement: str, *rows: Any, **options: Any) -> Any:
    with cursor.copy(statement, **options) as copy:
        for row in rows:
            if isinstance(row, BaseException):
                raise row
            if isinstance(row, str | bytes):
                copy.write(row)
            else:
                copy.write_row(row)
    return [cursor.rowcount, cursor.statusmessage]


def test_writing_a_copy(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [
            write(cursor, FROM, "dan\t1\n", b"eve\t", "\\N\n"),
            write(cursor, FROM, ("fay", 3), ("gil", None)),
        ]
        binary = f"{FROM} WITH (FORMAT binary)"
        with cursor.copy(binary) as copy:
            copy.set_types(["text", "int4"])
            copy.write_row(("hal", 5))
        seen += [cursor.rowcount, write(cursor, FROM, ("ivy", 6), writer=QueuedLibpqWriter(cursor))]
        connection.commit()
        seen.append(connection.execute("SELECT name, age FROM people ORDER BY id").fetchall())
        seen.append(raised(lambda: write(cursor, FROM, ("ann", 1))))
        connection.rollback()
        seen.append(raised(lambda: write(cursor, FROM, ("jim", 1), LookupError("no more"))))
        seen.append(connection.info.transaction_status)
        connection.rollback()
        seen.append(raised(lambda: write(cursor, "COPY nothing FROM STDIN", ("x", 1))))
        connection.rollback()
        file = io.BytesIO()
        with cursor.copy(TO, writer=FileWriter(file)) as copy:
            seen.append([bytes(piece) for piece in copy])
        return seen

    seen = db.same(scenario)
    assert seen[:2] == [[2, "COPY 2"], [2, "COPY 2"]]
    assert seen[5][0] is errors.UniqueViolation


def test_what_is_written_is_part_of_the_request(db: Runs) -> None:
    _, calls = db.recorded(lambda connection: write(connection.cursor(), FROM, ("dan", 1)))
    with pytest.raises(MissError, match="COPY people"):
        db.replayed(calls, lambda connection: write(connection.cursor(), FROM, ("dan", 2)))


def test_streams(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(row_factory=dict_row)
        seen: list[Any] = [list(cursor.stream("SELECT id, name FROM people WHERE id < %s ORDER BY id", (9,)))]
        seen += [list(cursor.stream("SELECT 1 AS n WHERE false")), connection.info.transaction_status]
        query = "SELECT 1/(3-n) AS n FROM generate_series(1, 4) n"
        for row in (rows := cursor.stream(query)):
            seen.append(row)
            if row["n"] == 1:
                break
        rows.close()
        connection.rollback()
        seen.append(raised(lambda: list(cursor.stream(query, binary=True))))
        connection.rollback()
        seen.append(raised(lambda: list(cursor.stream("SELEC"))))
        connection.rollback()
        return [*seen, raised(lambda: list(cursor.stream("SET search_path = drivers")))]

    seen = db.same(scenario)
    assert seen[0][0] == {"id": 1, "name": "ann"}


def test_asynchronously(db: Runs) -> None:
    async def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        async with cursor.copy(TO) as copy:
            seen: list[Any] = [[bytes(piece) async for piece in copy]]
        async with cursor.copy(FROM) as copy:
            await copy.write_row(("dan", 1))
            await copy.write("eve\t2\n")
        seen += [cursor.rowcount, [row async for row in cursor.stream("SELECT name FROM people ORDER BY id")]]
        await connection.commit()
        try:
            async with cursor.copy(FROM) as copy:
                await copy.write_row(("ann", 1))
        except errors.UniqueViolation as error:
            seen.append(told(error))
        await connection.rollback()
        await connection.set_autocommit(True)
        await connection.execute("LISTEN news")
        await connection.execute("NOTIFY news, 'hear'")
        heard = connection.notifies(timeout=20, stop_after=1)
        seen.append(
            [(one.channel, one.payload, one.pid == connection.info.backend_pid) async for one in heard]
        )
        return [*seen, [one async for one in connection.notifies(timeout=0.01)]]

    assert db.same(scenario)[4] == [("news", "hear", True)]


def test_notifications(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        def facts(one: Any) -> Any:
            return [type(one), one.channel, one.payload, one.pid == connection.info.backend_pid]

        connection.autocommit = True
        connection.execute("LISTEN news")
        connection.execute("NOTIFY news, 'one'")
        seen = [[facts(one) for one in connection.notifies(timeout=20, stop_after=1)]]
        seen.append([facts(one) for one in connection.notifies(timeout=0)])
        told: list[Any] = []
        connection.add_notify_handler(lambda one: told.append(facts(one)))
        connection.execute("NOTIFY news, 'two'")
        return [*seen, told]

    seen = db.same(scenario)
    assert seen[0] == [[psycopg.Notify, "news", "one", True]]
    assert seen[2] == [[psycopg.Notify, "news", "two", True]]


def test_two_phases(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        def state() -> Any:
            return connection.info.transaction_status

        connection.tpc_begin(connection.xid(1, "timetracer", "branch"))
        seen = [state(), connection.execute("UPDATE people SET age = 2 WHERE id = 1").rowcount]
        seen += [connection.tpc_commit(), state(), connection.tpc_recover(), raised(connection.tpc_commit)]
        connection.tpc_begin("given up")
        connection.execute("UPDATE people SET age = 3 WHERE id = 1")
        seen += [connection.tpc_rollback(), state()]
        connection.tpc_begin("prepared")
        connection.execute("UPDATE people SET age = 1 WHERE id = 1")
        seen += [
            raised(connection.tpc_prepare),
            state(),
            raised(connection.tpc_rollback),
        ]  # the server has none
        return [*seen, raised(lambda: connection.execute("SELECT 1").fetchall())]

    seen = db.same(scenario)
    assert seen[1] == 1


def test_scrolling(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.execute("SELECT name FROM people ORDER BY id")
        seen = [cursor.fetchone(), cursor.scroll(1), cursor.fetchone(), cursor.scroll(0, mode="absolute")]
        seen += [cursor.rownumber, cursor.fetchall()]
        with pytest.raises(IndexError):
            cursor.scroll(5)
        with connection.cursor("served", scrollable=True) as served:
            served.execute("SELECT generate_series(1, 20)")
            seen += [served.fetchmany(3), served.scroll(4), served.fetchone(), served.scroll(-3)]
            seen += [served.fetchmany(2), served.scroll(0, mode="absolute"), served.fetchone()]
            return [*seen, served.scroll(50), served.fetchall()]

    assert db.same(scenario)[:3] == [("ann",), None, ("cid",)]


def test_scrolling_asynchronously(db: Runs) -> None:
    async def scenario(connection: Any) -> Any:
        async with connection.cursor("served", scrollable=True) as served:
            await served.execute("SELECT generate_series(1, 20)")
            seen = [await served.fetchmany(3), await served.scroll(4), await served.fetchone()]
            return [*seen, await served.scroll(0, mode="absolute"), await served.fetchone()]

    assert db.same(scenario) == [[(1,), (2,), (3,)], None, (8,), None, (1,)]


def test_a_call_that_is_let_through_is_refused(db: Runs) -> None:
    with using(LettingThrough([])), pytest.raises(ReplayError, match="let through on a replayed connection"):
        db.run(db.url, lambda connection: connection.execute("SELECT 1"))
