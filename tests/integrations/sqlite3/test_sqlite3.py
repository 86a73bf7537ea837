"""What an app sees of sqlite3: live, recording and replaying alike."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.sqlite3.files import File
from timetracer_otel import ports
from timetracer_otel.errors import MissError, NoSessionError, ReplayError
from timetracer_otel.messages import SqlStatement

ROOT = Path(__file__).resolve().parents[3]


def raised(act: Any) -> list[Any]:
    try:
        return ["returned", act()]
    except Exception as error:
        fields = {name: value for name, value in vars(error).items() if name != "__notes__"}
        return [type(error), error.args, fields, type(error.__context__)]


def test_fetching_in_every_way(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        cursor = connection.cursor()
        query = "SELECT id, name, age FROM people ORDER BY id"
        cursor.arraysize = 2
        seen: list[Any] = [
            cursor.execute(query) is cursor,
            cursor.description,
            cursor.rowcount,
            cursor.arraysize,
        ]
        seen += [
            cursor.fetchone(),
            cursor.fetchmany(),
            cursor.fetchmany(5),
            cursor.fetchall(),
            cursor.fetchone(),
        ]
        seen.append(list(cursor.execute("SELECT name FROM people WHERE age > ?", (20,))))
        seen.append(connection.execute("SELECT :a, :b", {"b": 2, "a": 1}).fetchall())
        seen.append(next(connection.execute("SELECT 1.5, x'00ff', NULL, 'ü'")))
        seen.append(cursor.execute(query).fetchmany(size=1))
        return seen

    assert db.same(scenario)[4:7] == [(1, "ann", 41), [(2, "bob", 17), (3, "cid", None)], []]


def test_changes_rowcount_lastrowid_and_transactions(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        seen: list[Any] = [connection.in_transaction, connection.total_changes]
        cursor = connection.execute("INSERT INTO people (name) VALUES ('dan')")
        seen += [cursor.lastrowid, cursor.rowcount, cursor.description, connection.in_transaction]
        seen.append(connection.total_changes)
        connection.commit()
        seen += [connection.in_transaction, connection.total_changes]
        cursor.executemany("INSERT INTO people (name, age) VALUES (?, ?)", iter([("eve", 1), ("fay", 2)]))
        seen += [cursor.lastrowid, cursor.rowcount, connection.in_transaction]
        connection.rollback()
        seen += [connection.in_transaction, connection.execute("SELECT count(*) FROM people").fetchone()]
        with connection:
            connection.execute("UPDATE people SET age = 0 WHERE age IS NOT NULL")
        seen.append(connection.in_transaction)
        try:
            with connection:
                connection.execute("DELETE FROM people")
                raise LookupError("no")  # noqa: TRY301  # what this is about
        except LookupError as error:
            seen.append(str(error))
        seen += [connection.in_transaction, connection.execute("SELECT age FROM people").fetchall()]
        cursor.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1); SELECT 1;")
        seen += [cursor.description, cursor.rowcount, cursor.fetchall()]
        return seen

    assert db.same(scenario)[2:9] == [4, 1, None, True, 1, False, 1]


def test_changes_while_rows_of_another_cursor_are_left(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        left = connection.cursor()
        left.execute("SELECT id FROM people ORDER BY id")
        seen = []
        for row in left:
            cursor = connection.execute("UPDATE people SET age = 3 WHERE id = ?", row)
            seen.append((row, cursor.rowcount, cursor.description, cursor.fetchall()))
        return seen

    assert db.same(scenario) == [((number,), 1, None, []) for number in (1, 2, 3)]


def test_returning_and_its_row_count(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        statement = "INSERT INTO people (name) VALUES ('x'), ('y') RETURNING id, name"
        cursor = connection.execute(statement)
        seen: list[Any] = [cursor.rowcount, cursor.fetchone(), cursor.rowcount, cursor.fetchone()]
        return [*seen, cursor.rowcount, cursor.fetchone(), cursor.rowcount, cursor.lastrowid]

    assert db.same(scenario)[1] == (4, "x")


def test_savepoints_isolation_levels_and_autocommit(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        seen: list[Any] = [connection.isolation_level]
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SAVEPOINT one")
        connection.execute("INSERT INTO people (name) VALUES ('dan')")
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        seen.append(connection.in_transaction)
        connection.isolation_level = None
        seen += [connection.in_transaction, connection.isolation_level]
        connection.execute("INSERT INTO people (name) VALUES ('eve')")
        return [*seen, connection.in_transaction, connection.execute("SELECT name FROM people").fetchall()]

    assert db.same(scenario, isolation_level="EXCLUSIVE")[:2] == ["EXCLUSIVE", True]


def by_name(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def test_row_factories(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        connection.row_factory = sqlite3.Row
        query = "SELECT id, name AS Who FROM people ORDER BY id"
        rows = connection.execute(query).fetchall()
        seen: list[Any] = [
            connection.row_factory,
            type(rows[0]),
            tuple(rows[0]),
            rows[0].keys(),
            rows[0]["who"],
        ]
        seen += [len(rows), rows[0] == rows[1], [tuple(row) for row in connection.execute(query)]]
        connection.row_factory = by_name
        seen += connection.execute(query).fetchmany(2)
        cursor: Any = connection.cursor()
        cursor.row_factory = lambda _, row: sum(row)
        seen += [cursor.execute("SELECT 1, 2").fetchone(), cursor.row_factory is connection.row_factory]
        cursor.execute("SELECT 1, 2 UNION ALL SELECT 3, 4")
        seen.append(next(cursor))
        cursor.row_factory = None
        return [*seen, next(cursor), cursor.row_factory]

    assert db.same(scenario)[4:6] == ["ann", 3]


class Unadapted:
    """A class that sqlite3 knows nothing of."""

    value = 1


class Money(sqlite3.Connection):
    """A connection class of an app, which sets itself up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.foreign_keys = self.execute("PRAGMA foreign_keys = ON").fetchall()
        self.log: list[str] = []

    def execute(self, sql: str, *args: Any) -> Any:
        if hasattr(self, "log"):
            self.log.append(sql)
        return super().execute(sql, *args)


