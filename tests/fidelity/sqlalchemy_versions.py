"""SQLAlchemy 2.0 beside the one that is installed, without a second environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_CACHE = Path(__file__).resolve().parents[2] / ".cache"
_REQUIREMENT = "sqlalchemy>=2.0,<2.1"


def python_path(version: str) -> str:
    """What PYTHONPATH must hold so that a process imports this SQLAlchemy; empty for the installed one.

    Args:
        version: ``current`` or ``2.0``.
    """
    if version == "current":
        return ""
    folder = _CACHE / "sqlalchemy-2.0"
    if not folder.exists():
        _CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as unfinished:
            target = Path(unfinished) / "packages"
            subprocess.run([*_installer(target), _REQUIREMENT], check=True, capture_output=True)
            if not folder.exists():
                target.rename(folder)
    return str(folder)


def _installer(target: Path) -> list[str]:
    if uv := shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.defpath}") or shutil.which("uv"):
        return [uv, "pip", "install", "--no-deps", "--python", sys.executable, "--target", str(target)]
    return [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target)]
