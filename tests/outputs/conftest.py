"""The store, and the command line to type in."""

from __future__ import annotations

from tests.cli.conftest import checkout, directory, run

__all__ = ["checkout", "directory", "run"]
