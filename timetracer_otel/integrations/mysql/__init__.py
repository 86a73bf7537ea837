"""Drivers of MySQL and MariaDB: PyMySQL, aiomysql, asyncmy, mysqlclient, mysql-connector-python and its
asyncio side.

A call is recorded as the replies that the server sent to it, and a replay lets the driver read them again
from a connection with nothing behind it. So rows, types, warnings, several results, cursors that stream and
exceptions are the driver's own work, in every version. Of a driver in C it is what its library told of them.
"""

from __future__ import annotations

from timetracer_otel.integrations.mysql.aiomysql import AioMySqlIntegration
from timetracer_otel.integrations.mysql.asyncmy import AsyncmyIntegration
from timetracer_otel.integrations.mysql.connector import MySqlConnectorIntegration
from timetracer_otel.integrations.mysql.connector_aio import MySqlConnectorAioIntegration
from timetracer_otel.integrations.mysql.mysqlclient import MySqlClientIntegration
from timetracer_otel.integrations.mysql.pymysql import PyMySqlIntegration

__all__ = [
    "AioMySqlIntegration",
    "AsyncmyIntegration",
    "MySqlClientIntegration",
    "MySqlConnectorAioIntegration",
    "MySqlConnectorIntegration",
    "PyMySqlIntegration",
]
