"""What a cursor of psycopg2 says of itself: of its statement, or of a recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from psycopg2 import extensions

from timetracer_otel.integrations.dbapi.cursors import WatchedCursor
from timetracer_otel.integrations.dbapi.values import restore

OWN: dict[str, Any] = {
    name: vars(extensions.cursor)[name]
    for name in (
        "description", "rowcount", "lastrowid", "statusmessage", "rownumber", "query", "name", "closed",
        "scrollable", "withhold",
    )
}  # fmt: skip


class Described(WatchedCursor, extensions.cursor):  # type: ignore[misc]  # psycopg2 has no types
    """The attributes of a cursor."""

    _timetracer_name: str | None = None
    timetracer_options: Mapping[str, Any] = MappingProxyType({"scrollable": None, "withhold": False})
    """Of a server-side cursor that is replayed; for psycopg2 it is none."""
    _timetracer_asked: tuple[Any, ...] | None = None

    def _timetracer_own(self, name: str) -> Any:
        return OWN[name].__get__(self)

    @property
    def description(self) -> Any:
        """The columns."""
        held = self.timetracer_held
        if held is None:
            return self._timetracer_own("description")
        columns = held.columns
        return None if columns is None else tuple(extensions.Column(*restore(column)) for column in columns)

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed or found."""
        held = self.timetracer_held
        count: int = self._timetracer_own("rowcount") if held is None else held.rowcount
        return count

    @property
    def lastrowid(self) -> Any:
        """The OID of the row inserted."""
        held = self.timetracer_held
        return self._timetracer_own("lastrowid") if held is None else restore(held.result.lastrowid)

    @property
    def statusmessage(self) -> Any:
        """What the server says of the statement."""
        held = self.timetracer_held
        return (
            self._timetracer_own("statusmessage") if held is None else held.result.extra.get("statusmessage")
        )

    @property
    def rownumber(self) -> int:
        """The place in the result."""
        held = self.timetracer_held
        number: int = self._timetracer_own("rownumber") if held is None else held.next
        return number

    @property
    def query(self) -> Any:
        """The statement as it was sent."""
        link = self.timetracer_link()
        if link is None or not link.replayed:
            return self._timetracer_own("query")
        return None if self._timetracer_asked is None else self.mogrify(*self._timetracer_asked)

    @property
    def name(self) -> Any:
        """The name of a server-side cursor."""
        return self._timetracer_name or self._timetracer_own("name")

    @property
    def scrollable(self) -> Any:
        """Whether a server-side cursor can move backwards."""
        if self._timetracer_name is None:
            return self._timetracer_own("scrollable")
        return self.timetracer_options["scrollable"]

    @scrollable.setter
    def scrollable(self, value: Any) -> None:
        if self._timetracer_name is None:
            OWN["scrollable"].__set__(self, value)
        else:
            self.timetracer_options = {**self.timetracer_options, "scrollable": value}

    @property
    def withhold(self) -> bool:
        """Whether a server-side cursor outlives its transaction."""
        if self._timetracer_name is None:
            return bool(self._timetracer_own("withhold"))
        return bool(self.timetracer_options["withhold"])

    @withhold.setter
    def withhold(self, value: Any) -> None:
        if self._timetracer_name is None:
            OWN["withhold"].__set__(self, value)
        else:
            self.timetracer_options = {**self.timetracer_options, "withhold": bool(value)}

    @property
    def closed(self) -> bool:
        """Whether it, or its connection, is closed."""
        closed: bool = self._timetracer_own("closed")
        return closed or bool(self.connection.closed)
