"""What a process needs to load mysql.connector's C extension."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def environment() -> dict[str, str]:
    """Have the OpenSSL loaded that the extension brings: the system's may be too old for it."""
    spec = importlib.util.find_spec("mysql.connector")
    assert spec is not None
    assert spec.origin is not None
    return {"LD_LIBRARY_PATH": str(Path(spec.origin).parents[1] / "vendor")}
