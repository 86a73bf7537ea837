"""Ratios of what was measured in turns, and the lines that show them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A number that was measured several times.

    Args:
        samples: what was measured, in any order.
    """

    samples: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half: the lower and the upper quartile."""
        if len(self.samples) < 3:
            return min(self.samples), max(self.samples)
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high

    def __format__(self, spec: str) -> str:
        """``median (lower quartile to upper quartile)``, each as the format says."""
        low, high = self.spread
        return f"{self.median:{spec}} ({low:{spec}} to {high:{spec}})"


def ratio(mine: Sequence[float], others: Sequence[float]) -> Figure:
    """Of each round, one number over the other: what slows a whole round slows both."""
    return Figure([one / other for one, other in zip(mine, others, strict=True)])


def difference(mine: Sequence[float], others: Sequence[float]) -> Figure:
    """Of each round, one number less the other."""
    return Figure([one - other for one, other in zip(mine, others, strict=True)])


def line(name: str, figure: Figure, budget: str = "", *, spec: str = ".2f") -> str:
    """One line of a table: what, the median, the middle half, the budget."""
    low, high = figure.spread
    spread = f"{low:{spec}} to {high:{spec}}" if len(figure.samples) > 1 else ""
    return f"  {name:<58}{figure.median:>9{spec}}   {spread:<18}{budget}".rstrip()
