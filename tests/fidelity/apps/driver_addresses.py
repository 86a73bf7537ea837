"""Where the databases are, as the drivers themselves spell it."""

from __future__ import annotations

from tests.fidelity.apps.databases import address


def sqlite_file(driver: str) -> str:
    """The file of a driver's own database."""
    return address(driver).partition(":///")[2]


def postgres_url(driver: str) -> str:
    """The URL of a driver's own database, without SQLAlchemy's part."""
    scheme, _, rest = address(driver).partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"
