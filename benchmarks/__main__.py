"""Runs every measurement, as ``scripts/bench`` does; each shows ratios beside their budgets."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import converting, loading, matching, recording, replaying, searching, sizes, starting

PARTS: dict[str, tuple[Callable[[], list[str]], Callable[[], list[str]]]] = {
    "starting": (starting.report, lambda: starting.report(5)),
    "loading": (loading.report, lambda: loading.report(5)),
    "converting": (
        lambda: [*converting.report(), *converting.memory(converting.MEGABYTES)],
        lambda: converting.report(400, rounds=3),
    ),
    "matching": (matching.report, lambda: matching.report(3)),
    "searching": (searching.report, lambda: searching.report(2000, rounds=5)),
    "memory": (sizes.report, lambda: sizes.report(100)),
    "replaying": (replaying.report, lambda: replaying.report(sizes=(1, 100), rounds=3)),
    "recording": (recording.report, lambda: recording.report(rounds=3, seconds=0.5)),
}
"""By name: the whole measurement, the quick one."""


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures against the budgets: the median, then the middle half of all samples. Ratios"
        " are of numbers that were measured in turns, so they hold on a busy machine, too.",
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about a minute and a half")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    for part in given.parts or PARTS:
        whole, quick = PARTS[part]
        print("\n".join((quick if given.quick else whole)()), flush=True)


if __name__ == "__main__":
    main()
