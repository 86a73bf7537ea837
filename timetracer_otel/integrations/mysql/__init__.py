"""Drivers of MySQL and MariaDB: PyMySQL, aiomysql, asyncmy, mysqlclient, mysql-connector-python and its
asyncio side.

A call is recorded as the replies that the server sent to it, and a replay lets the driver read them again
from a connection with nothing behind it. So rows, types, warnings, several results, cursors that stream and
exceptions are the driver's own work, in every version. Of a driver in C it is what its library told of them.
"""
