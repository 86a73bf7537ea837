"""SQLAlchemy 2: every statement of every engine, at the cursor between SQLAlchemy and its driver.

Recording, the cursors that the app and SQLAlchemy take from a pooled connection are watched
(:mod:`.recording`). Replaying, connections come from a pool of their own (:mod:`.pools`) and answer
from the cassette (:mod:`.replaying`). What SQLAlchemy itself asks a server (on connecting, to ping,
to reset) is nobody's call and is not recorded; what it learns on connecting travels with the
statements (:mod:`.facts`).

Transactions: ``SAVEPOINT`` and the like are statements and recorded as such. A commit is recorded as a call
when something may have been written before it, because it can fail (a deferred constraint). In replay none of
them can miss: what was not recorded is done.
"""

from __future__ import annotations

from timetracer_otel.integrations.sqlalchemy.integration import SqlAlchemyIntegration

__all__ = ["SqlAlchemyIntegration"]
