"""psycopg 3, used directly, synchronous and asynchronous.

Recorded are results as the server sent them; in a replay psycopg itself makes rows of them: row factories,
type adaptation, ``scroll``, ``nextset`` and errors are its own. A replayed connection is psycopg's own
object with nothing where the connection to the server was.

Server-side cursors: the statement, and each ``FETCH`` and ``MOVE``. Transactions are followed without a
server; a commit is a call where something was written. ``copy()``, ``stream()`` and notifications are
psycopg's own in a replay as well. Pools of psycopg_pool are, too: what their workers ask is part of the
start-up. Pipelines are not recorded, and refused in a replay.
"""

from __future__ import annotations

from timetracer_otel.integrations.psycopg.integration import PsycopgIntegration

__all__ = ["PsycopgIntegration"]
