"""What a replayed dependency call costs: ours with the standard spans on, the older package, vcrpy.

One process a tool; they take turns, round after round. ``python -m benchmarks.replaying --help``
runs this alone, or a part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks import others
from benchmarks.figures import Figure, line, ratio
from benchmarks.load import Upstream
from benchmarks.replayed import MANY, Task, Took

ROUNDS = 7
SIZES = (1, 100, 1000)
TOOLS = ("ours", "transport", "timetracer", "vcrpy")
"""``transport`` is no tool: what no tool can be faster than, see :func:`benchmarks.replayed.transport`."""
_OURS = {"ours", "transport"}
_ROOT = str(Path(__file__).resolve().parents[1])
FEW = 100
"""Calls that are measured at a time at least."""


@contextlib.contextmanager
def upstream() -> Iterator[str]:
    """The server that is recorded; its address."""
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(lambda: Upstream([]), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.close()


class Tool:
    """A process that records and replays with one tool.

    Args:
        name: of :data:`TOOLS`.
        base: the address of the server that is recorded.
        folder: for its recordings.
        packages: where the other packages are.
    """

    def __init__(self, name: str, base: str, folder: Path, packages: Path | None) -> None:
        path = [_ROOT] if packages is None or name in _OURS else [_ROOT, str(packages)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.replayed", name, base, str(folder / name)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def measure(self, task: Task) -> Took:
        """Replay, and tell what it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(task) + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("a process that replays has ended; its error is above")
        return Took(*msgspec.json.decode(answer))

    def stop(self) -> None:
        self._process.communicate()


def report(tools: Sequence[str] = TOOLS, sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> list[str]:
    """What a replayed call costs, as lines."""
    packages = others.folder() if set(tools) - _OURS else None
    chosen = [name for name in tools if name in _OURS or packages is not None]
    lines = ["", "replaying GETs of httpx, µs of CPU a call; opening the cassette is apart, µs a call, too"]
    with tempfile.TemporaryDirectory() as name, upstream() as base:
        running = {tool: Tool(tool, base, Path(name), packages) for tool in chosen}
        try:
            for asynchronous in (False, True):
                for calls in sizes:
                    for equal in (False, True) if calls > 1 else (False,):
                        task = Task(calls, equal, asynchronous, times=max(1, FEW // calls))
                        lines += _compare(task, running, rounds)
        finally:
            for tool in running.values():
                tool.stop()
    return lines


def _compare(task: Task, running: dict[str, Tool], rounds: int) -> list[str]:
    took: dict[str, list[Took]] = {name: [] for name in running}
    for turn in range(rounds):
        order = list(running)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            # a thousand calls of vcrpy take a quarter of a minute
            if not (turn and name == "vcrpy" and task.calls >= MANY):
                took[name].append(running[name].measure(task))
    colour = "async" if task.asynchronous else "sync"
    calls = {name: [one.calls / task.calls * 1e6 for one in every] for name, every in took.items()}
    opening = {name: Figure([one.opening / task.calls * 1e6 for one in took[name]]).median for name in took}
    return [
        f"  {colour}, {task.calls} {'equal' if task.equal else 'distinct'} call{'s' * (task.calls > 1)}",
        *(
            line(f"  {name}", Figure(calls[name]), f"opening {opening[name]:.0f}", spec=".0f")
            for name in running
        ),
        *(
            line(
                f"  ours / {name}",
                ratio(calls["ours"][: len(calls[name])], calls[name]),
                "" if name == "transport" else "budget 1.0",
            )
            for name in running
            if name != "ours"
        ),
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replaying", description=__doc__)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    print("\n".join(report(given.tools, given.sizes, given.rounds)))


if __name__ == "__main__":
    _main()
