"""asyncpg, used directly: statements, prepared ones, cursors, COPY, listeners, codecs, transactions, pools.

Recorded are rows as Python values; values that an app's own codec made are recorded as the server sent
them, so that the codec makes them in a replay, too. A replayed connection is asyncpg's own object with
nothing where its protocol was; prepared statements, cursors, transactions and pools on it are asyncpg's own.
"""

from __future__ import annotations

from timetracer_otel.integrations.asyncpg.integration import AsyncpgIntegration

__all__ = ["AsyncpgIntegration"]
