"""A result that mysql.connector's C library told, and its exceptions, as a replay gives them back."""

from __future__ import annotations

import sys
from typing import Any

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.dbapi.values import restore
from timetracer_otel.integrations.mysql import told
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.replies import Part
from timetracer_otel.messages import Failure

GONE, LOST, NOT_NOW = 2006, 2013, 2014
"""Errors: a connection has ended, ends now, or has not been read from to the end of a reply."""
_TEXTS = {GONE: "MySQL server has gone away", LOST: "Lost connection to MySQL server during query"}
_STATE = "HY000"


class Rows:
    """One result with rows.

    Args:
        part: as it was recorded.
        line: its connection.
    """

    def __init__(self, part: Part, line: Line) -> None:
        columns, rows, self.shape = part
        self.fields = list(map(told.field, columns))
        self._rows = rows
        self._line = line
        self._at = 0
        self.over = "count" in self.shape
        """All of them have come from the server."""

    def next(self, *, raw: bool) -> tuple[Any, ...] | None:
        """The next row, ``None`` after the last one.

        Raises:
            BaseException: what reading it raised.
            ReplayError: there is none that the recording knows, or none of that kind.
        """
        if self._at < len(self._rows):
            if bool(self.shape.get("raw")) is not raw:
                raise ReplayError(
                    "mysqlconnector: rows are read raw here and were not when this was recorded, or the other"
                    " way round; record again"
                )
            self._at += 1
            return told.row(self._rows[self._at - 1], self.shape)
        self.over = True
        raise_recorded(self.shape)
        if "end" not in self.shape or "dropped" in self.shape or "cut" in self.shape:
            raise self._line.beyond() or failure(LOST)
        return None

    @property
    def left(self) -> bool:
        """True where some were not read yet."""
        return self._at < len(self._rows)

    @property
    def end(self) -> told.Facts | None:
        """What is known of the connection after it."""
        known: told.Facts | None = self.shape.get("end")
        return known

    @property
    def count(self) -> int:
        """How many rows there are, or were read."""
        count = self.shape.get("count")
        return count if isinstance(count, int) else self._at


class HasRows:
    """What may have a result that is being read."""

    _rows: Rows | None = None

    @property
    def have_result_set(self) -> bool:
        """A result with rows is there."""
        return self._rows is not None

    def fetch_fields(self) -> list[tuple[Any, ...]]:
        """The columns."""
        if self._rows is None:
            raise failure(-1, "No result", None)
        return self._rows.fields


def raise_recorded(shape: dict[str, Any]) -> None:
    """Raise what the library raised there, if it did.

    Raises:
        BaseException: that.
        ReplayError: it is of a class that is not known.
    """
    error, raised = shape.get("error"), shape.get("raised")
    if isinstance(error, list):
        number, state, message = error
        raise failure(number, message, state)
    if isinstance(raised, list):
        name, args = raised
        library = sys.modules["_mysql_connector"]
        known = exceptions.by_name(library.MySQLError, library.MySQLInterfaceError)
        raise exceptions.rebuild(Failure(name, restore(args)), known)


def is_prepared(reply: list[Part]) -> bool:
    """True for the reply to a statement that was prepared."""
    return "parameters" in reply[0][2]


def is_refused(shape: dict[str, Any]) -> bool:
    """True where a command was not sent, as the reply to another one was being read."""
    error = shape.get("error")
    return isinstance(error, list) and error[0] == NOT_NOW


def failure(number: int, message: str = "", state: str | None = _STATE) -> Exception:
    """The library's own exception."""
    message = message or _TEXTS.get(number, "")
    error: Any = sys.modules["_mysql_connector"].MySQLInterfaceError(message)
    error.errno, error.sqlstate, error.msg = number, state, message
    return error  # type: ignore[no-any-return]  # of a module that is not loaded everywhere
