"""What answers for a prepared statement of mysql.connector's C library in a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timetracer_otel.integrations.mysql.c_rows import HasRows

if TYPE_CHECKING:
    from timetracer_otel.integrations.mysql.c_replayed import ReplayedMySql


class ReplayedStatement(HasRows):
    """Stands where a prepared statement of the C library would be.

    Args:
        connection: its connection.
        parameters: how many it takes.
    """

    def __init__(self, connection: ReplayedMySql, parameters: int) -> None:
        self.connection = connection
        self.param_count = parameters
        self.converter_str_fallback = False

    def stmt_execute(self, *args: Any, query_attrs: Any = None) -> bool:
        """Execute it."""
        self._rows = self.connection.held = self.connection.receive(prepared=True)
        return True

    def fetch_row(self) -> tuple[Any, ...] | None:
        """The next row, ``None`` after the last one."""
        return None if self._rows is None else self.connection.next_row(self._rows, raw=False)

    def free_result(self) -> None:
        """Read no more of a result."""
        if self._rows is not None:
            self.connection.ended(self._rows)
            self._rows = self.connection.held = None

    stmt_reset = stmt_close = free_result
