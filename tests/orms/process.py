"""Run the scenarios of one ORM in a process of its own: ``python -m tests.orms.process FOLDER MODE``.

The modes: ``create`` makes the tables; ``live`` knows nothing of timetracer-otel; ``record`` writes a
cassette for each scenario; ``replay`` plays them, the last one first and then in their order. What the
scenarios see is printed as JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.fidelity.apps.seen import seen


def run(module: Any, scenario: Any) -> Any:
    """What a scenario sees; or what went wrong, which is the same in no two runs."""
    try:
        if not inspect.iscoroutinefunction(scenario):
            return seen(scenario())
        return seen(asyncio.run(scenario()))
    except Exception:
        return {"failed": traceback.format_exc(), "pid": os.getpid()}
    finally:
        module.leave()


def record(module: Any, name: str, scenario: Any, folder: Path) -> Any:
    """What it sees while it is recorded, and which calls were."""
    import timetracer_otel
    from timetracer_otel.cassette import Cassette

    with timetracer_otel.record(folder / name, name=name) as recording:
        told = run(module, scenario)
    assert recording.path is not None
    cassette = Cassette.load(recording.path)
    calls = [(call.integration, call.request.title() if call.request else "") for call in cassette.calls()]
    return {"seen": told, "calls": calls, "gaps": [str(gap) for gap in cassette.gaps]}


def replay(module: Any, name: str, scenario: Any, folder: Path) -> Any:
    """What it sees in a replay, and which recorded calls it did not make."""
    import timetracer_otel

    try:
        with timetracer_otel.replay(folder / name) as session:
            told = run(module, scenario)
            left = [str(call.request.title()) for call in session.unused if call.request]
    except Exception:
        return {"failed": traceback.format_exc()}
    return {"seen": told, "unused": left}


def main() -> None:
    """Print what the scenarios see."""
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    module = importlib.import_module(os.environ["ORM_SCENARIOS"])
    scenarios: dict[str, Any] = module.SCENARIOS
    if mode == "create":
        told: Any = module.create()
    elif mode == "live":
        told = {name: run(module, scenario) for name, scenario in scenarios.items()}
    elif mode == "record":
        told = {name: record(module, name, scenario, folder) for name, scenario in scenarios.items()}
    else:
        told = {"backwards": {}, "forwards": {}}
        for name, scenario in reversed(scenarios.items()):
            told["backwards"][name] = replay(module, name, scenario, folder)
        for name, scenario in scenarios.items():
            told["forwards"][name] = replay(module, name, scenario, folder)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
