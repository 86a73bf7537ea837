"""What the drivers of MySQL and MariaDB that are written in Python have in common: the wire.

A call is recorded as the replies that the server sent to it, and a replay lets the driver read them again
from a connection with nothing behind it. So rows, types, warnings, several results, cursors that stream and
exceptions are the driver's own work, in every version.
"""
