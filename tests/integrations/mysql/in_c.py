"""An app whose connections are those of mysql.connector's C extension; run by ``test_c_extension.py``.

``python -m tests.integrations.mysql.in_c <port> <user> <password> <database>`` prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import _mysql_connector  # noqa: F401  # before the system's OpenSSL, which may be too old for it
import mysql.connector

from tests.integrations.ports import RecordingPort, ReplayPort, using
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.mysql import MySqlConnectorIntegration


def ask(connection: Any) -> list[Any]:
    """What an app does with a connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM people WHERE id = %s", (1,))
        seen = [list(row) for row in cursor.fetchall()]
        update = "UPDATE people SET age = %s WHERE id = %s"
        cursor.executemany(update, [(1, 1), (2, 2)])
        try:
            cursor.executemany(update, iter([(3, 3)]))
        except mysql.connector.ProgrammingError as error:
            seen.append([str(error)])
    connection.commit()
    with connection.cursor(prepared=True) as cursor:
        cursor.execute("SELECT age FROM people WHERE id = %s", (2,))
        return [*seen, *map(list, cursor.fetchall())]


def refused(act: Any) -> str:
    """What is said where it is refused."""
    try:
        act()
    except ReplayError as error:
        return str(error)
    return "it was not"


def main(port: str, user: str, password: str, database: str) -> dict[str, Any]:
    """Live, recording, and in replays."""
    place = {"host": "127.0.0.1", "port": int(port), "user": user, "password": password, "database": database}
    live = ask(mysql.connector.connect(**place))
    wrapping.install(MySqlConnectorIntegration())
    with using(RecordingPort()) as recording:
        connection = mysql.connector.connect(**place)
        recorded = ask(connection)
    replay = using(ReplayPort([]))
    with replay:
        connecting = refused(lambda: mysql.connector.connect(**place))
        asking = refused(lambda: connection.cmd_query("SELECT 1"))
        executing = refused(lambda: ask(connection))
    return {
        "class": type(connection).__name__,
        "live": live,
        "recorded": recorded,
        "calls": [[call.asked.text, call.answer, call.gaps] for call in recording.calls],  # type: ignore[attr-defined]
        "refused": [connecting, asking, executing],
        "afterwards": ask(connection),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
