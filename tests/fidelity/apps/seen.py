"""What an application can see of a value or an exception, as JSON: its type always included.

Two values that look the same here cannot be told apart by an application that looks closely.
"""

from __future__ import annotations

from typing import Any


def kind(value: object) -> str:
    """The full name of a value's class."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def seen(value: Any) -> Any:
    """A value as JSON; what JSON cannot tell apart is tagged with its type."""
    if value is None or type(value) in (bool, str, int):
        return value
    if type(value) is list:
        return [seen(item) for item in value]
    if type(value) is dict:
        if all(type(key) is str for key in value):
            return {key: seen(item) for key, item in value.items()}
        return {"dict": [[seen(key), seen(item)] for key, item in value.items()]}
    if isinstance(value, set | frozenset):
        return {kind(value): sorted(map(repr, value))}
    if isinstance(value, tuple | list):
        return {kind(value): [seen(item) for item in value]}
    if isinstance(value, memoryview):
        return f"memoryview: {value.tobytes()!r}"
    return f"{kind(value)}: {value!r}"


def rows(result: Any) -> Any:
    """All rows of an SQLAlchemy result, with the names of its columns."""
    return [list(result.keys()), [seen(tuple(row)) for row in result]]


_FIELDS = (
    "code",
    "errno",
    "msg",
    "pgcode",
    "pgerror",
    "sqlstate",
    "sqlite_errorcode",
    "sqlite_errorname",
    "constraint_name",
    "table_name",
    "detail",
    "statement",
    "params",
    "connection_invalidated",
    "hide_parameters",
)
_DIAGNOSTICS = (
    "severity",
    "sqlstate",
    "message_primary",
    "message_detail",
    "schema_name",
    "table_name",
    "column_name",
    "constraint_name",
    "statement_position",
)


def raised(error: BaseException) -> dict[str, Any]:
    """An exception: class, bases, text, arguments, the fields drivers add, and what caused it."""
    told: dict[str, Any] = {
        "class": kind(error),
        "bases": [cls.__name__ for cls in type(error).__mro__],
        "text": str(error),
        "arguments": seen(error.args),
    }
    for name in _FIELDS:
        if hasattr(error, name):
            told[name] = seen(getattr(error, name))
    diagnostics = getattr(error, "diag", None)
    if diagnostics is not None:
        told["diag"] = {name: seen(getattr(diagnostics, name)) for name in _DIAGNOSTICS}
    original = getattr(error, "orig", None)
    if isinstance(original, BaseException):
        told["orig"] = raised(original)
        told["orig is cause"] = error.__cause__ is original
    if error.__cause__ is not None:
        told["cause"] = kind(error.__cause__)
    return told
