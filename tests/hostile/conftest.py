"""A working directory, and a process with little memory that reads what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.reader import Reader


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def reader(directory: Path) -> Iterator[Reader]:
    reader = Reader(directory)
    yield reader
    reader.close()
