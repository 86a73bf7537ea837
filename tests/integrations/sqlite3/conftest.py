"""Every test sees the integration installed, and a database to compare three runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.sqlite3.files import File
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.sqlite3 import Sqlite3Integration


@pytest.fixture(autouse=True)
def integration() -> Iterator[Sqlite3Integration]:
    known = Sqlite3Integration()
    wrapping.install(known)
    yield known
    wrapping.uninstall(known)


@pytest.fixture
def db(tmp_path: Path) -> File:
    return File(tmp_path)
