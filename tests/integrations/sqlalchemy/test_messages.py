"""SQL messages: to attributes and back, and what makes two statements the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetracer_otel.messages.sql import DriverValue, SqlResult, SqlStatement

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.decimals(allow_nan=False) | st.datetimes() | st.uuids()
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
DRIVER_VALUES = st.builds(DriverValue, st.text(), VALUES)
PARAMETERS = st.none() | st.lists(VALUES | DRIVER_VALUES) | st.dictionaries(st.text(), VALUES)


@given(st.text(), PARAMETERS, st.booleans(), st.text(), st.text(), st.text())
def test_a_statement_survives(
    text: str, parameters: Any, many: bool, system: str, name: str, server: str
) -> None:
    statement = SqlStatement(text, parameters, many, system, name, server)
    assert SqlStatement.from_attributes(statement.attributes()) == statement


@given(
    st.lists(st.lists(st.text() | st.none(), min_size=7, max_size=7)),
    st.lists(st.lists(VALUES | DRIVER_VALUES)),
    st.integers(-1, 10),
    SCALARS,
    st.booleans(),
    st.dictionaries(st.text(), VALUES),
)
def test_a_result_survives(
    columns: Any, rows: Any, count: int, rowid: Any, complete: bool, extra: dict[str, Any]
) -> None:
    rows = [(row * len(columns) + [None] * len(columns))[: len(columns)] for row in rows]
    result = SqlResult(columns, rows, count, rowid, complete, extra)
    assert SqlResult.from_attributes(result.attributes()) == result


@given(st.text(), PARAMETERS)
def test_any_statement_has_a_canonical_form(text: str, parameters: Any) -> None:
    statement = SqlStatement(text, parameters)
    assert statement.canonical() == SqlStatement(f"  {text}\n", parameters).canonical()
    assert isinstance(statement.writes, bool)
    assert isinstance(statement.title(), str)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (SqlStatement("SELECT  1\n"), SqlStatement("SELECT 1")),
        (SqlStatement('SAVEPOINT "s14043_x1"'), SqlStatement('SAVEPOINT "s99_x12"')),
        (SqlStatement("ROLLBACK TO tortoise_savepoint_0"), SqlStatement("ROLLBACK TO tortoise_savepoint_7")),
        (
            SqlStatement('FETCH FORWARD 7 FROM "_django_curs_140_sync_1"'),
            SqlStatement('FETCH FORWARD 7 FROM "_django_curs_99_12_3"'),
        ),
        (
            SqlStatement("CASE WHEN JSON_TYPE(?, ?) IN ('false','true','null') THEN 1 END"),
            SqlStatement("CASE WHEN JSON_TYPE(?, ?) IN ('null','false','true') THEN 1 END"),
        ),
        (SqlStatement("SELECT 1", ()), SqlStatement("SELECT 1", {})),
        (SqlStatement("SELECT ?", (1,)), SqlStatement("SELECT ?", [1])),
        (
            SqlStatement("SELECT %(id_1)s, %(name)s", {"id_1": 1, "name": "x"}),
            SqlStatement("SELECT %(id_2)s, %(n)s", {"n": "x", "id_2": 1}),
        ),
        (
            SqlStatement("SELECT :a, :b, :a", {"a": 1, "b": 2}),
            SqlStatement("SELECT :x, :y, :x", {"y": 2, "x": 1}),
        ),
        (
            SqlStatement("SELECT 1 /*traceparent='00-1-2-01',db_driver='psycopg'*/;"),
            SqlStatement("SELECT 1 ;"),
        ),
        (
            SqlStatement("PREPARE TRANSACTION '_sa_" + "a" * 32 + "'"),
            SqlStatement("PREPARE TRANSACTION '_sa_" + "b" * 32 + "'"),
        ),
        (
            SqlStatement("UPDATE t SET a = %(a)s", [{"a": 1}, {"a": 2}], executemany=True),
            SqlStatement("UPDATE t SET a = %(b)s", [{"b": 1}, {"b": 2}], executemany=True),
        ),
        (SqlStatement("SELECT 1", system="sqlite", server="x"), SqlStatement("SELECT 1", namespace="y")),
    ],
)
def test_the_same(left: SqlStatement, right: SqlStatement) -> None:
    assert left.canonical() == right.canonical()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (SqlStatement("SELECT 'a  b'"), SqlStatement("SELECT 'a b'")),
        (SqlStatement('SELECT 1 FROM "s1_x1"'), SqlStatement('SELECT 1 FROM "s1_x2"')),
        (SqlStatement("SELECT 'tortoise_savepoint_1'"), SqlStatement("SELECT 'tortoise_savepoint_2'")),
        (SqlStatement('SELECT "a  b"'), SqlStatement('SELECT "a b"')),
        (SqlStatement("SELECT $$a  b$$"), SqlStatement("SELECT $$a b$$")),
        (SqlStatement("SELECT E'it\\'s  b'"), SqlStatement("SELECT E'it\\'s b'")),
        (SqlStatement("SELECT 1 /*+ hash */"), SqlStatement("SELECT 1 /*+ merge */")),
        (SqlStatement("SELECT ?", (1,)), SqlStatement("SELECT ?", (2,))),
        (SqlStatement("SELECT :a, :b", {"a": 1, "b": 2}), SqlStatement("SELECT :a, :b", {"a": 2, "b": 1})),
        (SqlStatement("SELECT :a, :b", {"a": 1, "b": 1}), SqlStatement("SELECT :a, :a", {"a": 1})),
        (SqlStatement("SELECT 1", {"unused": 1}), SqlStatement("SELECT 1", {"unused": 2})),
        (
            SqlStatement("UPDATE t SET a = :a", [{"a": 1}], executemany=True),
            SqlStatement("UPDATE t SET a = :a", {"a": 1}),
        ),
    ],
)
def test_not_the_same(left: SqlStatement, right: SqlStatement) -> None:
    assert left.canonical() != right.canonical()


@pytest.mark.parametrize(
    ("text", "writes", "controls"),
    [
        ("SELECT 1", False, False),
        ("  ( select 1 )", False, False),
        ("/*a='b'*/ INSERT INTO t VALUES (1)", True, False),
        ("WITH x AS (SELECT 1) SELECT * FROM x", False, False),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", True, False),
        ("SAVEPOINT sa_savepoint_1", False, True),
        ("RELEASE SAVEPOINT sa_savepoint_1", False, True),
        ("ROLLBACK TO SAVEPOINT sa_savepoint_1", False, True),
        ("begin;", False, True),
        ("COMMIT", True, True),
        ("PREPARE TRANSACTION 'x'", True, True),
        ("CREATE TABLE t (a INT)", True, False),
        ("", False, False),
    ],
)
def test_what_a_statement_does(text: str, writes: bool, controls: bool) -> None:
    statement = SqlStatement(text)
    assert (statement.writes, statement.controls_transaction) == (writes, controls)
