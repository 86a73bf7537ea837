"""Below SQLAlchemy: mysqlclient, a statement is one call of SQLAlchemy's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, insert, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.integrations.sqlalchemy.tables import Person
from tests.integrations.sqlalchemy.test_mysqlconnector import MySqlDatabase
from tests.services.mariadb import PASSWORD, USER, MariaDb
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.mysql.mysqlclient import MySqlClientIntegration

pytestmark = [pytest.mark.needs("mariadbd"), pytest.mark.needs("mysqlclient")]


class Below(MySqlDatabase):
    def _at(self, port: int, options: dict[str, Any]) -> Engine:
        return create_engine(f"{self.driver}://{USER}:{PASSWORD}@127.0.0.1:{port}/below", **options)


@pytest.fixture(autouse=True)
def driver_too() -> Iterator[None]:
    """The integration of the driver is there as well, as it is in an app."""
    known = MySqlClientIntegration()
    wrapping.install(known)
    yield
    wrapping.uninstall(known)


@pytest.fixture(params=["mysql+mysqldb", "mariadb+mysqldb"])
def db(request: pytest.FixtureRequest, tmp_path: Path, mariadb_server: MariaDb) -> Below:
    return Below(str(request.param), tmp_path, mariadb_server)


def test_statements_and_rows(db: Below) -> None:
    def see(engine: Engine) -> Any:
        seen: list[Any] = []
        with Session(engine) as session:
            session.add_all([Person(name=f"n{number}") for number in range(3)])
            session.commit()
            seen.append(session.scalars(select(Person.name).order_by(Person.id)).all())
            seen.append(session.execute(update(Person).values(age=1)).rowcount)  # type: ignore[attr-defined]
            session.rollback()
        with engine.begin() as connection:
            seen.append(connection.execute(insert(Person), [{"name": "x"}, {"name": "y"}]).rowcount)
            seen.append(connection.execute(delete(Person).where(Person.name == "x")).rowcount)
            types = "SELECT 1.5, now() > '2020-01-01', CAST('2026-01-02' AS DATE), x'00ff', NULL"
            seen.append(tuple(connection.execute(text(types)).one()))
        with engine.connect() as connection:
            with pytest.raises(DBAPIError) as refused:
                connection.execute(insert(Person).values(name="ann"))
            seen += [type(refused.value), type(refused.value.orig), str(refused.value.orig)]
            streamed = connection.execution_options(stream_results=True).execute(select(Person.name))
            seen += [streamed.fetchone(), streamed.fetchmany(2)]
            streamed.close()
        return seen

    assert db.same(see, pool_pre_ping=True)[:2] == [["ann", "bob", "cid", "n0", "n1", "n2"], 6]


def test_the_classes_of_the_driver_are_known_where_it_never_connected() -> None:
    """As in a replay: it imports them with its first connection."""
    program = """
from sqlalchemy import create_engine
from timetracer_otel.integrations.sqlalchemy.drivers import driver_of

driver = driver_of(create_engine("mysql+mysqldb://nowhere/").dialect)
print(driver.connection.__name__, driver.cursor.__name__, driver.server_cursor.__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "Connection Cursor SSCursor\n"
