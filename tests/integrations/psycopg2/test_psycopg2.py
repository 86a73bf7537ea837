"""What an app sees of psycopg2: live, recording and replaying alike."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors, extensions, extras, pool, sql

from tests.integrations.ports import LettingThrough, RecordingPort, ReplayPort, using
from tests.integrations.psycopg2.runs import NOWHERE, Runs
from timetracer_otel import ports
from timetracer_otel.errors import MissError, NoSessionError, ReplayError

PEOPLE = "SELECT id, name, age FROM people ORDER BY id"


def raised(act: Any) -> list[Any]:
    try:
        return ["returned", act()]
    except Exception as error:
        diag = getattr(error, "diag", None)
        names = ("constraint_name", "message_primary", "sqlstate", "table_name", "message_detail")
        fields = [getattr(diag, name) for name in names] if diag is not None else None
        return [type(error), str(error), error.args, getattr(error, "pgcode", ""), fields]


def test_fetching_in_every_way(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.arraysize = 2
        seen = [
            cursor.execute(PEOPLE),
            cursor.description,
            cursor.rowcount,
            cursor.statusmessage,
            cursor.query,
        ]
        seen += [type(cursor.description[0]), cursor.description[0].name, cursor.description[0].type_code]
        seen += [
            cursor.fetchone(),
            cursor.rownumber,
            cursor.fetchmany(),
            cursor.fetchmany(5),
            cursor.fetchone(),
        ]
        cursor.execute("SELECT name FROM people WHERE age > %(age)s", {"age": 20})
        seen += [list(cursor), cursor.query]
        cursor.execute("SELECT %s, %s, %s", ("it's", "back\\slash", b"\x00\xff"))
        seen += [
            cursor.query,
            [bytes(item) if isinstance(item, memoryview) else item for item in cursor.fetchone()],
        ]
        return [
            *seen,
            cursor.connection is connection,
            isinstance(cursor, extensions.cursor),
            repr(type(connection)),
        ]

    assert db.same(scenario)[8] == (1, "ann", 41)


def test_changes_and_transactions(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        def state() -> list[Any]:
            return [
                connection.status,
                connection.get_transaction_status(),
                connection.info.transaction_status,
            ]

        seen = [state(), connection.autocommit, connection.isolation_level, connection.closed]
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('dan') RETURNING id")
            seen += [cursor.fetchone(), cursor.rowcount, cursor.statusmessage, cursor.lastrowid, state()]
            cursor.executemany(
                "INSERT INTO people (name, age) VALUES (%s, %s)", iter([("eve", 1), ("fay", 2)])
            )
            seen += [cursor.rowcount, cursor.description]
        seen.append(state())
        cursor = connection.cursor()
        cursor.execute("SAVEPOINT one")
        cursor.execute("DELETE FROM people")
        seen.append(cursor.rowcount)
        cursor.execute("ROLLBACK TO SAVEPOINT one")
        seen.append(raised(lambda: cursor.execute("SELECT 1/0")))
        seen += [state(), raised(lambda: cursor.execute("SELECT 1"))]
        connection.rollback()
        seen += [state(), raised(lambda: setattr(connection, "autocommit", True)), connection.autocommit]
        cursor.execute(PEOPLE)
        seen += [cursor.fetchall(), raised(lambda: connection.set_session(readonly=True))]
        connection.commit()
        connection.set_session("serializable", readonly=True, autocommit=True)
        return [
            *seen,
            connection.isolation_level,
            connection.readonly,
            connection.autocommit,
            connection.closed,
        ]

    assert db.same(scenario)[4:7] == [(4,), 1, "INSERT 0 1"]


@pytest.mark.parametrize("factory", [extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor])
@pytest.mark.parametrize("name", [None, "on the server"])
def test_cursor_factories(db: Runs, factory: Any, name: str | None) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor(name, cursor_factory=factory) if name else connection.cursor()
        cursor.itersize = 2
        cursor.execute(PEOPLE)
        first = cursor.fetchone()
        seen: list[Any] = [type(first).__name__, isinstance(cursor, factory)]
        if factory is extras.NamedTupleCursor:  # its classes are made for each class of cursors
            seen += [first._fields, *map(tuple, [first, *cursor.fetchmany(1), *cursor])]
            return [*seen, cursor.name, cursor.description, cursor.rowcount]
        seen.append(first)
        if factory is extras.DictCursor:
            seen += [first["name"], list(first.keys()), first.copy()]
        seen += [cursor.fetchmany(1), list(cursor), cursor.name, cursor.description, cursor.rowcount]
        cursor.close()
        return seen

    db.same(scenario, cursor_factory=factory)


def test_server_side_cursors(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor("stream", withhold=True, scrollable=False)
        cursor.execute("SELECT generate_series(1, %s)", (7,))
        seen = [cursor.description, cursor.rowcount, cursor.withhold, cursor.scrollable]
        seen += [
            cursor.fetchone(),
            cursor.rowcount,
            cursor.description is None,
            cursor.fetchmany(3),
            cursor.rowcount,
        ]
        connection.commit()
        return [*seen, cursor.fetchall(), cursor.fetchone(), cursor.closed, cursor.close(), cursor.closed]

    db.same(scenario)


def test_scrolling(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute(PEOPLE)
        seen = [cursor.fetchone(), cursor.scroll(1), cursor.fetchone(), cursor.rownumber]
        seen += [cursor.scroll(0, mode="absolute"), cursor.fetchall(), raised(lambda: cursor.scroll(9))]
        return [*seen, raised(lambda: cursor.scroll(1, "sideways")), cursor.scroll(-2), cursor.fetchone()]

    db.same(scenario)


def test_types(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        extras.register_uuid(conn_or_curs=connection)
        cursor = connection.cursor()
        cursor.execute("CREATE TYPE mood AS ENUM ('calm', 'wild')")
        cursor.execute(
            "SELECT 1.50::numeric, 'NaN'::numeric, 'NaN'::float8, '2026-01-02 03:04:05+02'::timestamptz,"
            " '2026-01-02'::date, '03:04:05'::time, %s::uuid, '{\"a\": [1, null]}'::jsonb,"
            " ARRAY[[1,2],[3,NULL]], '[1,5)'::int4range, '192.168.0.1/24'::inet, '\\x00ff'::bytea,"
            " 'wild'::mood, '1 mon 3 days'::interval, NULL, true, 9223372036854775807, %s::text[]",
            (uuid.UUID(int=7), ["a", "b\\c", None]),
        )
        row = cursor.fetchone()
        return [bytes(item) if isinstance(item, memoryview) else item for item in row]

    seen = db.same(scenario)
    assert seen[0] == Decimal("1.50")
    assert seen[3] == dt.datetime(2026, 1, 2, 1, 4, 5, tzinfo=dt.UTC)


def test_types_that_the_app_registers(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("CREATE TYPE pair AS (a int, b text)")
        extras.register_composite("pair", connection)
        cursor.execute("SELECT (1, 'x')::pair, ARRAY[(2, 'y')]::pair[], '10.0.0.1'::inet")
        seen = [repr(cursor.fetchone())]
        extras.register_inet(conn_or_curs=connection)
        with connection.cursor(name="served") as served:
            served.execute("SELECT '10.0.0.1'::inet, (n, 'z')::pair FROM generate_series(1, 2) n")
            seen += [repr(served.fetchone()), repr(served.fetchall())]
        return [*seen, repr(cursor.cast(869, "10.0.0.2"))]

    before = dict(extensions.string_types)
    assert db.same(scenario) == [
        "(pair(a=1, b='x'), [pair(a=2, b='y')], '10.0.0.1')",
        "(Inet('10.0.0.1'), pair(a=1, b='z'))",
        "[(Inet('10.0.0.1'), pair(a=2, b='z'))]",
        "Inet('10.0.0.2')",
    ]
    assert dict(extensions.string_types) == before


def test_a_type_that_the_app_does_not_register_again_is_an_error(db: Runs) -> None:
    def scenario(connection: Any, *, register: bool = True) -> Any:
        if register:
            extras.register_inet(conn_or_curs=connection)
        cursor = connection.cursor()
        cursor.execute("SELECT '10.0.0.1'::inet")
        return cursor.fetchone()

    _, calls = db.recorded(scenario)
    with pytest.raises(
        ReplayError, match="a value of type 869 that a type caster of the app's made; none is"
    ):
        db.replayed(calls, lambda connection: scenario(connection, register=False))


def test_errors(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        connection.autocommit = True
        cursor = connection.cursor()
        seen = [
            raised(lambda: cursor.execute("INSERT INTO people (name) VALUES ('ann')")),
            raised(lambda: cursor.execute("SELEC 1")),
            raised(lambda: cursor.execute("SELECT * FROM missing")),
            raised(lambda: cursor.execute("SELECT %s, %s", (1,))),
            raised(lambda: cursor.execute("SET statement_timeout = 10; SELECT pg_sleep(5)")),
            raised(lambda: cursor.execute("")),
            raised(cursor.fetchone),
            raised(lambda: cursor.execute("SELECT 1") or cursor.fetchone()),
            raised(lambda: cursor.execute("DO $$ BEGIN RAISE serialization_failure; END $$")),
        ]
        cursor.close()
        seen += [raised(lambda: cursor.execute("SELECT 1")), raised(cursor.fetchone), cursor.closed]
        connection.close()
        seen += [raised(lambda: connection.cursor()), raised(connection.commit), connection.closed]
        return seen

    seen = db.same(scenario)
    assert seen[0][0] is errors.UniqueViolation
    assert seen[0][3:] == [
        "23505",
        [
            "one_name",
            'duplicate key value violates unique constraint "one_name"',
            "23505",
            "people",
            "Key (name)=(ann) already exists.",
        ],
    ]


def test_notices_and_notifications(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("LISTEN news")
        cursor.execute("DO $$ BEGIN RAISE NOTICE 'hear hear'; END $$")
        seen: list[Any] = [connection.notices]
        cursor.execute("NOTIFY news, 'one'")
        connection.poll()
        seen.append([(one.channel, one.payload, one.pid > 0) for one in connection.notifies])
        return seen

    assert db.same(scenario) == [["NOTICE:  hear hear\n"], [("news", "one", True)]]


def test_copy(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.copy_from(io.StringIO("10\tx\t1\n11\ty\\\\z\t\\N\n"), "people", columns=("id", "name", "age"))
        seen = [cursor.rowcount, cursor.statusmessage]
        cursor.copy_expert("COPY people (id, name) FROM STDIN WITH CSV", io.BytesIO("12,ü\n".encode()))
        text, raw = io.StringIO(), io.BytesIO()
        cursor.copy_to(text, "people", sep="|", null="-")
        cursor.copy_expert("COPY (SELECT name FROM people ORDER BY id) TO STDOUT WITH CSV HEADER", raw)
        seen += [text.getvalue(), raw.getvalue(), cursor.rowcount]
        return [*seen, raised(lambda: cursor.copy_from(io.StringIO("nonsense"), "people"))]

    assert db.same(scenario)[0] == 2


def test_copies_of_more_than_is_kept(db: Runs) -> None:
    def giving(count: int) -> Any:
        def scenario(connection: Any) -> Any:
            lines = "".join(f"name {number}\n" for number in range(count))
            connection.cursor().copy_expert("COPY people (name) FROM STDIN", io.StringIO(lines))

        return scenario

    def receiving(connection: Any) -> Any:
        connection.cursor().copy_to(io.StringIO(), "people")
        connection.cursor().copy_expert("COPY (SELECT generate_series(1, 9999)) TO STDOUT", io.StringIO())

    def recorded(scenario: Any) -> list[Any]:
        db.fresh()
        port = RecordingPort(body_limit=1000)
        with using(port):
            db.run(db.url, scenario)
        return port.calls

    calls = recorded(giving(500))
    assert "sha256" in calls[0].request
    with using(ReplayPort(calls, body_limit=1000)):
        db.run(NOWHERE, giving(500))
        with pytest.raises(MissError):
            db.run(NOWHERE, giving(501))
    calls = recorded(receiving)
    assert [[kind for kind, _ in call.gaps] for call in calls] == [[], ["copied data over the limit"]]
    with using(ReplayPort(calls)), pytest.raises(ReplayError, match="over the limit"):
        db.run(NOWHERE, receiving)


def test_extras_callproc_and_composed_statements(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        values = [("x'1", 1), ("x\\2", None), ("x3", 3)]
        seen: list[Any] = [
            extras.execute_values(
                cursor,
                "INSERT INTO people (name, age) VALUES %s RETURNING id",
                values,
                page_size=2,
                fetch=True,
            )
        ]
        extras.execute_batch(cursor, "UPDATE people SET age = %s WHERE name = %s", [(5, "ann"), (6, "bob")])
        cursor.execute("CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'")
        seen += [cursor.callproc("double", (21,)), cursor.fetchone()]
        query = sql.SQL("SELECT {} FROM {} WHERE name = {} ORDER BY 1").format(
            sql.SQL(", ").join([sql.Identifier("id"), sql.Identifier('na"me'[:2] + "me")]),
            sql.Identifier("people"),
            sql.Literal("ann"),
        )
        seen += [query.as_string(connection), cursor.execute(query), cursor.fetchall(), cursor.query]
        seen.append(cursor.mogrify("%s %s %s", ("a\\b", b"\x01", [Decimal("1.5"), None])))
        return seen

    assert db.same(scenario)[0] == [(4,), (5,), (6,)]


def test_two_phase_commit_is_refused_by_this_server_as_it_was(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        xid = connection.xid(1, "one", "two")
        connection.tpc_begin(xid)
        seen: list[Any] = [str(xid), connection.status]
        connection.cursor().execute("INSERT INTO people (name) VALUES ('dan')")
        seen.append(raised(connection.tpc_prepare))
        connection.tpc_rollback()
        return [*seen, connection.status, connection.tpc_recover()]

    assert db.same(scenario)[2][1].startswith("prepared transactions are disabled")


def test_pools_and_threads(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        port, inside = ports.current(), ports.is_inside()
        replaying = not inside and port is not None and port.replaying
        own = pool.ThreadedConnectionPool(1, 4, dsn=NOWHERE if replaying else db.url)

        def ask(number: int) -> Any:
            def work() -> Any:
                one = own.getconn()
                try:
                    with one, one.cursor() as cursor:
                        cursor.execute("SELECT %s", (number,))
                        return cursor.fetchone()
                finally:
                    own.putconn(one)

            if inside:
                with ports.inside():
                    return work()
            with using(port):
                return work()

        with ThreadPoolExecutor(3) as executor:
            seen = list(executor.map(ask, range(9)))
        own.closeall()
        return seen

    assert db.same(scenario) == [(number,) for number in range(9)]


def test_settings_of_a_connection(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        return [
            connection.server_version, connection.encoding, connection.protocol_version,
            connection.get_parameter_status("TimeZone"), connection.get_parameter_status("nonsense"),
            connection.info.server_version, connection.info.parameter_status("server_encoding"),
            isinstance(connection, extensions.connection), type(connection).__name__,
        ]  # fmt: skip

    db.same(scenario)


class Counting(extensions.connection):
    """A connection of an app's own class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made = 0

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        self.made += 1
        return super().cursor(*args, **kwargs)


