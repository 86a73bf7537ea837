"""Servers whose surroundings fail."""

from __future__ import annotations

from tests.processes.conftest import start, store

__all__ = ["start", "store"]
