"""A statement whose rows are being fetched: what is kept of it until it is reported."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import msgspec

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.values import plain, plain_row, weight
from timetracer_otel.messages import SqlResult

Sent: TypeAlias = Callable[[int, int, Any], Any]
"""For the number of a row just fetched, the place of a value in it, and what would be kept of that value:
what to keep instead."""


class Pending(msgspec.Struct):
    """A statement whose rows are being fetched."""

    exchange: Any
    columns: list[Any] | None
    rowcount: int
    lastrowid: Any
    limit: int
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    rows: list[Any] = msgspec.field(default_factory=list)
    bytes: int = 0
    cut: bool = False
    taken: Any = None

    @classmethod
    def of(cls, cursor: Any, exchange: Any, limit: int) -> Self:
        """What a driver's cursor knows right after its statement."""
        message = quiet(cursor, "statusmessage")
        return cls(
            exchange=exchange,
            columns=columns_of(cursor.description),
            rowcount=number(getattr(cursor, "rowcount", -1)),
            lastrowid=plain(quiet(cursor, "lastrowid")),
            limit=limit,
            extra={"statusmessage": message} if isinstance(message, str) else {},
        )

    def keep(self, rows: list[Any], sent: Sent | None = None) -> None:
        """Copy rows that the app just fetched, as far as there is room.

        Args:
            rows: the rows.
            sent: what the server sent for values that the app's own code made of it.
        """
        if self.cut:
            return
        kept, size = self.rows, self.bytes
        for number, row in enumerate(rows):
            copy = plain_row(row, None if sent is None else functools.partial(sent, number))
            size += weight(copy)
            if size > self.limit:
                self.cut = True
                self.exchange.gap("rows over the limit", f"{len(kept)} rows of a result are kept")
                break
            kept.append(copy)
        self.bytes = size

    def result(self, rowcount: int, *, complete: bool) -> SqlResult:
        """The answer, as far as it was fetched."""
        if rowcount != self.rowcount:
            self.extra["rowcount_after"] = rowcount
        return SqlResult(
            columns=self.columns,
            rows=self.rows,
            rowcount=self.rowcount,
            lastrowid=self.lastrowid,
            complete=complete and not self.cut,
            extra=self.extra,
        )


def columns_of(description: Any) -> list[Any] | None:
    """A cursor's ``description`` as plain data."""
    return None if description is None else [plain(list(column)) for column in description]


def number(value: Any) -> int:
    """A row count; -1 for what is none."""
    return value if isinstance(value, int) else -1


def quiet(cursor: Any, name: str, default: Any = None) -> Any:
    """An attribute of a cursor that may refuse to say."""
    try:
        return getattr(cursor, name, default)
    except Exception as error:  # noqa: BLE001  # a property of the driver that needs an open cursor
        if not _refusal(error):
            ports.report("reading what a cursor says", error)
        return default


def _refusal(error: Exception) -> bool:
    """True for what a driver raises where it does not say: PEP 249 calls its base class ``Error``."""
    kinds = type(error).__mro__
    return AttributeError in kinds or any(kind.__name__ in ("Error", "NotImplementedError") for kind in kinds)
