"""A cursor below SQLAlchemy's pool, where no database is."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from timetracer_otel.integrations.sqlalchemy.beyond import CURSORS, by_driver, tell

_NUMBERS = {"READ UNCOMMITTED": 1}


class SilentCursor:
    """Answers pings, probes and settings."""

    arraysize = 1
    rowcount = -1
    lastrowid = None
    description = None

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._row: Any = None
        self._own: Any = None

    def execute(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer what is asked of a session, and nothing else."""
        text = str(statement).lower()
        self._row = self._own = None
        below = self.connection.timetracer_below.asked(statement)
        if below is not None:
            self._own = below.cursor()
            self._own.execute(statement, *args, **kwargs)
            tell(self, self._own)
            return self
        if "read_uncommitted" in text:
            self._row = (_NUMBERS.get(self.connection.isolation(), 0),)
        elif "isolation" in text:
            self._row = (self.connection.isolation(),)
        return self

    executemany = execute

    def fetchone(self) -> Any:
        """The row, once."""
        if self._own is not None:
            return self._own.fetchone()
        row, self._row = self._row, None
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The row, once."""
        return self.fetchall() if self._own is None else self._own.fetchmany(*args, **kwargs)

    def fetchall(self) -> list[Any]:
        """The row, once."""
        if self._own is not None:
            rows: list[Any] = self._own.fetchall()
            return rows
        row = self.fetchone()
        return [] if row is None else [row]

    def __getattr__(self, name: str) -> Any:
        if name in CURSORS:
            return functools.partial(by_driver, self, self.connection.timetracer_below, name)
        raise AttributeError(name)

    def close(self) -> None:
        """Nothing to close."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        return None
