"""PyMySQL, used directly."""

from __future__ import annotations

from pymysql.constants import CLIENT

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.pymysql_blocking import Driver, add_connections, add_statements

CASES = Cases("PyMySQL", "drivers/pymysql", needs=("mariadbd",))
DRIVER = Driver("pymysql", "pymysql", {"client_flag": CLIENT.MULTI_STATEMENTS})

add_statements(CASES, DRIVER)
add_connections(CASES, DRIVER)
