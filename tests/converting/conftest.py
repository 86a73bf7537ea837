"""A working directory, and the command line to type in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.services.environment import settings
from timetracer_otel.cassette import Cassette
from timetracer_otel.cli import cli
from timetracer_otel.store import FolderStore

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no setting in the environment."""
    for name in (*settings(), "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run() -> Run:
    """Run a command; its status and output."""

    def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)

    return run


def cassettes(store: str | Path = "cassettes") -> list[Cassette]:
    """All cassettes of a store, by title."""
    found = [cassette for _, cassette in FolderStore(store).iter()]
    return sorted(found, key=lambda cassette: cassette.title)


def titles(store: str | Path = "cassettes") -> list[str]:
    """Their titles."""
    return [cassette.title for cassette in cassettes(store)]


def contents(store: str | Path) -> dict[str, bytes]:
    """The files of a store by their paths in it, hidden ones too."""
    root = Path(store)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def tree(cassette: Cassette) -> Any:
    """The names of its spans as they are below one another."""

    def below(span_id: str) -> Any:
        return {child.name: below(child.span_id) for child in cassette.children(span_id)}

    return {cassette.entry.name: below(cassette.entry.span_id)}
