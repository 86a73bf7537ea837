"""A recorded result that a cursor holds, as if its statement had just run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import DriverIntegration
from timetracer_otel.integrations.dbapi.values import restore_row
from timetracer_otel.messages import Failure, SqlResult


def end_of(result: SqlResult, integration: DriverIntegration) -> BaseException | None:
    """What is raised after the last row that was recorded; ``None`` where the rows ended."""
    error = result.extra.get("error")
    if isinstance(error, dict):
        return failures.rebuild(Failure.from_plain(error), integration.exception_classes())
    if not result.complete:
        return ReplayError(
            f"the app asks for more than the {len(result.rows)} rows it fetched when this was recorded"
            " (or than were kept); record again"
        )
    return None


COPIED = "copied data"
"""The column of what a COPY wrote, which no cursor shows."""


class Held:
    """The rows of a recorded result, and how far they were fetched.

    Args:
        result: the result.
        integration: the driver's.
        reader: gives what makes values of the app's own classes.
    """

    def __init__(
        self,
        result: SqlResult,
        integration: DriverIntegration,
        reader: Callable[[], Callable[[Any], Any]],
    ) -> None:
        self.result = result
        reader = functools.cache(reader)
        self.rows = [tuple(restore_row(row, reader)) for row in result.rows]
        self.next = 0
        self.fetched = False
        self._end = end_of(result, integration)

    def take(self, count: int | None) -> list[tuple[Any, ...]]:
        """The next rows; all that are left where ``count`` is ``None``.

        Raises:
            BaseException: what ended the rows when they were recorded.
        """
        end = len(self.rows) if count is None else self.next + count
        rows = self.rows[self.next : end]
        if self._end is not None and (count is None or len(rows) < count):
            raise self._end
        self.next += len(rows)
        self.fetched = True
        return rows

    @property
    def has_rows(self) -> bool:
        """False for a statement without a result to fetch."""
        return self.result.columns is not None and self.result.columns != [[COPIED]]

    @property
    def rowcount(self) -> int:
        """The driver's row count, which may change as rows are fetched."""
        count = self.result.rowcount
        for fetched, changed in self.result.extra.get("rowcounts", ()) if self.fetched else ():
            if fetched <= self.next:
                count = changed
        return count

    @property
    def columns(self) -> list[Any] | None:
        """The columns, once the driver knew them."""
        if self.result.extra.get("late") is True and not self.fetched:
            return None
        return self.result.columns if self.has_rows else None
