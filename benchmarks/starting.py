"""What importing the package and starting its command take, beside a Python that does nothing."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.figures import Figure, difference, line

ROUNDS = 11
STARTS = {
    "import timetracer_otel, s": (("-c", "import timetracer_otel"), "budget 0.05"),
    "timetracer-otel --help, s": (("-m", "timetracer_otel", "--help"), "budget 0.15"),
    "import click, s": (("-c", "import click"), ""),
}
"""Of each: arguments of Python, the budget. The last is not ours, and says how fast the machine is."""


def cpu(*arguments: str) -> float:
    """Seconds of CPU of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(rounds: int = ROUNDS) -> list[str]:
    """What starting takes, as lines."""
    took: dict[str, list[float]] = {name: [] for name in STARTS}
    empty: list[float] = []
    for _ in range(rounds):
        empty.append(cpu("-c", ""))
        for name, (arguments, _) in STARTS.items():
            took[name].append(cpu(*arguments))
    lines = ["", "starting, beyond a Python that does nothing"]
    for name, (_, budget) in STARTS.items():
        lines.append(line(name, difference(took[name], empty), budget, spec=".3f"))
    return [*lines, line("a Python that does nothing, s", Figure(empty), spec=".3f")]
