"""Parameters as text of a statement, as mysql.connector's C library writes them on a connection.

It does so for connections only, and a replay has none. What is written here is sent nowhere; the app sees it
in ``cursor.statement``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_ESCAPED = str.maketrans(
    {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\\": "\\\\", "'": "\\'", '"': '\\"', "\x1a": "\\Z"}
)
_AS_UTF8 = ("utf8mb4", "utf8mb3", "binary")


_QUOTED = re.compile(rb"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--\s[^\n]*|/\*.*?\*/""", re.S)


def parameters(statement: bytes) -> int:
    """How many parameters a statement takes that is prepared."""
    return _QUOTED.sub(b"", statement).count(b"?")


def escaped(value: Any, charset: str, *, backslashes: bool) -> bytes:
    """A string within quotes.

    Args:
        value: text or bytes.
        charset: MySQL's name of the connection's.
        backslashes: they escape (they do not in the SQL mode ``NO_BACKSLASH_ESCAPES``).

    Raises:
        TypeError: it is neither.
        UnicodeEncodeError: the character set has not all of its characters.
    """
    if isinstance(value, str):
        text = value.translate(_ESCAPED) if backslashes else value.replace("'", "''")
        return text.encode(python_name(charset))
    if isinstance(value, bytes | bytearray):
        data = bytes(value).decode("latin-1")
        return (data.translate(_ESCAPED) if backslashes else data.replace("'", "''")).encode("latin-1")
    raise TypeError("Argument must be str or bytes")


def python_name(charset: str) -> str:
    """Python's name of a character set of MySQL's."""
    return "utf8" if charset in _AS_UTF8 else charset


def converted(value: Any, charset: str, *, backslashes: bool, fallback: bool) -> bytes:
    """A value as it stands in a statement, quotes included.

    Args:
        value: the app's.
        charset: see :func:`escaped`.
        backslashes: likewise.
        fallback: a value of any other class is written as its text.

    Raises:
        MySQLInterfaceError: it cannot be written.
    """
    library = sys.modules["_mysql_connector"]
    if value is None:
        return b"NULL"
    if isinstance(value, int | float):
        return str(value).encode()
    if type(value) is Decimal:
        return str(value).encode()
    if isinstance(value, str | bytes | bytearray):
        try:
            written = escaped(value, charset, backslashes=backslashes)
        except Exception:  # noqa: BLE001  # as the library does
            raise library.MySQLInterfaceError(f"Failed converting Python '{type(value).__name__}'") from None
        return b"'" + written + b"'"
    for kinds, write in _moments(library):
        if isinstance(value, kinds):
            return b"'" + bytes(write(value)) + b"'"
    if fallback:
        return b"'" + str(value).encode() + b"'"
    raise library.MySQLInterfaceError(f"Python type {type(value).__name__} cannot be converted")


def _moments(library: Any) -> tuple[tuple[type, Callable[[Any], bytes]], ...]:
    return (
        (datetime, library.datetime_to_mysql), (date, library.date_to_mysql), (time, library.time_to_mysql),
        (timedelta, _duration),
    )  # fmt: skip


def _duration(value: timedelta) -> bytes:
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    seconds = value.days * 86400 + value.seconds
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}".encode()
