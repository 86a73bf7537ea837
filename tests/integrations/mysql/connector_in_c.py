"""What is special to connections of mysql.connector's C extension; run by ``test_c_extension.py``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import mysql.connector
import pytest
from mysql.connector.connection_cext import CMySQLConnection
from mysql.connector.conversion import MySQLConverter
from opentelemetry.sdk.trace import TracerProvider

from tests.integrations.mysql.runs import NOWHERE, ConnectorRuns
from tests.integrations.mysql.test_connector import PEOPLE, raised
from tests.integrations.ports import RecordingPort, ReplayPort, using
from timetracer_otel import ports
from timetracer_otel.errors import NoSessionError, ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.mysql.connector import MySqlConnectorIntegration

pytestmark = pytest.mark.needs("mariadbd")


def test_it_is_what_connect_gives(connector: ConnectorRuns) -> None:
    place = connector.place(connector._server.door.port)
    with mysql.connector.connect(**place) as connection:
        assert type(connection) is CMySQLConnection


class Loud(MySQLConverter):
    """An app's own conversion."""

    def _string_to_python(self, value: Any, dsc: Any = None) -> Any:
        return bytes(value).decode() + "!"

    _STRING_to_python = _VAR_STRING_to_python = _string_to_python


@pytest.mark.parametrize(
    "options",
    [
        {"converter_class": Loud}, {"charset": "latin1"}, {"use_unicode": False}, {"raw": True},
        {"buffered": True}, {"consume_results": True}, {"converter_str_fallback": True}, {"compress": True},
    ],
    ids=lambda options: "-".join(options),
)  # fmt: skip
def test_options_of_a_connection(connector: ConnectorRuns, options: dict[str, Any]) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("INSERT INTO people (name, age) VALUES (%s, %s)", ("dér'\"\\\n\0", 5))
        cursor.execute(
            "SELECT id, name, age, x'ff' FROM people WHERE name <> %(n)s ORDER BY id", {"n": "bob"}
        )
        seen = [cursor.statement, cursor.description, cursor.fetchall(), connection.python_charset]
        cursor.execute("SELECT name FROM people")
        seen += [raised(lambda: connection.cursor().execute("SELECT 1")), raised(cursor.fetchall)]
        return [*seen, raised(lambda: cursor.execute("SELECT %s", (Ellipsis,)))]

    connector.same(scenario, **options)


def test_parameters(connector: ConnectorRuns) -> None:
    values = (
        None, True, 1, 2**63, 1.5, 1e300, Decimal("1.50"), "a'b\"c\\d\n\r\0\x1a%_",
        b"\xff'\\", bytearray(b"x"),
        dt.datetime(2026, 1, 2, 3, 4, 5, 6), dt.datetime(2026, 1, 2), dt.date(2026, 1, 2), dt.time(1, 2, 3),
        dt.time(1, 2, 3, 4), dt.timedelta(days=-1, seconds=5, microseconds=7), dt.timedelta(days=3, hours=2),
    )  # fmt: skip

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT " + ", ".join(["%s"] * len(values)), values)
        seen = [cursor.statement, cursor.fetchall()]
        cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        cursor.execute("SELECT %s, %s", ("it's \\ ", b"'\\"))
        seen += [cursor.statement, cursor.fetchall()]
        return [*seen, raised(lambda: cursor.execute("SELECT %s", ({},)))]

    connector.same(scenario)


