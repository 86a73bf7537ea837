"""The scenarios: what is sent to an application, and what is special about it. One row each."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fidelity.apps.calls import all_cases
from tests.fidelity.apps.databases import NEEDS
from tests.fidelity.inbound_rows import INBOUND
from tests.fidelity.row import Row
from tests.fidelity.wire import Request


@dataclass(frozen=True)
class Variant:
    """One application with one set of libraries; all its rows share a server process.

    Attributes:
        sqlalchemy: The SQLAlchemy it runs with: ``current`` (what is installed) or ``2.0``.
        libraries: The headings of the rows it runs; empty for all.
        slow: It takes a minute, and another one runs the same statements.
    """

    name: str
    framework: str
    sqlalchemy: str = "current"
    libraries: tuple[str, ...] = ()
    slow: bool = False


SQL = ("SQLAlchemy", "SQLAlchemy, asynchronous")
VARIANTS = (
    Variant("fastapi", "fastapi"),
    Variant("flask", "flask"),
    Variant("starlette", "starlette", libraries=("Inbound",)),
    Variant("litestar", "litestar", libraries=("Inbound",)),
    Variant("django", "django", libraries=("Inbound",)),
    Variant("django-asgi", "django-asgi", libraries=("Inbound",)),
    Variant("fastapi-sqlalchemy-2.0", "fastapi", "2.0", SQL),
    Variant("flask-sqlalchemy-2.0", "flask", "2.0", SQL, slow=True),
)


@functools.cache
def rows() -> tuple[Row, ...]:
    """Every row, in the order in which it is run and shown."""
    return (*INBOUND, *_case_rows())


def _case_rows() -> Iterator[Row]:
    for case in all_cases():
        for backend in case.backends or ("",):
            path = case.path.format(backend=backend)
            frameworks = ("fastapi",) if case.is_async else ("fastapi", "flask")
            yield Row(
                name=path.lstrip("/").replace("/", "-"),
                library=case.library,
                edge=case.edge,
                backend=backend,
                requests=(Request("GET", path),),
                frameworks=frameworks,
                repeats=case.repeats,
                needs=case.needs or NEEDS.get(backend, ""),
            )


@functools.cache
def rows_of(variant: Variant) -> tuple[Row, ...]:
    """The rows of one variant."""
    return tuple(
        row
        for row in rows()
        if variant.framework in row.frameworks and (not variant.libraries or row.library in variant.libraries)
    )
