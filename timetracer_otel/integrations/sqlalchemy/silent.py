"""A cursor below SQLAlchemy's pool, where no database is."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.core import refused
from timetracer_otel.integrations.sqlalchemy.beyond import CURSORS, by_driver, tell

_NUMBERS = {"READ UNCOMMITTED": 1}
_PING: Final = re.compile(r"\s*select\s+1\b", re.IGNORECASE)
_OF_A_SESSION: Final = re.compile(
    r"\s*(?:;?\s*\Z|(?:set|reset|show|pragma|begin|start|commit|rollback|savepoint|release|end)\b)",
    re.IGNORECASE,
)
"""What concerns a session only, or nothing as some pings do: without one, nothing is to be done."""


class SilentCursor:
    """Answers pings, probes and settings. What else the app asks here, past SQLAlchemy, was not recorded."""

    arraysize = 1
    rowcount = -1
    lastrowid = None
    description = None

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._row: Any = None
        self._own: Any = None
        self._unknown = False

    def execute(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer what is asked of a session, and nothing else."""
        text = str(statement).lower()
        self._row = self._own = None
        self._unknown = False
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
        elif _PING.match(text):
            self._row = (1,)
        elif not ports.is_inside():
            # the rows that a listener has of a setting are mostly thrown away
            self._unknown = not self.connection.timetracer_new
            if not _OF_A_SESSION.match(text):
                raise _unrecorded()
        return self

    executemany = execute
    executescript = execute

    def fetchone(self) -> Any:
        """The row, once."""
        if self._own is not None:
            return self._own.fetchone()
        if self._unknown:
            raise _unrecorded()
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


def _unrecorded() -> Exception:
    return refused("a statement on the driver's own connection, past SQLAlchemy,", "sqlalchemy")
