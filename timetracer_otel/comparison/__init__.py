"""One engine that compares: the live tree with the recorded one, and one recording with another.

Two runs are aligned so that what was put in, taken out or changed is one line each, and each difference
is named by its part: a JSON path, a parameter, a key.
"""

from timetracer_otel.comparison.comparing import compare, outcome_findings, with_outcome
from timetracer_otel.comparison.findings import Comparison, Finding, Kind, Mark, Row
from timetracer_otel.comparison.parts import Difference, differences
from timetracer_otel.comparison.runs import Made, Run, made, recorded_exception, recorded_run
from timetracer_otel.comparison.timing import Threshold

__all__ = [
    "Comparison",
    "Difference",
    "Finding",
    "Kind",
    "Made",
    "Mark",
    "Row",
    "Run",
    "Threshold",
    "compare",
    "differences",
    "made",
    "outcome_findings",
    "recorded_exception",
    "recorded_run",
    "with_outcome",
]
