"""Where the databases are, as the drivers themselves spell it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.fidelity.apps.databases import address


def sqlite_file(driver: str) -> str:
    """The file of a driver's own database."""
    return address(driver).partition(":///")[2]


def postgres_url(driver: str) -> str:
    """The URL of a driver's own database, without SQLAlchemy's part."""
    scheme, _, rest = address(driver).partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def mysql_place(driver: str) -> dict[str, Any]:
    """Where a driver's own database is, as drivers of MySQL take it."""
    url = urlsplit(address(driver))
    return {
        "host": url.hostname,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "database": url.path.lstrip("/"),
    }
