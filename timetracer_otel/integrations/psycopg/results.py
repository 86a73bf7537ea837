"""Results of the server as messages, and back: what psycopg reads of a ``PGresult``."""

from __future__ import annotations

from typing import Any

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.values import weight
from timetracer_otel.messages import SqlResult

_TUPLES_OK = 2
_COLUMN = ("ftype", "fmod", "fsize", "fformat", "ftable", "ftablecol")


class RecordedResult:
    """Reads like a ``PGresult``; the values in it are those that were recorded.

    Args:
        columns: name, type and more of each.
        rows: values as the server sent them: text, or bytes.
        shape: what else is known of it.
    """

    def __init__(self, columns: list[Any], rows: list[Any], shape: dict[str, Any]) -> None:
        self._columns = columns
        self._rows = rows
        self.status: int = shape.get("status", _TUPLES_OK)
        self.nfields = len(columns)
        self.ntuples = len(rows)
        self.nparams = 0
        command = shape.get("command")
        self.command_status = command.encode() if isinstance(command, str) else None
        self.command_tuples: int | None = shape.get("tuples")
        self.oid_value = 0
        self.error_message = b""
        self.binary_tuples = 0

    def fname(self, index: int) -> bytes | None:
        """The name of a column."""
        return str(self._columns[index][0]).encode() if 0 <= index < self.nfields else None

    def _of(self, index: int, place: int) -> int:
        return int(self._columns[index][place]) if 0 <= index < self.nfields else 0

    def ftype(self, index: int) -> int:
        """The type of a column."""
        return self._of(index, 1)

    def fmod(self, index: int) -> int:
        """The modifier of its type."""
        return self._of(index, 2)

    def fsize(self, index: int) -> int:
        """The size of its type."""
        return self._of(index, 3)

    def fformat(self, index: int) -> int:
        """0 for text, 1 for binary."""
        return self._of(index, 4)

    def ftable(self, index: int) -> int:
        """The table it comes from."""
        return self._of(index, 5)

    def ftablecol(self, index: int) -> int:
        """Its place in that table."""
        return self._of(index, 6)

    def get_value(self, row: int, column: int) -> bytes | None:
        """A value, as the server sent it."""
        value = self._rows[row][column]
        return value.encode() if isinstance(value, str) else value

    def error_field(self, field: int) -> None:
        """It is no error."""

    def clear(self) -> None:
        """Nothing to free."""


def read(results: list[Any], limit: int) -> SqlResult:
    """Results as a message: the first as its columns and rows, the others beside it."""
    parts = []
    room = limit
    for result in results:
        columns = [
            [
                (result.fname(i) or b"").decode("utf-8", "replace"),
                *(int(getattr(result, f)(i)) for f in _COLUMN),
            ]
            for i in range(result.nfields)
        ]
        rows: list[Any] = []
        complete = True
        for number in range(result.ntuples):
            row = [_text(result.get_value(number, i)) for i in range(result.nfields)]
            room -= weight(row)
            if room < 0:
                complete = False
                break
            rows.append(row)
        command = result.command_status
        shape = {
            "status": int(result.status),
            "command": command.decode() if command is not None else None,
            "tuples": result.command_tuples,
        }
        parts.append((columns, rows, shape, complete))
    if not parts:
        return SqlResult()
    columns, rows, shape, _ = parts[0]
    extra: dict[str, Any] = {"shape": shape}
    if len(parts) > 1:
        extra["more"] = [[columns, rows, shape] for columns, rows, shape, _ in parts[1:]]
    tuples = shape["tuples"]
    return SqlResult(
        columns=columns if columns or shape["status"] == _TUPLES_OK else None,
        rows=rows,
        rowcount=tuples if isinstance(tuples, int) else -1,
        complete=all(complete for *_, complete in parts),
        extra=extra,
    )


def rebuild(result: SqlResult) -> list[Any]:
    """The results that :func:`read` read.

    Raises:
        ReplayError: not all rows were kept.
    """
    if not result.complete:
        raise ReplayError("not all rows of this result were kept (a limit); record again with a higher one")
    shape = result.extra.get("shape")
    if not isinstance(shape, dict):
        shape = {"status": 1}
    parts = [(result.columns or [], result.rows, shape), *result.extra.get("more", ())]
    return [RecordedResult(columns, rows, shape) for columns, rows, shape in parts]


def _text(value: bytes | None) -> str | bytes | None:
    """Text where it is text that comes back the same."""
    if value is None:
        return None
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return bytes(value)
