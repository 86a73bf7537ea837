"""A database file, and the three runs that every test compares."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integrations.ports import Recorded, RecordingPort, ReplayPort, using
from tests.integrations.sqlalchemy.databases import differences
from timetracer_otel import ports

Scenario = Callable[[sqlite3.Connection], Any]
_TABLES = """
    CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, age INTEGER);
    CREATE TABLE pets (
        id INTEGER PRIMARY KEY,
        owner_id INTEGER REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED
    );
    INSERT INTO people (name, age) VALUES ('ann', 41), ('bob', 17), ('cid', NULL);
"""


class File:
    """A database with people in it, made anew for each run; for a replay there is none."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "people.db"

    def fresh(self) -> None:
        self.path.unlink(missing_ok=True)
        with ports.inside(), contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(_TABLES)

    def run(self, scenario: Scenario, **options: Any) -> Any:
        with contextlib.closing(sqlite3.connect(self.path, **options)) as connection:
            return scenario(connection)

    def recorded(self, scenario: Scenario, **options: Any) -> tuple[Any, list[Recorded]]:
        self.fresh()
        port = RecordingPort()
        with using(port):
            seen = self.run(scenario, **options)
        return seen, port.calls

    def replayed(self, calls: list[Recorded], scenario: Scenario, **options: Any) -> Any:
        """What it sees without a file; every recorded call must have been asked for."""
        self.path.unlink(missing_ok=True)
        port = ReplayPort(calls)
        with using(port):
            seen = self.run(scenario, **options)
        left = [call.asked.title() for call in port.unused]
        assert left == [], left
        assert not self.path.exists()
        return seen

    def same(self, scenario: Scenario, **options: Any) -> Any:
        """Run it live, recorded and replayed; all three must see the same. Returns what they see."""
        self.fresh()
        with ports.inside():
            live = self.run(scenario, **options)
        recorded, calls = self.recorded(scenario, **options)
        told = differences(recorded, live)
        assert told == [], told
        told = differences(self.replayed(calls, scenario, **options), live)
        assert told == [], told
        return live
