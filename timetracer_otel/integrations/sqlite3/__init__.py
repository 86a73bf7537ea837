"""sqlite3 of the standard library, used directly: an app's connections and cursors, of its own classes.

A replayed connection is a real one to a database in memory that stays empty. Statements never run there: of a
recorded result the cursor runs a query with its columns and as many rows, and the recorded values take the
place of the rows' own. So row factories, iteration, ``arraysize`` and errors of closed cursors are sqlite3's.

What is local to the process (functions, collations, limits) goes to the database in memory. Callbacks for
tracing, progress and authorisation are accepted and not called in a replay; blobs, backups and
serialisation are refused there.
"""

from __future__ import annotations

from timetracer_otel.integrations.sqlite3.integration import Sqlite3Integration

__all__ = ["Sqlite3Integration"]
