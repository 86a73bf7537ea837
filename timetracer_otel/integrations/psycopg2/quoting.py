"""Parameters that psycopg2 quotes with the help of a live connection, quoted as a server of today has it."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import AsIs, Binary


def quotable(value: Any) -> Any:
    """Parameters in which text and bytes are quoted already, where it takes a connection to do it.

    Without one psycopg2 takes backslashes in text for escapes, and writes bytes in the old way.
    """
    if isinstance(value, str):
        return AsIs("'" + value.replace("'", "''") + "'") if "\\" in value else value
    if isinstance(value, bytes | bytearray | memoryview):
        return AsIs("'\\x" + bytes(value).hex() + "'::bytea")
    if isinstance(value, Binary):
        return quotable(bytes(value.adapted))
    if type(value) in (list, tuple):
        return type(value)(map(quotable, value))
    if type(value) is dict:
        return {key: quotable(item) for key, item in value.items()}
    return value
