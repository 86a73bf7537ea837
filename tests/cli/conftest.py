"""A working directory with a store in it, and the command line to type in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli import samples
from tests.services.environment import settings
from timetracer_otel.cli import cli

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no setting in the environment."""
    for name in (*settings(), "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def checkout(directory: Path) -> Path:
    """A store with two cassettes in ``cassettes/``; the path of the checkout's, as one would type it."""
    return samples.store(Path("cassettes"))


@pytest.fixture
def run() -> Run:
    """Run a command; its status and output."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return run
