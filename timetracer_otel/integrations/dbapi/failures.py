"""Driver exceptions as messages and back: the fields that C classes keep out of ``__dict__`` too."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.dbapi.values import plain, restore
from timetracer_otel.messages import Failure

DIAGNOSTICS = (
    "severity", "severity_nonlocalized", "sqlstate", "message_primary", "message_detail", "message_hint",
    "statement_position", "internal_position", "internal_query", "context", "schema_name", "table_name",
    "column_name", "datatype_name", "constraint_name", "source_file", "source_line", "source_function",
)  # fmt: skip
_NOT_FIELDS = frozenset(
    {"orig", "_info", "_encoding", "_pgconn", "pgconn", "cursor", "original_exception", "traceback"}
)
_DIAG = "$diag"
_PGCODE = "$pgcode"
_PGERROR = "$pgerror"
_ORIGINAL = "$original"
"""PyMySQL's exception holds the one that it was made of, and the text of its traceback."""
DISCONNECTED = "$disconnected"
"""The failure took the connection with it."""


def describe(error: BaseException) -> Failure:
    """A driver's exception, its diagnostics included."""
    failure = exceptions.describe(error, _NOT_FIELDS)
    _add_fields(failure, error)
    return failure


def rebuild(failure: Failure, classes: Mapping[str, type[BaseException]]) -> BaseException:
    """The driver's own exception.

    Raises:
        ReplayError: the class is not among ``classes``.
    """
    error = exceptions.rebuild(_without_marks(failure), classes)
    _set_fields(error, failure)
    return error


def classes_below(*roots: Any) -> dict[str, type[BaseException]]:
    """Those classes and all that derive from them, by name; what is no class is left out."""
    found: set[type] = set()
    pending = [root for root in roots if isinstance(root, type)]
    while pending:
        kind = pending.pop()
        if kind not in found:
            found.add(kind)
            pending += kind.__subclasses__()
    return exceptions.by_name(*(kind for kind in found if issubclass(kind, Exception)))


def _add_fields(failure: Failure, error: BaseException) -> None:
    failure.args = [plain(item) for item in error.args]
    module = type(error).__module__
    if module.startswith("psycopg2") or _is_psycopg(error):
        diagnostics = getattr(error, "diag", None)
        read = {name: getattr(diagnostics, name, None) for name in DIAGNOSTICS}
        failure.fields[_DIAG] = {name: value for name, value in read.items() if value is not None}
    if module.startswith("psycopg2"):
        failure.fields[_PGCODE] = getattr(error, "pgcode", None)
        failure.fields[_PGERROR] = getattr(error, "pgerror", None)
    if module.startswith("asyncmy.") and (state := getattr(error, "sqlstate", None)) is not None:
        failure.fields["sqlstate"] = state  # a field of a C class
    if getattr(error, "original_exception", error) is error.__context__:
        failure.fields[_ORIGINAL] = True
    for below, link in ((failure.cause, error.__cause__), (failure.context, error.__context__)):
        if below is not None and link is not None:
            _add_fields(below, link)


def _without_marks(failure: Failure) -> Failure:
    def linked(link: Failure | None) -> Failure | None:
        return None if link is None else _without_marks(link)

    return Failure(
        type_name=failure.type_name,
        args=[restore(item) for item in failure.args],
        fields={name: restore(value) for name, value in failure.fields.items() if not name.startswith("$")},
        cause=linked(failure.cause),
        context=linked(failure.context),
        suppress_context=failure.suppress_context,
    )


def _set_fields(error: BaseException, failure: Failure) -> None:
    module = type(error).__module__
    diagnostics = failure.fields.get(_DIAG)
    diagnostics = diagnostics if isinstance(diagnostics, dict) else {}
    if module.startswith("psycopg2"):
        _psycopg2(error, failure, diagnostics)
    elif _is_psycopg(error):
        _psycopg(error, diagnostics)
    elif _ORIGINAL in failure.fields and error.__context__ is not None:
        _pymysql(error, error.__context__)
    elif isinstance(getattr(type(error), "driver_exception", None), property):
        error.orig = error.__cause__  # type: ignore[attr-defined]  # SQLAlchemy 2.1's adapters
    for below, link in ((failure.cause, error.__cause__), (failure.context, error.__context__)):
        if below is not None and link is not None:
            _set_fields(link, below)


def _is_psycopg(error: BaseException) -> bool:
    """Also where another package derived the class: psycopg_pool, the app."""
    return any(kind.__module__ == "psycopg" for kind in type(error).__mro__)


def _psycopg(error: Any, diagnostics: dict[str, Any]) -> None:
    from psycopg.pq import DiagnosticField

    # what psycopg itself keeps of an exception that was pickled
    error._info = {
        DiagnosticField[name.upper()]: str(value).encode()
        for name, value in diagnostics.items()
        if name.upper() in DiagnosticField.__members__
    } or None
    error._encoding = "utf-8"
    error._pgconn = None


def _pymysql(error: Any, original: BaseException) -> None:
    error.original_exception = original
    error.traceback = "".join(traceback.format_exception(original))


class _Diagnostics:
    """Reads like psycopg2's ``Diagnostics``, which only C code can make."""

    def __init__(self, known: dict[str, Any]) -> None:
        for name in DIAGNOSTICS:
            setattr(self, name, known.get(name))


def _psycopg2(error: Any, failure: Failure, diagnostics: dict[str, Any]) -> None:
    import psycopg2

    if hasattr(error, "__setstate__"):
        error.__setstate__({"pgerror": failure.fields.get(_PGERROR), "pgcode": failure.fields.get(_PGCODE)})
    if not isinstance(error, psycopg2.DatabaseError):
        return
    # `diag` is a read-only property of a C class; the class below it can have one that looks first
    # into the exception itself
    if "diag" not in vars(psycopg2.DatabaseError):
        original = psycopg2.Error.diag
        psycopg2.DatabaseError.diag = property(lambda self: vars(self).get(_DIAG) or original.__get__(self))
    vars(error)[_DIAG] = _Diagnostics(diagnostics)