def test_classes_of_the_app(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        return [
            type(connection).__name__,
            isinstance(connection, Counting),
            connection.made,
            cursor.fetchall(),
        ]

    assert db.same(scenario, connection_factory=Counting) == ["Counting", True, 1, [(1,)]]


def test_connecting_that_fails() -> None:
    port = RecordingPort()
    with using(port):
        live = raised(lambda: psycopg2.connect(NOWHERE))
    with using(ReplayPort(port.calls)):
        replayed = raised(lambda: psycopg2.connect(NOWHERE))
        psycopg2.connect(NOWHERE).close()

    assert live[0] is psycopg2.OperationalError
    assert replayed == live


def test_a_server_that_ends_the_connection(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        seen = [raised(lambda: cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())"))]
        return [*seen, connection.closed, raised(lambda: connection.cursor()), connection.status]

    assert db.same(scenario)[0][0] is psycopg2.OperationalError


def test_misses_and_uses_outside(db: Runs) -> None:
    _, calls = db.recorded(lambda connection: connection.cursor().execute("SELECT %s", (1,)))
    with pytest.raises(MissError, match="SELECT %s"):
        db.replayed(calls, lambda connection: connection.cursor().execute("SELECT %s", (2,)))
    with pytest.raises(ReplayError, match="large objects"):
        db.replayed([], lambda connection: connection.lobject())
    with using(ReplayPort([])):
        connection = psycopg2.connect(NOWHERE)
    with pytest.raises(NoSessionError):
        connection.cursor().execute("SELECT 1")
    with pytest.raises(NoSessionError):
        connection.commit()


def test_rows_that_were_not_fetched_are_not_invented(db: Runs) -> None:
    def some(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute(PEOPLE)
        return cursor.fetchone()

    def every(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute(PEOPLE)
        return cursor.fetchall()

    _, calls = db.recorded(some)
    with pytest.raises(ReplayError, match="asks for more than the 1 rows"):
        db.replayed(calls, every)


def test_a_copy_that_is_let_through(db: Runs) -> None:
    def scenario(connection: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.copy_expert("COPY people (name, age) FROM STDIN", io.StringIO("dan\t1\neve\t2\n"))
            seen = [cursor.rowcount, cursor.statusmessage]
            cursor.copy_from(io.StringIO("fay\n"), "people", columns=("name",))
            file = io.StringIO()
            cursor.copy_to(file, "people", columns=("name",))
            with pytest.raises(psycopg2.IntegrityError):
                cursor.copy_from(io.StringIO("ann\n"), "people", columns=("name",))
        connection.rollback()
        return [*seen, file.getvalue()]

    db.fresh()
    port = LettingThrough([])
    with using(port):
        seen = db.run(db.url, scenario)

    assert seen == db.same(scenario)
    assert seen[2] == "ann\nbob\ncid\ndan\neve\nfay\n"
    assert [(call.asked.title(), getattr(call.answered, "rows", None)) for call in port.passed] == [
        ("COPY people (name, age) FROM STDIN", []),
        ("COPY people (name) FROM stdin", []),
        (
            "COPY people (name) TO stdout",
            [[f"{name}\n"] for name in ("ann", "bob", "cid", "dan", "eve", "fay")],
        ),
        ("COPY people (name) FROM stdin", None),
    ]