def test_the_connection_without_a_cursor(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        seen = [
            connection.cmd_query(PEOPLE),
            connection.num_rows,
            connection.get_row(),
            connection.get_rows(1),
        ]
        seen += [
            connection.unread_result,
            connection.num_rows,
            connection.get_rows(),
            connection.unread_result,
        ]
        seen += [
            connection.cmd_query("SELECT 1; DO 1; SELECT 2"),
            connection.get_rows(),
            connection.more_results,
        ]
        seen += [connection.next_result(), connection.fetch_eof_status(), connection.next_result()]
        seen += [connection.fetch_eof_columns(), connection.get_rows(), connection.next_result()]
        seen += [connection.info_query("SELECT 7"), raised(lambda: connection.info_query("SELEC"))]
        seen += [raised(lambda: connection.info_query("SELECT 1 UNION SELECT 2"))]
        connection.cmd_init_db("mysql")
        seen += [connection.database, connection.cmd_reset_connection(), connection.warning_count]
        connection.database = "drivers"
        connection.set_charset_collation("latin1")
        seen += [connection.database, connection.charset, connection.autocommit, connection.get_server_info()]
        connection.close()
        return [*seen, connection.is_connected(), raised(lambda: connection.cmd_query("SELECT 1"))]

    connector.same(scenario)


def test_rows_that_are_not_read(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute(PEOPLE)
        seen = [cursor.fetchone(), raised(lambda: cursor.execute("SELECT 1"))]
        connection.consume_results()
        cursor.execute(PEOPLE)
        seen += [connection.free_result(), connection.is_connected()]
        with connection.cursor(buffered=True) as buffered:
            buffered.execute(PEOPLE)
            seen += [buffered.rowcount, buffered.fetchone()]
        prepared = connection.cursor(prepared=True)
        prepared.execute("SELECT name FROM people WHERE id > %s", (0,))
        seen += [prepared.fetchone(), connection.is_connected(), raised(connection.cursor)]
        seen += [prepared.fetchall(), connection.is_connected(), prepared.execute(prepared.statement, (2,))]
        return [*seen, prepared.fetchall(), prepared.close()]

    connector.same(scenario)


def test_a_result_that_fails_while_it_is_read(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        query = "SELECT seq, (SELECT 1 UNION SELECT seq) FROM seq_1_to_3"
        seen = [raised(lambda: cursor.execute(query)), raised(cursor.fetchall)]
        return [*seen, raised(lambda: cursor.execute("SELECT 1")), raised(cursor.fetchall)]

    connector.same(scenario)


def test_more_is_read_than_was_recorded(connector: ConnectorRuns) -> None:
    def one(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT seq FROM seq_1_to_5")
        return cursor.fetchmany(2)

    def all_of_them(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT seq FROM seq_1_to_5")
        return cursor.fetchall()

    seen, calls = connector.recorded(one)

    assert seen == [(1,), (2,)]
    with pytest.raises(ReplayError, match="reads more of a result"):
        connector.replayed(calls, all_of_them)


def test_a_recording_of_the_other_kind_of_connection(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        return cursor.fetchall()

    _, in_c = connector.recorded(scenario)
    _, in_python = connector.recorded(scenario, use_pure=True)

    with pytest.raises(ReplayError, match="C extension"):
        connector.replayed(in_c, scenario, use_pure=True)
    with pytest.raises(ReplayError, match="driver in Python"):
        connector.replayed(in_python, scenario)


def test_a_file_of_the_clients(connector: ConnectorRuns, tmp_path: Any) -> None:
    names = tmp_path / "names"
    names.write_text("dan\neve\n")

    def scenario(connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.execute(f"LOAD DATA LOCAL INFILE '{names}' INTO TABLE people (name)")
        return cursor.rowcount

    seen, calls = connector.recorded(scenario, allow_local_infile=True)

    assert seen == 2
    assert [call.gaps for call in calls] == [
        [("LOAD DATA LOCAL INFILE", "the file that was sent is not recorded")]
    ]
    with pytest.raises(ReplayError, match="LOAD DATA LOCAL INFILE"):
        connector.replayed(calls, scenario)


def test_nothing_of_a_replay_reaches_the_server_of_a_connection_made_before(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        connection.autocommit = True
        connection.ping()
        connection.database = "drivers"
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO people (name) VALUES ('once')")
            cursor.execute("SELECT COUNT(*) FROM people")
            seen = cursor.fetchall()
        seen += [prepared.execute("SELECT age FROM people WHERE id = %s", (1,)), prepared.fetchall()]
        return [*seen, connection.in_transaction, connection.is_connected(), connection.autocommit]

    connector.fresh()
    place = connector.place(connector._server.door.port, database="drivers")
    connection = mysql.connector.connect(**place)
    prepared = connection.cursor(prepared=True)
    port = RecordingPort()
    with using(port):
        recorded = scenario(connection)
    connector._server.door.shut()
    try:
        with using(ReplayPort(port.calls)):
            assert scenario(connection) == recorded
    finally:
        connector._server.door.open()


def test_a_connection_made_before_we_were_there(connector: ConnectorRuns) -> None:
    def scenario(connection: Any) -> Any:
        seen = [connection.is_connected()]
        with connection.cursor() as cursor:
            cursor.execute(PEOPLE)
            return [*seen, cursor.fetchall()]

    connector.fresh()
    known = MySqlConnectorIntegration()
    wrapping.uninstall(known)
    connection = mysql.connector.connect(**connector.place(connector._server.door.port, database="drivers"))
    wrapping.install(known)
    with ports.inside():
        live = scenario(connection)
    port = RecordingPort()
    with using(port):
        assert scenario(connection) == live
    with using(ReplayPort(port.calls)):
        assert scenario(connection) == live


@pytest.mark.parametrize("known", [True, False])
def test_a_statement_that_was_prepared_before(connector: ConnectorRuns, known: bool) -> None:
    query = "SELECT name, '?' FROM people WHERE id = %s"

    def again(cursor: Any) -> Any:
        cursor.execute(query, (2,))
        return cursor.fetchall()

    connector.fresh()
    ours = MySqlConnectorIntegration()
    if not known:
        wrapping.uninstall(ours)
    place = connector.place(connector._server.door.port, database="drivers")
    with mysql.connector.connect(**place) as connection, connection.cursor(prepared=True) as cursor:
        live = again(cursor)
        wrapping.install(ours)
        port = RecordingPort()
        with using(port):
            assert again(cursor) == live

    assert connector.replayed(port.calls, lambda connection: again(connection.cursor(prepared=True))) == live


def test_a_statement_that_was_not_prepared(connector: ConnectorRuns) -> None:
    def scenario(connection: Any, prepared: bool = True) -> Any:
        cursor = connection.cursor(prepared=prepared)
        cursor.execute("SELECT 1")
        return cursor.fetchall()

    _, calls = connector.recorded(scenario)

    with pytest.raises(ReplayError, match="prepared"):
        connector.replayed(calls, lambda connection: scenario(connection, prepared=False))


def test_a_prepared_statement_within_a_span(connector: ConnectorRuns) -> None:
    """The driver adds the span's number to it, which MariaDB does not take."""

    def scenario(connection: Any) -> Any:
        with TracerProvider().get_tracer("app").start_as_current_span("request"):
            cursor = connection.cursor(prepared=True)
            cursor.execute("SELECT name FROM people WHERE id = %s", (1,))
            return cursor.fetchall()

    assert connector.same(scenario) == [("ann",)]


def test_outside_of_its_replay(connector: ConnectorRuns) -> None:
    with using(ReplayPort([])):
        connection = mysql.connector.connect(host="127.0.0.1", port=NOWHERE, user="x")
        cursor = connection.cursor(prepared=True)
    with pytest.raises(NoSessionError):
        connection.cmd_query("SELECT 1")
    with pytest.raises(NoSessionError):
        cursor.execute("SELECT 1")
