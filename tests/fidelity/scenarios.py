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
        one_each: Of what is done with several drivers or protocols it takes one, each in its turn; of what
            several of such applications do, only what is its turn.
        rest: It takes the others.
        slow: It takes a minute, and others show most of it.
    """

    name: str
    framework: str
    sqlalchemy: str = "current"
    libraries: tuple[str, ...] = ()
    one_each: bool = False
    rest: bool = False
    slow: bool = False


SQL = ("SQLAlchemy", "SQLAlchemy, asynchronous")
VARIANTS = (
    Variant("fastapi", "fastapi", one_each=True),
    Variant("fastapi-rest", "fastapi", rest=True, slow=True),
    Variant("flask", "flask", one_each=True),
    Variant("flask-rest", "flask", rest=True, slow=True),
    Variant("starlette", "starlette", libraries=("Inbound",)),
    Variant("litestar", "litestar", libraries=("Inbound",)),
    Variant("django", "django", libraries=("Inbound",)),
    Variant("django-asgi", "django-asgi", libraries=("Inbound",)),
    Variant("fastapi-sqlalchemy-2.0", "fastapi", "2.0", SQL, one_each=True),
    Variant("fastapi-sqlalchemy-2.0-rest", "fastapi", "2.0", SQL, rest=True, slow=True),
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
                needs=case.needs or NEEDS.get(backend, ()),
            )


@functools.cache
def rows_of(variant: Variant) -> tuple[Row, ...]:
    """The rows of one variant."""
    served = tuple(
        row
        for row in rows()
        if variant.framework in row.frameworks and (not variant.libraries or row.library in variant.libraries)
    )
    if not (variant.one_each or variant.rest):
        return served
    taking_turns = [
        other.framework for other in VARIANTS if other.one_each and other.sqlalchemy == variant.sqlalchemy
    ]
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in served:
        alike.setdefault((row.library, row.edge), []).append(row)
    chosen = set()
    for turn, ((library, _), ways) in enumerate(alike.items()):
        doing = [framework for framework in taking_turns if framework in ways[0].frameworks]
        if library == "Inbound" or doing[turn % len(doing)] == variant.framework:
            chosen.add(ways[turn // len(doing) % len(ways)].name)
    return tuple(row for row in served if (row.name in chosen) is variant.one_each)
