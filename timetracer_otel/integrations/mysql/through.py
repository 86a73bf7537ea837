"""Calls that a replay lets through, on a connection of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timetracer_otel.integrations.mysql.lines import Line

if TYPE_CHECKING:
    from timetracer_otel.integrations.mysql.calls import MySqlIntegration


class Through:
    """Plugs a replayed connection into a real one, for one call that is let through.

    Args:
        integration: whose connection it is.
        connection: the driver's.
        line: what is known of it.
    """

    def __init__(self, integration: MySqlIntegration, connection: Any, line: Line) -> None:
        self._integration = integration
        self._connection = connection
        self._line = line
        self._ends: Any = None

    def __enter__(self) -> None:
        integration, line = self._integration, self._line
        real = line.go_live()
        self._ends = integration.plugged(self._connection)
        integration.plug(self._connection, integration.watched(real, line))

    def __exit__(self, *error: object) -> None:
        talk = self._line.asking
        if talk is None or talk.complete:
            self._integration.plug(self._connection, self._ends)
        else:  # its rows are still to be read; the next call ends that
            self._line.beneath = (self._ends,)


def unplug(integration: MySqlIntegration, connection: Any, line: Line) -> None:
    """Plug a replayed connection back into what it was before a call whose rows were not all read at once."""
    beneath, line.beneath = line.beneath, None
    if beneath is not None:
        integration.plug(connection, *beneath)
