"""Replays: what they answer, what they refuse, and what they leave alone."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy import bindparam, create_engine, event, func, insert, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, Pool, StaticPool

from tests.integrations.ports import LiveExchange, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import SYNC, Database
from tests.integrations.sqlalchemy.tables import Person
from timetracer_otel.errors import MissError, NoSessionError, ReplayError
from timetracer_otel.messages import Request, SqlStatement
from timetracer_otel.ports import Caller


def name_of(number: int) -> Any:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            return connection.scalar(select(Person.name).where(Person.id == number))

    return see


def add(engine: Engine) -> Any:
    with Session(engine) as session:
        session.add(Person(name="dot"))
        session.commit()
        return session.scalar(select(func.count()).select_from(Person))


def count(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Person))


def test_a_changed_parameter_is_a_miss(db: Database) -> None:
    _, calls = db.recorded(name_of(1))
    assert db.replayed(calls, name_of(1)) == "ann"
    with pytest.raises(MissError, match="people"):
        db.replayed(calls, name_of(2))


def test_a_changed_row_of_many_is_a_miss(db: Database) -> None:
    def adding(last: int) -> Any:
        def see(engine: Engine) -> Any:
            statement = update(Person).where(Person.id == bindparam("who")).values(age=bindparam("new"))
            with engine.begin() as connection:
                connection.execute(statement, [{"who": 1, "new": 1}, {"who": 2, "new": last}])

        return see

    _, calls = db.recorded(adding(2))
    db.replayed(calls, adding(2))
    with pytest.raises(MissError):
        db.replayed(calls, adding(3))


def test_nothing_reaches_a_running_database(db: Database) -> None:
    _, calls = db.recorded(add)
    db.fresh()

    def see(engine: Engine) -> Any:
        before = count(engine)
        with using(ReplayPort(calls)):
            during = add(engine)
        return before, during, count(engine)

    assert db.run(db.engine(), see) == (3, 4, 3)
    assert db.count("people") == 3


def test_a_connection_taken_before_the_replay(db: Database) -> None:
    def put(connection: Connection) -> None:
        connection.execute(insert(Person).values(name="dot"))
        connection.commit()

    def put_alone(engine: Engine) -> Any:
        with engine.connect() as connection:
            put(connection)

    _, calls = db.recorded(put_alone)
    db.fresh()

    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            before = connection.scalar(select(func.count()).select_from(Person))
            port = ReplayPort(calls)
            with using(port):
                put(connection)
            return before, connection.scalar(select(func.count()).select_from(Person)), port.unused

    assert db.run(db.engine(), see) == (3, 3, [])
    assert db.count("people") == 3


def test_replayed_connections_serve_no_live_work(db: Database) -> None:
    _, calls = db.recorded(count)
    db.fresh()

    def see(engine: Engine) -> Any:
        with using(ReplayPort(calls)):
            kept = engine.connect()
            during = kept.scalar(select(func.count()).select_from(Person))
        with pytest.raises(NoSessionError):
            kept.execute(text("SELECT 1"))
        kept.close()
        with engine.connect() as connection:
            connection.execute(insert(Person).values(name="dot"))
            connection.commit()
        return during, count(engine), engine.dialect.server_version_info

    during, after, version = db.run(db.engine(pool_size=1, max_overflow=0), see)
    assert (during, after, db.count("people")) == (3, 4, 4)
    assert version is not None


def test_the_first_connection_of_an_engine_may_be_a_replayed_one(db: Database) -> None:
    """Whatever was recorded of the server serves every cassette; a real one is asked anew."""
    _, calls = db.recorded(add)
    learned = db.run(db.engine(), lambda engine: (count(engine), vars(engine.dialect).copy())[1])
    db.fresh()

    def see(engine: Engine) -> Any:
        with using(ReplayPort(calls)):
            add(engine)
            replayed = vars(engine.dialect).copy()
        engine.dialect.default_schema_name = "from the recording"
        count(engine)
        return replayed, vars(engine.dialect).copy()

    replayed, live = db.run(db.engine(), see)
    for name in ("server_version_info", "default_schema_name", "default_isolation_level"):
        assert replayed[name] == learned[name] == live[name], name


def test_hybrid(db: Database) -> None:
    class Hybrid(ReplayPort):
        def live(self, caller: Caller) -> bool:
            return caller.name == "sqlalchemy"

        def begin(self, caller: Caller, request: Request, span: Any = None) -> Any:
            return RecordingPort().begin(caller, request, span)

    db.fresh()
    with using(Hybrid([])):
        assert db.run(db.engine(), add) == 4
    assert db.count("people") == 4


def test_misses_that_may_pass(db: Database) -> None:
    class Passing(ReplayPort):
        passed: list[str]

        def begin(self, caller: Caller, request: Request, span: Any = None) -> Any:
            try:
                return super().begin(caller, request, span)
            except MissError:
                port = RecordingPort()
                return port.begin(caller, request, span)

    _, calls = db.recorded(name_of(1))
    db.fresh()

    def see(engine: Engine) -> Any:
        with using(Passing(calls)):
            seen = name_of(1)(engine), name_of(2)(engine), add(engine)
        return seen, engine.pool.status() if hasattr(engine.pool, "status") else ""

    seen, status = db.run(db.engine(pool_size=1, max_overflow=0), see)
    assert seen == ("ann", "bob", 4)
    assert "Current Checked out connections: 0" in status
    assert db.count("people") == 4


def test_more_rows_than_were_read(db: Database) -> None:
    numbers = select(Person.id).order_by(Person.id)

    def first(engine: Engine) -> Any:
        with engine.connect() as connection:
            return connection.execute(numbers).first()

    def every(engine: Engine) -> Any:
        with engine.connect() as connection:
            return connection.execute(numbers).all()

    _, calls = db.recorded(first)
    with pytest.raises(ReplayError, match="1 rows it fetched"):
        db.replayed(calls, every)


def test_rows_over_the_limit(db: Database) -> None:
    port = RecordingPort(body_limit=100)

    def every(engine: Engine) -> Any:
        with engine.connect() as connection:
            numbers = "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 50)"
            return connection.execute(text(f"{numbers} SELECT n FROM r")).scalars().all()

    db.fresh()
    with using(port):
        assert db.run(db.engine(), every) == list(range(1, 51))
    assert [kind for call in port.calls for kind, _ in call.gaps] == ["rows over the limit"]
    with pytest.raises(ReplayError, match="record again"):
        db.replayed(port.calls, every)


def test_what_the_app_does_to_its_rows_is_not_recorded(pg: Database) -> None:
    def see(engine: Engine) -> Any:
        with engine.connect() as connection:
            result = connection.execute(text("SELECT ARRAY[1, 2] AS a"))
            row: Any = result.fetchone()
            (value,) = row
            before = list(value)
            value.clear()
            return before, result.fetchall()

    assert pg.same(see) == ([1, 2], [])


def test_two_engines(db: Database) -> None:
    def see(engine: Engine) -> Any:
        other = (
            db.engine()
            if "127.0.0.1:1/" not in str(engine.url) and "missing" not in str(engine.url)
            else db.stopped()
        )
        with engine.connect() as one, other.connect() as two:
            answer = [
                one.scalar(select(Person.name).where(Person.id == 1)),
                two.scalar(select(Person.name).where(Person.id == 2)),
            ]
        other.dispose()
        return answer

    assert db.same(see) == ["ann", "bob"]


def test_listeners_of_the_app(db: Database) -> None:
    heard: list[str] = []

    def see(engine: Engine) -> Any:
        heard.clear()

        @event.listens_for(engine, "connect")
        def connect(dbapi_connection: Any, record: Any) -> None:
            record.info["known"] = True
            cursor = dbapi_connection.cursor()
            cursor.execute("SELECT 1")
            cursor.close()
            heard.append("connect")

        @event.listens_for(engine, "checkout")
        def checkout(dbapi_connection: Any, record: Any, proxy: Any) -> None:
            assert record.info["known"]
            heard.append("checkout")

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def before(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> Any:
            return f"{statement} /*traceparent='00-{len(heard):032x}-1'*/", parameters

        return count(engine), count(engine), list(heard)

    assert db.same(see) == (3, 3, ["connect", "checkout", "checkout"])


def test_the_span_of_the_instrumentation(db: Database) -> None:
    """It is not current, but in the execution context; one that ended is not taken."""

    class Spans(RecordingPort):
        def __init__(self) -> None:
            super().__init__()
            self.spans: list[Any] = []

        def begin(self, caller: Caller, request: Request, span: Any = None) -> LiveExchange:
            self.spans.append(span)
            return super().begin(caller, request, span)

    class Span:
        end_time: int | None = None

    made: list[Span] = []

    def see(engine: Engine) -> Any:
        @event.listens_for(engine, "before_cursor_execute")
        def before(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            context._otel_span = Span()
            made.append(context._otel_span)

        return count(engine), count(engine)

    db.fresh()
    with using(Spans()) as port:
        db.run(db.engine(), see)
    assert port.spans == made


def test_statements_say_where_they_went(db: Database) -> None:
    _, calls = db.recorded(count)
    (call,) = calls
    statement = call.asked
    assert isinstance(statement, SqlStatement)
    assert statement.system == db.driver.split("+")[0]
    assert statement.namespace in ("test", str(db._file))
    assert statement.span_attributes() == {
        "db.system.name": statement.system,
        "db.namespace": statement.namespace,
        "db.operation.name": "SELECT",
        "db.query.text": statement.text,
    }


@pytest.mark.parametrize("pool", [NullPool, StaticPool])
def test_other_pools(db: Database, pool: type[Pool]) -> None:
    assert db.same(lambda engine: (count(engine), add(engine), count(engine)), poolclass=pool) == (3, 4, 4)


@pytest.mark.parametrize("db", SYNC, indirect=True)
def test_a_pool_of_the_apps_own_that_cannot_be_made_again(db: Database) -> None:
    class OwnPool(NullPool):
        def recreate(self) -> NullPool:
            raise TypeError("not without its arguments")

    _, calls = db.recorded(count)
    with using(ReplayPort(calls)):
        assert count(db.stopped(poolclass=OwnPool)) == 3


@pytest.mark.parametrize("db", ["sqlite+pysqlite"], indirect=True)
def test_an_engine_with_a_creator(db: Database) -> None:
    """The app's own function connects; a replay does not call it."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(db._file, check_same_thread=False)

    def refuse() -> sqlite3.Connection:
        raise AssertionError("a replay connected")

    db.fresh()
    with using(RecordingPort()) as port:
        assert db.run(create_engine("sqlite://", creator=connect), count) == 3
    with using(ReplayPort(port.calls)):
        assert db.run(create_engine("sqlite://", creator=refuse), count) == 3


@pytest.mark.parametrize(
    "broken",
    [
        "dbapi.pending.plain_row",
        "dbapi.pending.columns_of",
        "sqlalchemy.checkout.SqlStatement",
        "sqlalchemy.checkout.driver_of",
        "sqlalchemy.asking.plain",
    ],
)
def test_a_failure_of_ours_is_not_the_apps(
    db: Database, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(f"timetracer_otel.integrations.{broken}", fail)
    db.fresh()
    with using(RecordingPort()):
        assert db.run(db.engine(), add) == 4
