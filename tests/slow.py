"""Cases that wait for ``scripts/test --slow``: of what is alike, the ordinary run takes one."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.mark import ParameterSet


def later(*values: Any, id: str | None = None) -> ParameterSet:  # noqa: A002  # as pytest.param has it
    """A case of ``parametrize`` that is run with the slow tests."""
    return pytest.param(*values, id=id, marks=pytest.mark.slow)


FIRST_FASTAPI = ("fastapi", later("flask"))
"""For what is about neither: asynchronous and threaded servers are shown by the rows of fidelity."""
