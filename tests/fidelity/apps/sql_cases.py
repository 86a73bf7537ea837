"""SQLAlchemy, synchronous: statements and results, each case with each driver."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Engine,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import (
    IntegrityError,
)
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.databases import ON_MYSQL, ON_POSTGRES, SYNC_DRIVERS, Author, Book
from tests.fidelity.apps.seen import raised, rows, seen

CASES = Cases("SQLAlchemy", "sql", SYNC_DRIVERS)


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
    statement = text("SELECT CAST(:b AS CHAR(10)) AS b, CAST(:a AS INTEGER) AS a, CAST(:b AS CHAR(10)) AS c")
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
            f"SELECT CAST({mark} AS INTEGER) AS first, CAST({mark} AS CHAR(10)) AS second", (7, "seven")
        )
        return rows(result)


@CASES("INSERT ... RETURNING")
def returning(engine: Engine) -> Any:
    with engine.begin() as connection:
        statement = insert(Author).values(name="returned").returning(Author.id, Author.name, Author.country)
        return rows(connection.execute(statement))


@CASES("UPDATE ... RETURNING, DELETE ... RETURNING", only=("sqlite", *ON_POSTGRES))
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
            raise LookupError("changed my mind")  # noqa: TRY301  # what this case is about
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
        gone: Any = session.execute(delete(Author).where(Author.name == "bulk 0"))
        session.commit()
        left = session.execute(
            select(Author.name, Author.country).where(Author.name.like("bulk %")).order_by(Author.id)
        )
        return [list(inserted), gone.rowcount, rows(left)]


@CASES("lastrowid", only=("sqlite", *ON_MYSQL))
def lastrowid(engine: Engine) -> Any:
    with engine.begin() as connection:
        result = connection.execute(text("INSERT INTO authors (name) VALUES (:name)"), {"name": "last row"})
        return [result.lastrowid, result.rowcount]
