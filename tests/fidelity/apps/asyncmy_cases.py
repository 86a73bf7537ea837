"""asyncmy, used directly."""

from __future__ import annotations

from typing import Any

import asyncmy
from asyncmy import cursors

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.driver_addresses import mysql_place
from tests.fidelity.apps.pymysql_like import Driver, add_connections, add_statements
from tests.fidelity.apps.seen import raised, seen
from tests.fidelity.apps.specimens import ON_MARIADB

CASES = Cases("asyncmy", "drivers/asyncmy", needs=("mariadbd",))


def place() -> dict[str, Any]:
    """The address."""
    return mysql_place("asyncmy")


DRIVER = Driver(
    module=asyncmy,
    prefix="as",
    cursors=(cursors.Cursor, cursors.DictCursor, cursors.SSCursor, cursors.SSDictCursor),
    place=place,
    connection=lambda: asyncmy.connect(**place()),
    state=lambda connection: connection.connected,
    said=lambda error: [raised(error), getattr(error, "sqlstate", None)],
)
add_statements(CASES, DRIVER)


@CASES("prepared statements, in binary; execute_bulk")
async def prepared() -> Any:
    async with DRIVER.connected("as_prepared") as connection:
        async with await connection.prepare(ON_MARIADB) as statement:
            result = await statement.execute()
            answer = [seen(result.description), seen(result.rows)]
        async with await connection.prepare("INSERT INTO as_prepared (name, n) VALUES (?, ?)") as statement:
            answer += [(await statement.execute(("dan", 1))).insert_id]
            answer += [await DRIVER.failing(lambda: statement.execute(("dan", 1)))]
            bulk = await statement.execute_bulk([(f"n{number}", number) for number in range(20)])
            answer += [bulk.affected_rows]
        async with await connection.prepare("SELECT name FROM as_prepared WHERE n > ?") as statement:
            for least in (15, 100):
                answer += [seen((await statement.execute((least,))).rows)]
        return answer


add_connections(CASES, DRIVER)
