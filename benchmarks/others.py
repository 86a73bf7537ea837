"""The packages that ours is compared with, in a folder of their own: nothing else sees them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

TIMETRACER = "timetracer==1.6.0"
VCRPY = ("vcrpy==9.4.2", "PyYAML==6.0.3")


def folder() -> Path | None:
    """A folder for the path with all of them, made once an environment; ``None`` where they cannot be had."""
    found = Path(sys.prefix, "compared-with")
    made = found / "made-from"
    wanted = "\n".join((TIMETRACER, *VCRPY))
    if made.exists() and made.read_text() == wanted:
        return found
    shutil.rmtree(found, ignore_errors=True)
    arguments = ["install", "--quiet", "--no-deps", "--target", str(found), TIMETRACER, *VCRPY]
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", *arguments]
    else:
        command = ["uv", "pip", *arguments]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{TIMETRACER} and {VCRPY[0]} cannot be installed here, so they are not compared: {error}")
        return None
    made.write_text(wanted)
    return found
