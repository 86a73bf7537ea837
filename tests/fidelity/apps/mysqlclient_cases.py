"""mysqlclient, used directly."""

from __future__ import annotations

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.pymysql_blocking import Driver, add_connections, add_statements

CASES = Cases("mysqlclient", "drivers/mysqlclient", needs=("mariadbd", "mysqlclient"))
DRIVER = Driver("mysqlclient", "MySQLdb", {})

add_statements(CASES, DRIVER)
add_connections(CASES, DRIVER)
