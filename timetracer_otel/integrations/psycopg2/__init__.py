"""psycopg2, used directly: an app's connections and cursors, of its own classes.

A replayed connection is an object of psycopg2's class (or the app's) that never connected. Its cursors are
psycopg2's too: what does not need a server (adaptation, ``mogrify``, type registration) is done by
psycopg2; rows, columns, notices and states are the recorded ones.

Refused in a replay: asynchronous connections, large objects, replication, and scrolling a
server-side cursor.
"""

from __future__ import annotations

from timetracer_otel.integrations.psycopg2.integration import Psycopg2Integration

__all__ = ["Psycopg2Integration"]
