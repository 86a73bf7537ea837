"""Below SQLAlchemy: mysql.connector, its connections in Python and, run by ``test_c_extension.py``, in C."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mysql.connector
import pytest
from sqlalchemy import create_engine, delete, insert, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.integrations.mysql.runs import IN_C, NOWHERE
from tests.integrations.sqlalchemy.databases import _TABLES, Database, differences
from tests.integrations.sqlalchemy.tables import Person
from tests.services.mariadb import PASSWORD, USER, MariaDb
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.mysql.connector import MySqlConnectorIntegration

pytestmark = pytest.mark.needs("mariadbd")
NAME = "below"


class MySqlDatabase(Database):
    """By default its connections are of the kind that this process is for."""

    def __init__(self, driver: str, folder: Path, server: MariaDb) -> None:
        super().__init__(driver, folder, None)
        self._server = server

    def fresh(self) -> None:
        self._server.fresh([NAME])
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {NAME}")
            for statement in _TABLES:
                cursor.execute(statement.format(serial="INT AUTO_INCREMENT PRIMARY KEY"))

    def engine(self, **options: Any) -> Engine:
        return self._at(self._server.door.port, options)

    def stopped(self, **options: Any) -> Engine:
        return self._at(NOWHERE, options)

    def _at(self, port: int, options: dict[str, Any]) -> Engine:
        url = f"{self.driver}://{USER}:{PASSWORD}@127.0.0.1:{port}/{NAME}"
        return create_engine(url, **{"connect_args": {} if IN_C else {"use_pure": True}, **options})


@pytest.fixture(autouse=True)
def driver_too() -> Iterator[None]:
    """The integration of the driver is there as well, as it is in an app."""
    known = MySqlConnectorIntegration()
    wrapping.install(known)
    yield
    wrapping.uninstall(known)


@pytest.fixture(params=["mysql+mysqlconnector", "mariadb+mysqlconnector"])
def maria(request: pytest.FixtureRequest, tmp_path: Path, mariadb_server: MariaDb) -> MySqlDatabase:
    return MySqlDatabase(request.param, tmp_path, mariadb_server)


def closed_results(engine: Engine) -> Any:
    with engine.begin() as connection:
        added: Any = connection.execute(insert(Person).values(name="dan", age=3))
        seen = [added.rowcount, added.lastrowid, added.inserted_primary_key[0]]
        many = connection.execute(insert(Person), [{"name": "eve", "age": 1}, {"name": "fay", "age": 2}])
        seen += [many.rowcount]
        for statement in (
            update(Person).where(Person.id < 3).values(age=5),
            update(Person).where(Person.id < 3).values(age=5),
            delete(Person).where(Person.name == "cid"),
            text("INSERT INTO people (name) VALUES ('gus'), ('hal')"),
            text("UPDATE people SET age = 9 WHERE name LIKE '%a%'"),
        ):
            result = connection.execute(statement)
            seen += [result.rowcount, result.returns_rows]
        with connection.begin_nested():
            seen.append(connection.execute(insert(Person).values(name="ida")).rowcount)
        rows = connection.execute(select(Person.name).order_by(Person.id))
        seen += [rows.rowcount, rows.all(), rows.rowcount]
        few = connection.execute(select(Person.name).order_by(Person.id))
        seen += [few.fetchmany(2), few.rowcount]
        few.close()
        return [*seen, few.rowcount, connection.execute(text("SET @x = 1")).rowcount]


def test_what_closed_results_say(maria: MySqlDatabase) -> None:
    seen = maria.same(closed_results)
    # a cursor in Python knows nothing any more, one in C still does
    assert seen[:4] == ([1, 4, 4, 2] if IN_C else [-1, 4, 4, -1])


def what_raised(act: Callable[[], Any]) -> Any:
    """What an app can know of it."""
    with pytest.raises(DBAPIError) as caught:
        act()
    seen: list[Any] = [type(caught.value).__name__, str(caught.value), caught.value.connection_invalidated]
    link: BaseException | None = caught.value.orig
    while link is not None:
        seen += [f"{type(link).__module__}.{type(link).__name__}", str(link), link.args, dict(vars(link))]
        seen += [isinstance(link, mysql.connector.Error), link.__suppress_context__]
        link = link.__cause__ or link.__context__
    return seen


def errors(engine: Engine) -> Any:
    seen = []
    for statement in (
        insert(Person).values(name="ann"),
        text("INSERT INTO people (name) VALUES (NULL)"),
        text("INSERT INTO pets (name, owner_id) VALUES ('rex', 99)"),
        text("SELEC 1"),
        text("SELECT * FROM nothing"),
        text("SELECT nothing FROM people"),
        text("SELECT (SELECT id FROM people)"),
    ):
        with engine.connect() as connection:
            seen.append(what_raised(functools.partial(connection.execute, statement)))
    with Session(engine) as session:
        session.add(Person(name="ann"))
        seen.append(what_raised(session.flush))
        session.rollback()
        seen.append([person.name for person in session.scalars(select(Person).order_by(Person.id))])
    raw = engine.raw_connection()
    cursor = raw.cursor()
    for arguments in (("SELECT %s, %s", (1,)), ("SELECT %s", (1, 2)), ("SELECT %s", (Ellipsis,))):
        try:
            seen.append(cursor.execute(*arguments))
        except Exception as error:  # of the last one the C library's own comes through
            seen.append([type(error), str(error), dict(vars(error))])
    raw.close()
    return seen


def test_errors(maria: MySqlDatabase) -> None:
    seen = maria.same(errors)
    assert seen[0][:1] == ["IntegrityError"]
    assert ("_mysql_connector.MySQLInterfaceError" in seen[0]) is IN_C


def classes(engine: Engine) -> Any:
    connection = engine.raw_connection()
    below: Any = connection.dbapi_connection
    cursor: Any = connection.cursor()
    cursor.execute("SELECT id, name, age FROM people ORDER BY id")
    seen: list[Any] = [[kind.__name__ for kind in below.__class__.__mro__ + cursor.__class__.__mro__]]
    seen += [cursor.rowcount, cursor.description, cursor.fetchmany(2), cursor.fetchall(), cursor.fetchone()]
    cursor.execute("INSERT INTO people (name) VALUES (%s)", ("dan",))
    seen += [
        cursor.rowcount,
        cursor.lastrowid,
        cursor.close(),
        cursor.rowcount,
        cursor.lastrowid,
        cursor.close(),
    ]
    connection.close()
    return seen


def test_connections_and_cursors_pass_for_the_drivers_own(maria: MySqlDatabase) -> None:
    seen = maria.same(classes)
    assert ("CMySQLConnection" in seen[0]) is IN_C


def test_a_replay_is_of_the_kind_of_connections_that_was_recorded(maria: MySqlDatabase) -> None:
    for scenario in (closed_results, errors, classes):
        recorded, calls = maria.recorded(scenario)
        other = maria.replayed(calls, scenario, connect_args={"use_pure": IN_C})
        assert differences(other, recorded) == []


def further_results(engine: Engine) -> Any:
    connection = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute(
        "CREATE PROCEDURE two(IN x INT, OUT y INT) BEGIN SELECT x; SELECT x + 1; SET y = x + 2; END"
    )
    seen: list[Any] = [cursor.rowcount]
    cursor.execute("SELECT 1; SELECT name FROM people ORDER BY id; UPDATE people SET age = 1")
    seen += [cursor.fetchall(), cursor.nextset(), cursor.rowcount, cursor.fetchmany(2), cursor.nextset()]
    seen += [cursor.rowcount, cursor.description, cursor.nextset()]
    seen += [cursor.callproc("two", (5, 0))]
    connection.close()
    return seen


def test_further_results(maria: MySqlDatabase) -> None:
    maria.same(further_results)


def values(engine: Engine) -> Any:
    statement = (
        "SELECT 1, 2.50, 1.5e0, 'x', x'ff', NULL, DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05.6',"
    )
    statement += " TIME '-01:02:03', CAST('[1]' AS JSON), b'101', YEAR(NOW()) > 2000, CAST(1 AS UNSIGNED)"
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement.replace("CAST('[1]' AS JSON)", "JSON_ARRAY(1)"))
        return [list(row) for row in result]


def test_values(maria: MySqlDatabase) -> None:
    maria.same(values)


def refused(engine: Engine) -> Any:
    other = engine.url.set(username="nobody")
    seen = []
    for url in (other, other.set(database="nothing")):
        again = create_engine(url, connect_args={} if IN_C else {"use_pure": True})
        seen.append(what_raised(again.connect))
        again.dispose()
    return seen


def test_connections_that_are_refused(maria: MySqlDatabase) -> None:
    maria.same(refused)


def both_kinds(engine: Engine) -> Any:
    """An app that has two engines for one database, with a kind of connections each."""
    other = create_engine(engine.url, connect_args={"use_pure": True})
    seen = []
    for one, name in ((engine, "dan"), (other, "eve")):
        with one.begin() as connection:
            seen.append(connection.execute(insert(Person).values(name=name)).rowcount)
        one.dispose()
    return seen


def test_both_kinds_at_once(maria: MySqlDatabase) -> None:
    assert maria.same(both_kinds) == ([1, -1] if IN_C else [-1, -1])


def test_a_pool_of_the_drivers_own_below(maria: MySqlDatabase) -> None:
    options = {"pool_name": "below", "pool_size": 1, "use_pure": not IN_C}
    maria.same(closed_results, connect_args=options)