class Loud(sqlite3.Cursor):
    def fetchone(self) -> Any:
        row = super().fetchone()
        return row and tuple(str(value).upper() for value in row)


def test_classes_of_the_app(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        assert isinstance(connection, Money)
        plain = connection.cursor()
        loud = connection.cursor(Loud)
        seen = [type(connection).__name__, isinstance(plain, sqlite3.Cursor), isinstance(loud, Loud)]
        seen += [loud.execute("SELECT name FROM people").fetchone(), loud.connection is connection]
        connection.execute("SELECT 1")
        return [*seen, connection.log, connection.foreign_keys]

    assert db.same(scenario, factory=Money)[3:] == [("ANN",), True, ["SELECT 1"], []]


def test_converters_adapters_and_text_factory(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        connection.execute("CREATE TABLE t (day date, moment timestamp, amount money, raw TEXT)")
        values = (dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, 3, 4, 5, 6), Decimal("1.20"), "ü")
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?)", values)
        seen: list[Any] = [connection.execute("SELECT * FROM t").fetchone()]
        cursor = connection.execute('SELECT day AS "d [timestamp]", day AS "e [date]" FROM t WHERE 0')
        seen += [cursor.description, cursor.fetchall()]
        connection.text_factory = bytes
        seen.append(connection.execute("SELECT raw, day FROM t").fetchone())
        return seen

    sqlite3.register_adapter(Decimal, str)
    sqlite3.register_converter("money", lambda raw: Decimal(raw.decode()))
    try:
        seen = db.same(scenario, detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES)
    finally:
        del sqlite3.adapters[Decimal, sqlite3.PrepareProtocol], sqlite3.converters["MONEY"]
    assert seen[0] == (dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, 3, 4, 5, 6), Decimal("1.20"), "ü")


