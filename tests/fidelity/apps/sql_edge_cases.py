"""SQLAlchemy, synchronous: errors, types and connections, each case with each driver."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Engine,
    create_engine,
    event,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
)
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    MultipleResultsFound,
    NoResultFound,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.orm import Session

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.databases import ON_POSTGRES, SYNC_DRIVERS, Author, Book, Specimen, relics
from tests.fidelity.apps.seen import raised, rows, seen
from tests.fidelity.apps.specimens import ON_MARIADB, SPECIMENS, shown

CASES = Cases("SQLAlchemy", "sql", SYNC_DRIVERS)


@CASES("NoResultFound, MultipleResultsFound")
def one_errors(engine: Engine) -> Any:
    numbers = select(literal(1).label("n")).union_all(select(literal(2)))
    answer: list[Any] = []
    with engine.connect() as connection:
        try:
            connection.execute(select(literal(1)).where(literal(1) == 2)).scalar_one()
        except NoResultFound as error:
            answer.append(raised(error))
        try:
            connection.execute(numbers).scalar_one()
        except MultipleResultsFound as error:
            answer.append(raised(error))
    return answer


@CASES("IntegrityError of a unique constraint, with the driver's exception inside")
def unique_violation(engine: Engine) -> Any:
    with Session(engine) as session:
        session.add(Author(name="only one"))
        session.commit()
        session.add(Author(name="only one"))
        try:
            session.commit()
        except IntegrityError as error:
            session.rollback()
            count = session.scalar(select(func.count()).where(Author.name == "only one"))
            return [raised(error), count]


@CASES("IntegrityError of NOT NULL and of a foreign key")
def other_violations(engine: Engine) -> Any:
    answer: list[Any] = []
    for values in ({"title": None, "author_id": 1}, {"title": "lost", "author_id": 999999}):
        try:
            with engine.begin() as connection:
                connection.execute(insert(Book).values(price=Decimal(1), **values))
                answer.append("inserted")
                connection.rollback()
        except IntegrityError as error:
            answer.append(raised(error))
    return answer


@CASES("ProgrammingError: syntax, table that is not there")
def programming_error(engine: Engine) -> Any:
    answer: list[Any] = []
    with engine.connect() as connection:
        for statement in ("SELEKT 1", "SELECT * FROM nowhere WHERE id = :id"):
            try:
                connection.execute(text(statement), {"id": 1} if ":id" in statement else {})
            except (ProgrammingError, OperationalError) as error:
                answer.append(raised(error))
                connection.rollback()
        answer.append(connection.scalar(text("SELECT 1")))
    return answer


@CASES("DataError: division by zero, number too large", only=ON_POSTGRES)
def data_error(engine: Engine) -> Any:
    answer: list[Any] = []
    with engine.connect() as connection:
        for statement in ("SELECT 1 / 0", "SELECT CAST('99999999999' AS INTEGER)"):
            try:
                connection.execute(text(statement))
            except DatabaseError as error:
                answer.append(raised(error))
                connection.rollback()
    return answer


@CASES("statement after an error in the same transaction", only=ON_POSTGRES)
def aborted_transaction(engine: Engine) -> Any:
    answer: list[Any] = []
    with engine.connect() as connection:
        for statement in ("SELECT 1 / 0", "SELECT 1"):
            try:
                answer.append(connection.scalar(text(statement)))
            except DatabaseError as error:
                answer.append(raised(error))
        connection.rollback()
        answer.append(connection.scalar(text("SELECT 2")))
    return answer


@CASES(
    "types: Decimal, timestamp, date, time, interval, UUID, bytes, JSON, int8, float, enum, null",
    only=("sqlite", *ON_POSTGRES, "pymysql", "mysqlclient"),  # mysqlconnector takes no UUID
)
def types(engine: Engine) -> Any:
    with Session(engine) as session:
        session.add_all(Specimen(**values) for values in SPECIMENS)
        session.commit()
    with Session(engine) as session:
        found = session.scalars(select(Specimen).order_by(Specimen.id)).all()
        exact = session.scalars(select(Specimen.id).where(Specimen.moment == SPECIMENS[0]["moment"]))
        return [[shown(one) for one in found], seen(sorted(exact))]


@CASES("types as the driver gives them, without SQLAlchemy's conversion")
def raw_types(engine: Engine) -> Any:
    on_postgres = (
        "SELECT 1.50::numeric, 'NaN'::float8, '-Infinity'::float8, 9007199254740993::int8, "
        "'2026-11-20 12:00+02'::timestamptz, '10:00:00'::time, '1 day 02:03:04'::interval, "
        "'\\x00ff'::bytea, '{\"a\": [1, null]}'::json, '{1,2,NULL}'::int[], NULL, 'a'::char(3)"
    )
    on_sqlite = "SELECT 1.5, 9007199254740993, x'00ff', 'text', NULL, 1e400, 2.0"
    statement = {"sqlite": on_sqlite, "postgresql": on_postgres}.get(engine.dialect.name, ON_MARIADB)
    with engine.connect() as connection:
        return seen(tuple(connection.exec_driver_sql(statement).one()))


@CASES("types of PostgreSQL: arrays, JSONB, inet, ranges", only=ON_POSTGRES)
def postgres_types(engine: Engine) -> Any:
    with engine.begin() as connection:
        values = {"tags": ["a", "ü", None], "grid": [[1, 2], [3, 4]], "document": {"k": [1, {"n": None}]}}
        connection.execute(insert(relics).values(**values, address="10.0.0.0/8"))
        connection.execute(text("UPDATE relics SET period = '[3,7)'"))
        return rows(connection.execute(select(relics)))


@CASES("first connection made in the endpoint")
def first_connection(engine: Engine) -> Any:
    own = create_engine(engine.url)
    try:
        with own.connect() as connection:
            server = own.dialect.server_version_info
            return [
                connection.scalar(select(literal("connected"))),
                seen(server),
                own.dialect.default_schema_name,
            ]
    finally:
        own.dispose()


@CASES("pool_pre_ping, pool_size=1, connections used again")
def pre_ping(engine: Engine) -> Any:
    own = create_engine(engine.url, pool_pre_ping=True, pool_size=1, max_overflow=0)
    answer: list[Any] = []
    try:
        for number in range(3):
            with own.connect() as connection:
                answer.append(connection.scalar(select(literal(number))))
        return [*answer, own.pool.status()]
    finally:
        own.dispose()


@CASES("two engines at once")
def two_engines(engine: Engine) -> Any:
    other = create_engine(engine.url)
    try:
        with engine.connect() as first, other.connect() as second:
            return [
                first.scalar(select(literal("first"))),
                second.scalar(select(literal("second"))),
                first.scalar(select(literal("first again"))),
            ]
    finally:
        other.dispose()


@CASES("isolation level AUTOCOMMIT, and the level asked for")
def isolation_level(engine: Engine) -> Any:
    with engine.connect() as connection:
        before = connection.get_isolation_level()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(insert(Author).values(name="autocommitted"))
        during = connection.get_isolation_level()
    with engine.connect() as connection:
        return [before, during, connection.scalar(select(func.count()).where(Author.name == "autocommitted"))]


@CASES("reflection: the tables, columns and constraints of the database")
def reflection(engine: Engine) -> Any:
    inspector = inspect(engine)
    return [
        sorted(inspector.get_table_names()),
        [
            [column["name"], str(column["type"]), column["nullable"]]
            for column in inspector.get_columns("authors")
        ],
        seen(inspector.get_unique_constraints("authors")),
        seen(inspector.get_foreign_keys("books")),
    ]


@CASES("events of the engine are heard")
def engine_events(engine: Engine) -> Any:
    own = create_engine(engine.url)
    heard: list[str] = []
    event.listen(own, "connect", lambda connection, record: heard.append("connect"))
    event.listen(own, "begin", lambda connection: heard.append("begin"))
    event.listen(own, "commit", lambda connection: heard.append("commit"))
    event.listen(
        own, "before_cursor_execute", lambda c, cursor, statement, p, x, many: heard.append(statement)
    )
    try:
        with own.begin() as connection:
            connection.execute(select(literal(1)))
    finally:
        own.dispose()
    return heard


@CASES("the driver's own connection and cursor")
def raw_connection(engine: Engine) -> Any:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1 AS one, 'two' AS two UNION ALL SELECT 3, 'four' ORDER BY 1")
        names = [column[0] for column in cursor.description or ()]
        answer = [names, cursor.rowcount, seen(cursor.fetchone()), seen(cursor.fetchall())]
        cursor.execute("SELECT 5")
        answer.append(seen(cursor.fetchmany(2)))
        cursor.close()
        return answer
    finally:
        connection.close()


@CASES(
    "COPY through the driver below a session: in and out, a refused row, a commit after it", only=ON_POSTGRES
)
def copying(engine: Engine) -> Any:
    answer: list[Any] = []
    driver: Any = engine.dialect.dbapi
    with Session(engine) as session:
        session.execute(text("DROP TABLE IF EXISTS copied"))
        session.execute(text("CREATE TABLE copied (id serial PRIMARY KEY, name text UNIQUE)"))
        raw: Any = session.connection().connection
        with raw.cursor() as cursor:  # as pandas' recipe for a faster to_sql() has it
            _copy_in(cursor, "ann\nbob\n")
            answer.append(cursor.rowcount)
        session.commit()
        answer.append(session.execute(text("SELECT name FROM copied ORDER BY id")).scalars().all())
        for lines in ("cid\nann\n", "cid\tsecond column\n"):
            try:
                _copy_in(session.connection().connection.cursor(), lines)
            except driver.Error as error:
                answer.append(raised(error))
            session.rollback()
        own = session.connection().connection.driver_connection
        assert own is not None
        with own.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM copied")
            answer.append(seen(cursor.fetchone()))
            answer.append(_copied_out(cursor))
        session.rollback()
    return answer


def _copy_in(cursor: Any, lines: str) -> None:
    statement = "COPY copied (name) FROM STDIN"
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert(statement, io.StringIO(lines))
        return
    with cursor.copy(statement) as copy:
        copy.write(lines)


def _copied_out(cursor: Any) -> list[str]:
    statement = "COPY copied TO STDOUT WITH (FORMAT csv, HEADER)"
    if hasattr(cursor, "copy_expert"):
        file = io.StringIO()
        cursor.copy_expert(statement, file)
        return file.getvalue().splitlines()
    with cursor.copy(statement) as copy:
        return [bytes(piece).decode() for piece in copy]


@CASES("ThreadPoolExecutor, four statements at once")
def thread_pool(engine: Engine) -> Any:
    def ask(number: int) -> Any:
        with engine.connect() as connection:
            return connection.scalar(select(literal(number)))

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(4)))


@CASES("connection refused")
def no_database(engine: Engine) -> Any:
    closed = engine.url.set(port=1) if engine.url.host else engine.url.set(database="/nowhere/at/all.db")
    own = create_engine(closed)
    try:
        with own.connect() as connection:
            return connection.scalar(select(literal(1)))
    except DBAPIError as error:  # of which class, is for the driver to say
        return raised(error)
    finally:
        own.dispose()
