"""SQLAlchemy, synchronous: each case with each driver."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Engine,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import (
    DatabaseError,
    IntegrityError,
    MultipleResultsFound,
    NoResultFound,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.databases import ON_POSTGRES, SYNC_DRIVERS, Author, Book, Specimen, relics
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import SPECIMENS, shown

CASES = Cases("SQLAlchemy", "sql", SYNC_DRIVERS)


def rows(result: Any) -> Any:
    """All rows of a result, with the names of its columns."""
    return [list(result.keys()), [seen(tuple(row)) for row in result]]


@CASES("ORM: insert, select, update, delete")
def orm(engine: Engine) -> Any:
    answer: list[Any] = []
    with Session(engine) as session:
        ada = Author(name="orm Ada", country="GB", books=[Book(title="Notes"), Book(title="Letters")])
        session.add(ada)
        session.commit()
        answer.append([ada.id, ada.name, [book.id for book in ada.books]])
        found = session.scalars(select(Author).where(Author.name == "orm Ada")).one()
        found.country = "UK"
        session.commit()
        answer.append([found is ada, found.country, seen(found.books[0].price)])
        session.delete(found)
        session.commit()
        answer.append(session.scalar(select(func.count()).where(Author.name == "orm Ada")))
    return answer


@CASES("Core: insert, select, update, delete, rowcount")
def core(engine: Engine) -> Any:
    with engine.begin() as connection:
        inserted = connection.execute(insert(Author).values(name="core Ada", country="GB"))
        answer: list[Any] = [seen(inserted.inserted_primary_key), inserted.rowcount]
        found = connection.execute(select(Author).where(Author.name == "core Ada"))
        answer.append(rows(found))
        changed = connection.execute(update(Author).where(Author.name == "core Ada").values(country=None))
        answer.append(changed.rowcount)
        gone = connection.execute(delete(Author).where(Author.name == "core Ada"))
        return [*answer, gone.rowcount, gone.returns_rows]


@CASES("text() with named parameters; the same parameters in another order")
def text_statement(engine: Engine) -> Any:
    statement = text(
        "SELECT CAST(:b AS VARCHAR(10)) AS b, CAST(:a AS INTEGER) AS a, CAST(:b AS VARCHAR(10)) AS c"
    )
    with engine.connect() as connection:
        return [
            rows(connection.execute(statement, {"a": 1, "b": "x"})),
            rows(connection.execute(statement, {"b": "y", "a": 2})),
        ]


@CASES("exec_driver_sql, positional parameters")
def driver_sql(engine: Engine) -> Any:
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    with engine.connect() as connection:
        result = connection.exec_driver_sql(
            f"SELECT CAST({mark} AS INTEGER) AS first, CAST({mark} AS VARCHAR(10)) AS second", (7, "seven")
        )
        return rows(result)


@CASES("INSERT ... RETURNING")
def returning(engine: Engine) -> Any:
    with engine.begin() as connection:
        statement = insert(Author).values(name="returned").returning(Author.id, Author.name, Author.country)
        return rows(connection.execute(statement))


@CASES("UPDATE ... RETURNING, DELETE ... RETURNING")
def returning_from_others(engine: Engine) -> Any:
    with engine.begin() as connection:
        connection.execute(insert(Author).values(name="to change"))
        changed = (
            update(Author).where(Author.name == "to change").values(name="changed").returning(Author.name)
        )
        gone = delete(Author).where(Author.name == "changed").returning(Author.name, Author.country)
        return [rows(connection.execute(changed)), rows(connection.execute(gone))]


@CASES("insertmanyvalues: 100 rows, their keys come back in order")
def insertmanyvalues(engine: Engine) -> Any:
    with Session(engine) as session:
        authors = [Author(name=f"many {number:03}") for number in range(100)]
        session.add_all(authors)
        session.flush()
        keys = [author.id for author in authors]
        session.commit()
        return keys


@CASES("insertmanyvalues in several batches, RETURNING sorted")
def insertmanyvalues_in_batches(engine: Engine) -> Any:
    with engine.connect() as connection:
        batched = connection.execution_options(insertmanyvalues_page_size=7)
        statement = insert(Author).returning(Author.id, Author.name, sort_by_parameter_order=True)
        result = rows(batched.execute(statement, [{"name": f"batch {number:02}"} for number in range(20)]))
        connection.commit()
        return result


@CASES("executemany: INSERT, UPDATE, rowcount")
def executemany(engine: Engine) -> Any:
    with engine.begin() as connection:
        connection.execute(
            insert(Author), [{"name": f"each {number}", "country": "X"} for number in range(5)]
        )
        statement = update(Author).where(Author.name == bindparam("who")).values(country=bindparam("where"))
        changed = connection.execute(statement, [{"who": f"each {n}", "where": f"C{n}"} for n in range(5)])
        count = changed.rowcount
        found = connection.execute(
            select(Author.country).where(Author.name.like("each %")).order_by(Author.id)
        )
        return [count, rows(found)]


@CASES("savepoint rolled back inside a transaction")
def savepoint(engine: Engine) -> Any:
    with Session(engine) as session:
        session.add(Author(name="kept"))
        session.flush()
        try:
            with session.begin_nested():
                session.add(Author(name="kept"))
                session.flush()
        except IntegrityError as error:
            problem = raised(error)
        with session.begin_nested():
            session.add(Author(name="kept too"))
        session.commit()
        names = select(Author.name).where(Author.name.like("kept%")).order_by(Author.name)
        return [problem, list(session.scalars(names))]


@CASES("rollback")
def rollback(engine: Engine) -> Any:
    with Session(engine) as session:
        session.add(Author(name="never"))
        session.flush()
        session.rollback()
        return session.scalars(select(Author).where(Author.name == "never")).all()


@CASES("transaction given up by an exception of the application")
def exception_in_transaction(engine: Engine) -> Any:
    try:
        with engine.begin() as connection:
            connection.execute(insert(Author).values(name="given up"))
            raise LookupError("changed my mind")
    except LookupError as error:
        answer = raised(error)
    with engine.connect() as connection:
        return [answer, connection.scalar(select(func.count()).where(Author.name == "given up"))]


@CASES("server-side cursor: yield_per, partitions")
def yield_per(engine: Engine) -> Any:
    with engine.begin() as connection:
        connection.execute(insert(Author), [{"name": f"yield {number:02}"} for number in range(25)])
        statement = select(Author.name).where(Author.name.like("yield %")).order_by(Author.name)
        result = connection.execution_options(yield_per=10).execute(statement)
        sizes = [len(part) for part in result.partitions()]
        streamed = connection.execution_options(stream_results=True).execute(statement)
        first = streamed.fetchone()
        some = streamed.fetchmany(3)
        streamed.close()
        return [sizes, seen(first), seen(some)]


@CASES("result methods: first, one_or_none, fetchmany, mappings, unique, scalars, tuples")
def result_methods(engine: Engine) -> Any:
    numbers = select(literal(1).label("n")).union_all(select(literal(2)), select(literal(2))).order_by("n")
    with engine.connect() as connection:
        return [
            seen(connection.execute(numbers).first()),
            seen(connection.execute(select(literal(1)).where(literal(1) == 2)).one_or_none()),
            [seen(part) for part in connection.execute(numbers).partitions(2)],
            [dict(row) for row in connection.execute(numbers).mappings()],
            connection.execute(numbers).scalars().unique().all(),
            seen(connection.execute(numbers).tuples().all()),
            seen(connection.execute(numbers).fetchall()),
        ]


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


@CASES("types: Decimal, timestamp, date, time, interval, UUID, bytes, JSON, int8, float, enum, null")
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
        "SELECT 1.50::numeric, 'NaN'::float8, '-Infinity'::float8, 9007199254740993::int8, now() IS NOT NULL, "
        "'2026-11-20 12:00+02'::timestamptz, '10:00:00'::time, '1 day 02:03:04'::interval, "
        "'\\x00ff'::bytea, '{\"a\": [1, null]}'::json, '{1,2,NULL}'::int[], NULL, 'a'::char(3)"
    )
    on_sqlite = "SELECT 1.5, 9007199254740993, x'00ff', 'text', NULL, 1e400, 2.0"
    statement = on_sqlite if engine.dialect.name == "sqlite" else on_postgres
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


@CASES("relationships: lazy, selectin, joined")
def relationships(engine: Engine) -> Any:
    with Session(engine) as session:
        for name in ("rel A", "rel B"):
            session.add(Author(name=name, books=[Book(title=f"{name} {n}") for n in range(3)]))
        session.commit()
    answer: list[Any] = []
    base = select(Author).where(Author.name.like("rel %")).order_by(Author.id)
    for statement in (base, base.options(selectinload(Author.books)), base.options(joinedload(Author.books))):
        with Session(engine) as session:
            authors = session.scalars(statement).unique().all()
            answer.append([[author.name, [book.title for book in author.books]] for author in authors])
    return answer


@CASES("relationship filled from a join, aggregates, group by")
def aggregates(engine: Engine) -> Any:
    with Session(engine) as session:
        session.add(Author(name="agg", books=[Book(title=f"t{n}", price=Decimal(n)) for n in range(1, 5)]))
        session.commit()
        statement = (
            select(Author.name, func.count(Book.id), func.sum(Book.price), func.avg(Book.id) > 0)
            .join(Author.books)
            .where(Author.name == "agg")
            .group_by(Author.name)
        )
        return rows(session.execute(statement))


@CASES("sessionmaker.begin, get, merge, refresh, expire")
def session_methods(engine: Engine) -> Any:
    factory = sessionmaker(engine)
    with factory.begin() as session:
        author = Author(name="methods")
        session.add(author)
        session.flush()
        key = author.id
    with factory() as session:
        author = session.get_one(Author, key)
        merged = session.merge(Author(id=key, name="methods", country="merged"))
        session.commit()
        session.refresh(author)
        return [key, merged is author, author.country, session.get(Author, -1)]


@CASES("ORM bulk insert, update and delete by statement")
def orm_bulk(engine: Engine) -> Any:
    with Session(engine) as session:
        inserted = session.scalars(
            insert(Author).returning(Author.id, sort_by_parameter_order=True),
            [{"name": f"bulk {number}"} for number in range(3)],
        ).all()
        session.execute(update(Author), [{"id": key, "country": f"K{key}"} for key in inserted])
        gone = session.execute(delete(Author).where(Author.name == "bulk 0"))
        session.commit()
        left = session.execute(
            select(Author.name, Author.country).where(Author.name.like("bulk %")).order_by(Author.id)
        )
        return [list(inserted), gone.rowcount, rows(left)]


@CASES("lastrowid", only=("sqlite",))
def lastrowid(engine: Engine) -> Any:
    with engine.begin() as connection:
        result = connection.execute(text("INSERT INTO authors (name) VALUES (:name)"), {"name": "last row"})
        return [result.lastrowid, result.rowcount]


@CASES("reflection: the tables, columns and constraints of the database")
def reflection(engine: Engine) -> Any:
    inspector = inspect(engine)
    return [
        sorted(inspector.get_table_names()),
        seen(
            [
                [column["name"], str(column["type"]), column["nullable"]]
                for column in inspector.get_columns("authors")
            ]
        ),
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
    except OperationalError as error:
        return raised(error)
    finally:
        own.dispose()
