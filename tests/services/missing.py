"""What a test run says when a service it needs is not installed: it fails, it does not skip."""

from __future__ import annotations

import importlib
from types import ModuleType


class ServiceMissing(Exception):
    """A service that the tests need is not installed; the text is the line that installs it."""


def need(module: str, package: str) -> ModuleType:
    """Import a service's module, or fail with the line that installs it.

    Args:
        module: What is imported.
        package: What provides it, as pip spells it.

    Raises:
        ServiceMissing: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ServiceMissing(f"install it with: python -m pip install '{package}'") from error
