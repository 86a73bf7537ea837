"""Rows of raw cursors that are more than their values."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from tests.integrations.sqlalchemy.databases import Database
from timetracer_otel import Cassette, record, replay


@pytest.mark.parametrize("db", ["sqlite+pysqlite"], indirect=True)
def test_rows_with_names_are_tuples_and_a_gap(db: Database, tmp_path: Path) -> None:
    def see(engine: Engine) -> Any:
        connection = engine.raw_connection()
        below: Any = connection.dbapi_connection
        below.row_factory = sqlite3.Row
        rows = connection.cursor().execute("SELECT id, name FROM people ORDER BY id").fetchall()
        connection.close()
        return [tuple(row) for row in rows]

    db.fresh()
    with record(tmp_path) as recording:
        recorded = db.run(db.engine(), see)
    assert recording.path is not None
    assert [(gap.kind, gap.detail) for gap in Cassette.load(recording.path).gaps] == [
        ("rows of a class", "rows of Row are plain tuples in a replay")
    ]
    with replay(recording.path):
        assert db.run(db.stopped(), see) == recorded