def test_errors(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        cursor = connection.cursor()
        seen = [
            raised(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            raised(lambda: cursor.execute("SELEC 1")),
            raised(lambda: cursor.execute("SELECT * FROM missing")),
            raised(lambda: cursor.execute("SELECT ?", ())),
            raised(lambda: cursor.execute("SELECT ?", (Unadapted(),))),
            raised(lambda: cursor.execute("SELECT 1; SELECT 2")),
            raised(lambda: cursor.executemany("SELECT 1", [()])),
            raised(cursor.execute),
            raised(lambda: cursor.execute(b"SELECT 1")),  # type: ignore[arg-type]  # what an app may try
            raised(lambda: cursor.execute("SELECT abs(-9223372036854775808)").fetchone()),
            raised(lambda: cursor.execute("SELECT 1 UNION ALL SELECT abs(-9223372036854775808)").fetchall()),
            connection.in_transaction,
        ]  # fmt: skip
        connection.rollback()
        cursor.close()
        seen += [raised(lambda: cursor.execute("SELECT 1")), raised(cursor.fetchone)]
        with ThreadPoolExecutor(1) as executor:
            text = raised(lambda: executor.submit(connection.execute, "SELECT 1").result())
        seen += [text[0], str(text[1])[:70]]
        connection.close()
        return [*seen, raised(lambda: connection.execute("SELECT 1")), raised(connection.commit)]

    seen = db.same(scenario)
    assert seen[0][:2] == [sqlite3.IntegrityError, ("UNIQUE constraint failed: people.name",)]
    assert seen[0][2]["sqlite_errorname"] == "SQLITE_CONSTRAINT_UNIQUE"


def test_a_commit_that_fails(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO pets (owner_id) VALUES (99)")
        seen = [raised(connection.commit), connection.in_transaction]
        connection.rollback()
        return [*seen, connection.in_transaction]

    assert db.same(scenario)[0][1] == ("FOREIGN KEY constraint failed",)


def test_what_is_local_to_the_process(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        connection.create_function("double", 1, lambda value: value and value * 2)
        connection.create_collation("backwards", lambda one, two: (one < two) - (one > two))
        connection.set_progress_handler(lambda: 0, 1000)
        seen: list[Any] = [connection.execute("SELECT double(age) FROM people").fetchall()]
        seen.append(connection.execute("SELECT name FROM people ORDER BY name COLLATE backwards").fetchall())
        seen.append(raised(lambda: connection.create_function("f", "many", abs)))  # type: ignore[arg-type]
        return [*seen, list(connection.iterdump())]

    assert db.same(scenario)[0] == [(82,), (34,), (None,)]


def test_threads_of_one_connection(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        lock = threading.Lock()

        def ask(number: int) -> Any:
            with using(port), lock:
                return connection.execute("SELECT ?", (number,)).fetchone()

        port = ports.current()
        if port is None:
            return [(number,) for number in range(8)]
        with ThreadPoolExecutor(4) as executor:
            return list(executor.map(ask, range(8)))

    assert db.same(scenario, check_same_thread=False) == [(number,) for number in range(8)]


def test_connecting_that_fails(db: File, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "people.db"

    def scenario(connection: sqlite3.Connection) -> Any:
        return [connection.execute("SELECT 1").fetchone(), raised(lambda: sqlite3.connect(nowhere))]

    assert db.same(scenario)[1][:2] == [sqlite3.OperationalError, ("unable to open database file",)]


def test_connecting_that_fails_once_is_replayed_once(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "people.db"
    port = RecordingPort()
    with using(port):
        live = raised(lambda: sqlite3.connect(path))
    with using(ReplayPort(port.calls)):
        replayed = raised(lambda: sqlite3.connect(path))
        sqlite3.connect(path).close()

    assert replayed == live


def test_rows_that_were_not_fetched_are_not_invented(db: File) -> None:
    query = "SELECT id FROM people ORDER BY id"
    _, calls = db.recorded(lambda connection: connection.execute(query).fetchone())

    with pytest.raises(ReplayError, match="asks for more than the 1 rows"):
        db.replayed(calls, lambda connection: connection.execute(query).fetchall())


def test_a_limit_of_rows(db: File) -> None:
    db.fresh()
    port = RecordingPort(body_limit=30)
    with using(port):
        query = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 100"
        assert len(db.run(lambda connection: connection.execute(query).fetchall())) == 100

    assert port.calls[0].gaps == [("rows over the limit", "2 rows of a result are kept")]


def test_another_parameter_is_a_miss(db: File) -> None:
    _, calls = db.recorded(lambda connection: connection.execute("SELECT ?", (1,)).fetchone())

    with pytest.raises(MissError, match="SELECT \\?"):
        db.replayed(calls, lambda connection: connection.execute("SELECT ?", (2,)).fetchone())


@pytest.mark.parametrize(
    "act",
    [
        lambda connection: connection.backup(connection),
        lambda connection: connection.blobopen("people", "name", 1),
        lambda connection: connection.cursor(lambda connection: sqlite3.Cursor(connection)),
        # left out of many builds of Python
        *(
            [lambda connection: connection.load_extension("x")]
            if hasattr(sqlite3.Connection, "load_extension")
            else []
        ),
    ],
)
def test_what_a_replay_refuses(db: File, act: Any) -> None:
    with pytest.raises(ReplayError, match="not recorded and cannot be replayed"):
        db.replayed([], act)


def test_a_replayed_connection_outside_its_replay(db: File) -> None:
    with using(ReplayPort([])):
        connection = sqlite3.connect(db.path)
    with contextlib.closing(connection):
        with pytest.raises(NoSessionError):
            connection.execute("SELECT 1")
        with pytest.raises(NoSessionError):
            connection.commit()


def test_a_real_connection_is_left_alone_by_a_replay(db: File) -> None:
    _, calls = db.recorded(lambda connection: connection.execute("INSERT INTO people (name) VALUES ('dan')"))
    db.fresh()
    with contextlib.closing(sqlite3.connect(db.path)) as connection:
        with using(ReplayPort(calls)):
            cursor = connection.execute("INSERT INTO people (name) VALUES ('dan')")
            connection.commit()
        assert cursor.lastrowid == 4
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (3,)


def test_what_is_recorded(db: File) -> None:
    def scenario(connection: sqlite3.Connection) -> Any:
        connection.execute("UPDATE people SET age = ? WHERE name = ?", (3, "ann"))
        connection.commit()
        connection.rollback()

    _, calls = db.recorded(scenario)
    asked = [call.asked for call in calls]

    assert asked == [
        SqlStatement(
            "UPDATE people SET age = ? WHERE name = ?", (3, "ann"), system="sqlite", namespace=str(db.path)
        ),
        SqlStatement("COMMIT", system="sqlite", namespace=str(db.path)),
    ]


def test_work_below_an_orm_is_not_seen(db: File) -> None:
    db.fresh()
    port = RecordingPort()
    with using(port), ports.inside():
        connection = sqlite3.connect(db.path)
        assert type(connection) is sqlite3.Connection
        connection.close()
    assert port.calls == []


def test_the_function_under_its_two_names_is_one(tmp_path: Path) -> None:
    script = """
import sys, timetracer_otel
from timetracer_otel.integrations import install
assert "sqlite3" not in sys.modules
install()
import sqlite3
from tests.integrations.ports import RecordingPort, using
port = RecordingPort()
with using(port):
    try:
        sqlite3.connect(sys.argv[1])
    except sqlite3.OperationalError:
        pass
print(len(port.calls))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "nowhere" / "people.db")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)

    assert (done.stdout, done.stderr) == ("1\n", "")
