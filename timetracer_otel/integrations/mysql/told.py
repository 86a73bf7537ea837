"""What a driver in C tells of replies: results as it gives them to Python, and facts of the connection.

The library beneath keeps the packets to itself. What it was asked for in Python is recorded, and given back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.dbapi.values import plain, restore, weight
from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.replies import Part

_BYTES: dict[str, Callable[[bytes], Any]] = {"bytes": bytes, "bytearray": bytearray}
"""What rows are made of that are given as the server sent them."""

Facts = list[int]
"""Rows affected, insert id, warnings, number of columns, status."""

_UNKNOWN = (1 << 64) - 1
"""How many rows are affected by what gives rows that were not read yet."""


def facts(library: Any) -> Facts:
    """What the library knows of a connection after a reply, or a part of it."""
    affected = library.st_affected_rows()
    return [
        -1 if affected == _UNKNOWN else affected, library.st_insert_id(), library.st_warning_count(),
        library.st_field_count(), library.st_server_status(),
    ]  # fmt: skip


class Told:
    """What is told of the reply to one command.

    Args:
        room: how many bytes of rows may be kept.
    """

    def __init__(self, room: int) -> None:
        self.complete = False
        self.cut = False
        self.local_file = False
        self._room = room
        self._parts: list[Part] = []
        self._open = False
        """Rows of the last result are still to come."""

    def done(self, known: Facts, said: str = "") -> None:
        """A result without rows."""
        affected, insert_id, warnings, _, status = known
        self._parts.append([[], [], {"ok": [affected, insert_id, status, warnings, said]}])
        self._ended(status)

    def prepared(self, parameters: int, known: Facts) -> None:
        """A statement is prepared."""
        self._parts.append([[], [], {"told": known, "parameters": parameters}])
        self._ended(0)

    def file(self) -> None:
        """It takes a file of the client's, which nobody records."""
        self.local_file = True
        self._parts.append([[], [], {"file": ""}])

    def result(
        self,
        fields: Sequence[Sequence[Any]],
        known: Facts,
        count: int | None = None,
        *,
        text: bool,
        prepared: bool = False,
    ) -> None:
        """A result with rows.

        Args:
            fields: its columns, as the driver gives them.
            known: of the connection, before a row is read.
            count: how many rows there are, where they are there already.
            text: strings are given as text, and not as bytes.
            prepared: it is of a prepared statement.
        """
        shape: dict[str, Any] = {"told": known}
        if prepared:
            shape["binary"] = True
        if count is not None:
            shape["count"] = count
        if not text:
            shape["bytes"] = True
        self._begun(list(map(_column, fields)), shape)

    def rows_of(self, columns: list[list[Any]], known: Facts) -> None:
        """A result with rows, its columns in the driver's own form."""
        self._begun(columns, {"told": known})

    def _begun(self, columns: list[list[Any]], shape: dict[str, Any]) -> None:
        self._parts.append([columns, [], shape])
        self._open = True
        self.complete = False

    def note(self, **facts: Any) -> None:
        """More of the result that is being read."""
        if self._open:
            self._parts[-1][2].update(facts)

    @property
    def is_complete_part(self) -> bool:
        """True where nothing is known to be left of the last result."""
        return self.complete and not self._open

    def ends_with(self, raised: list[Any], known: Facts) -> None:
        """Reading it failed, or the command did, with that exception: its class and arguments."""
        shape: dict[str, Any] = self._parts[-1][2] if self._open else {}
        shape |= {"raised": raised, "told": known}
        if not self._open:
            self._parts.append([[], [], shape])
        self._ended(0)

    def row(self, values: Sequence[Any], *, raw: bool) -> None:
        """A row of it.

        Args:
            values: as the driver gives them.
            raw: it gives them as the server sent them.
        """
        if not self._open or self.cut:
            return
        _, rows, shape = self._parts[-1]
        kept: list[Any] = list(map(plain, values))
        if raw:
            kind = next((type(value).__name__ for value in values if value is not None), None)
            shape["raw"] = kind or shape.get("raw", "bytes")
            if kind in _BYTES:
                kept = [None if value is None else packets.text(bytes(value)) for value in values]
        self._room -= weight(kept)
        if self._room < 0:
            self.cut = shape["cut"] = True
        else:
            rows.append(kept)

    def end(self, known: Facts, *, dropped: bool = False) -> None:
        """After its last row.

        Args:
            known: of the connection, now.
            dropped: not all rows were read.
        """
        if not self._open:
            return
        shape = self._parts[-1][2]
        shape["end"] = known
        if dropped:
            shape["dropped"] = True
        self._ended(known[-1])

    def failed(self, error: BaseException, known: Facts) -> None:
        """Reading it failed, or the command did."""
        shape: dict[str, Any] = self._parts[-1][2] if self._open else {}
        number = getattr(error, "errno", None)
        if type(error).__name__ == "MySQLInterfaceError" and isinstance(number, int):
            shape["error"] = [number, getattr(error, "sqlstate", None), getattr(error, "msg", str(error))]
        else:
            self.ends_with([exceptions.type_name(type(error)), plain(list(error.args))], known)
            return
        if not self._open:
            self._parts.append([[], [], shape])
        self._ended(0)

    def _ended(self, status: int) -> None:
        self._open = False
        self.complete = not status & packets.MORE_RESULTS

    def parts(self) -> list[Part]:
        """Each result as plain data; see :meth:`replies.Reply.parts`.

        What is not as there: ``told`` (facts, after the columns), ``end`` (facts, after the rows), the
        ``count`` of rows, what ``raw`` rows are made of, ``bytes`` for text, rows ``dropped``, how many
        ``parameters`` a prepared statement has, and what was ``raised`` (class and arguments).
        """
        done: list[Part] = [[list(columns), list(rows), dict(shape)] for columns, rows, shape in self._parts]
        if self._open:
            done[-1][2]["unread"] = True
        return done


def _column(field: Sequence[Any]) -> list[Any]:
    """A field as a column: see :func:`packets.column`; its length is that of the longest value."""
    catalog, database, table, original_table, name, original, charset, longest, kind, flags, decimals = field
    places = [original, table, original_table, database, catalog]
    return [name, kind, flags, decimals, charset, longest, *places]


def field(column: Sequence[Any]) -> tuple[Any, ...]:
    """The reverse."""
    name, kind, flags, decimals, charset, longest, original, table, original_table, database, catalog = column
    return (
        catalog, database, table, original_table, name, original, charset, longest, kind, flags, decimals,
    )  # fmt: skip


def row(values: Sequence[Any], shape: dict[str, Any]) -> tuple[Any, ...]:
    """The reverse of :meth:`Told.row`."""
    make = _BYTES.get(shape.get("raw", ""))
    if make is None:
        return tuple(map(restore, values))
    return tuple(None if value is None else make(packets.data(value)) for value in values)
