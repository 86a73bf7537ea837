"""Statements: what an app sees live, while recording, and in a replay with no database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, inspect, literal, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, selectinload

from tests.integrations.sqlalchemy.databases import Database
from tests.integrations.sqlalchemy.tables import Person, Pet


def test_text(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT id, name, age FROM people WHERE id > :id ORDER BY id"), {"id": 1}
            )
            return list(rows.keys()), [tuple(row) for row in rows]

    assert db.same(see) == (["id", "name", "age"], [(2, "bob", 17), (3, "cid", None)])


def test_orm(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with Session(engine) as session:
            session.add(Person(name="dot", age=5, pets=[Pet(name="rex"), Pet(name="tom")]))
            session.commit()
        with Session(engine) as session:
            person = session.scalars(select(Person).where(Person.name == "dot")).one()
            return person.id, person.age, [(pet.id, pet.name) for pet in person.pets]

    assert db.same(see) == (4, 5, [(1, "rex"), (2, "tom")])


def test_orm_changes_and_loading(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with Session(engine) as session:
            ann = session.get_one(Person, 1)
            ann.age = 42
            ann.pets.append(Pet(name="rex"))
            session.delete(session.get_one(Person, 2))
            session.commit()
            people = session.scalars(select(Person).options(selectinload(Person.pets)).order_by(Person.id))
            return [(person.name, person.age, [pet.name for pet in person.pets]) for person in people]

    assert db.same(see) == [("ann", 42, ["rex"]), ("cid", None, [])]


def test_core(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            added = connection.execute(insert(Person).values(name="dot", age=5))
            changed = connection.execute(update(Person).where(Person.age < 18).values(age=18))
            gone = connection.execute(delete(Person).where(Person.age.is_(None)))
            left = connection.execute(select(Person.name, Person.age).order_by(Person.id)).all()
        return (
            tuple(added.inserted_primary_key or ()),
            changed.rowcount,
            gone.rowcount,
            [tuple(row) for row in left],
        )

    assert db.same(see) == ((4,), 2, 1, [("ann", 41), ("bob", 18), ("dot", 18)])


def test_statements_of_the_driver(db: Database) -> None:
    place = "?" if db.driver.startswith("sqlite") else "$1" if "asyncpg" in db.driver else "%s"

    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"SELECT name FROM people WHERE id = {place}", (2,))
            return rows.all(), connection.exec_driver_sql("SELECT count(*) FROM people").scalar_one()

    assert db.same(see) == ([("bob",)], 3)


def test_returning(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            added = connection.execute(
                insert(Person).values(name="dot", age=5).returning(Person.id, Person.name)
            )
            changed = connection.execute(
                update(Person).where(Person.id == 1).values(age=1).returning(Person.age)
            )
            return [tuple(row) for row in added], changed.scalar_one(), changed.rowcount

    assert db.same(see)[:2] == ([(4, "dot")], 1)


def test_insertmanyvalues_in_batches(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            statement = insert(Person).returning(Person.id, Person.name, sort_by_parameter_order=True)
            rows = connection.execution_options(insertmanyvalues_page_size=3).execute(
                statement, [{"name": f"p{number}", "age": number} for number in range(10)]
            )
            return [tuple(row) for row in rows]

    assert db.same(see) == [(number + 4, f"p{number}") for number in range(10)]


def test_executemany(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            connection.execute(insert(Person), [{"name": "x", "age": 1}, {"name": "y", "age": 2}])
            changed = connection.execute(
                update(Person).where(Person.name == bindparam("who")).values(age=bindparam("new")),
                [{"who": "x", "new": 10}, {"who": "y", "new": 20}],
            )
            return changed.rowcount, connection.execute(
                select(Person.name, Person.age).where(Person.age.in_([10, 20])).order_by(Person.id)
            ).all()

    assert db.same(see)[1] == [("x", 10), ("y", 20)]


def test_savepoints(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with Session(engine) as session:
            session.add(Person(name="kept"))
            with session.begin_nested():
                session.add(Person(name="kept too"))
            nested = session.begin_nested()
            session.add(Person(name="dropped"))
            session.flush()
            nested.rollback()
            session.commit()
            return session.scalars(select(Person.name).where(Person.id > 3).order_by(Person.id)).all()

    assert db.same(see) == ["kept", "kept too"]


def test_rollback(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            connection.execute(delete(Person))
            during = connection.scalar(select(func.count()).select_from(Person))
            connection.rollback()
            return during, connection.scalar(select(func.count()).select_from(Person))

    assert db.same(see) == (0, 3)


def test_server_side_cursors(db: Database) -> None:
    def see(engine: Engine) -> Any:
        numbers = select(Person.id).order_by(Person.id)
        with Session(engine) as session:
            parts = [
                list(part)
                for part in session.scalars(numbers, execution_options={"yield_per": 2}).partitions()
            ]
        with engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=1).execute(numbers)
            first = streamed.fetchone()
            streamed.close()
            return parts, tuple(first or ()), connection.execute(numbers).fetchmany(2)

    assert db.same(see) == ([[1, 2], [3]], (1,), [(1,), (2,)])


def test_results_read_in_part(db: Database) -> None:
    def see(engine: Engine) -> Any:
        numbers = select(Person.id).order_by(Person.id)
        with engine.connect() as connection:
            first = connection.execute(numbers).first()
            pieces = connection.execute(numbers)
            some = [pieces.fetchone(), pieces.fetchmany(1), pieces.fetchall(), pieces.fetchone()]
            return first, some, connection.execute(numbers.where(Person.id > 9)).one_or_none()

    assert db.same(see) == ((1,), [(1,), [(2,)], [(3,)], None], None)


def test_the_same_statement_with_other_answers(db: Database) -> None:
    def see(engine: Engine) -> Any:
        count = select(func.count()).select_from(Person)
        with engine.connect() as connection:
            before = connection.scalar(count)
            connection.execute(insert(Person).values(name="dot"))
            return before, connection.scalar(count)

    assert db.same(see) == (3, 4)


def test_reflection(db: Database) -> None:
    def see(engine: Engine) -> Any:
        inspector = inspect(engine)
        return (
            sorted(inspector.get_table_names()),
            [(column["name"], str(column["type"])) for column in inspector.get_columns("people")],
            inspector.get_unique_constraints("people")[0]["name"],
            inspector.get_foreign_keys("pets")[0]["referred_table"],
            inspector.has_table("nowhere"),
        )

    assert db.same(see) == (
        ["people", "pets"],
        [("id", "INTEGER"), ("name", "VARCHAR(50)"), ("age", "INTEGER")],
        "one_name",
        "people",
        False,
    )


def test_tables_made_and_dropped(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (body TEXT)"))
            connection.execute(text("INSERT INTO notes VALUES ('x')"))
            body = connection.scalar(text("SELECT body FROM notes"))
            connection.execute(text("DROP TABLE notes"))
            return body

    assert db.same(see) == "x"


def test_cursors_of_a_raw_connection(db: Database) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        cursor = connection.cursor()
        cursor.execute("SELECT id, name FROM people ORDER BY id")
        names = [column[0] for column in cursor.description]
        one, rest = cursor.fetchone(), cursor.fetchall()
        cursor.execute("UPDATE people SET age = 1")
        count = cursor.rowcount
        cursor.close()
        connection.commit()
        connection.close()
        return names, tuple(one or ()), [tuple(row) for row in rest], count

    assert db.same(see) == (["id", "name"], (1, "ann"), [(2, "bob"), (3, "cid")], 3)


def test_statements_without_rows_or_parameters(db: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            empty = connection.execute(select(Person.id).where(literal(1) == 2))
            nothing = connection.execute(text("UPDATE people SET age = 1 WHERE id = 77"))
            return empty.all(), list(empty.keys()), nothing.rowcount, nothing.returns_rows

    assert db.same(see) == ([], ["id"], 0, False)


def test_engine_options(db: Database) -> None:
    def see(engine: Engine) -> Any:
        answers = []
        for _ in range(3):
            with engine.connect() as connection:
                answers.append(connection.scalar(select(func.count()).select_from(Person)))
        with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
            connection.execute(insert(Person).values(name="dot"))
            connection.commit()
            level = connection.get_isolation_level()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(insert(Person).values(name="eve"))
            levels = level, connection.get_isolation_level(), engine.pool.status()
        return answers, levels, engine.pool.status()

    answers, levels, _ = db.same(see, pool_pre_ping=True, pool_size=1, max_overflow=0)
    assert answers == [3, 3, 3]
    assert levels[0] == "SERIALIZABLE"
    assert "Current Checked out connections: 1" in levels[2]
