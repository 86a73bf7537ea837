"""Every row, asserted by itself: without us = recording = replaying with everything stopped."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fidelity.harness import Results, Run, run_variant
from tests.fidelity.row import Row
from tests.fidelity.scenarios import VARIANTS, Variant, rows_of
from tests.fidelity.wire import Answer
from tests.services.together import Services

ResultsOf = Callable[[Variant], Results]


@pytest.fixture(scope="session")
def results_of(services: Services, tmp_path_factory: pytest.TempPathFactory) -> ResultsOf:
    """The runs of a variant; made once in each test process."""

    @functools.cache
    def run(variant: Variant) -> Results:
        return run_variant(variant, services, tmp_path_factory.mktemp(variant.name))

    return run


def slow(variant: Variant) -> list[pytest.MarkDecorator]:
    """Its mark, if it has one."""
    return [pytest.mark.slow] if variant.slow else []


each = pytest.mark.parametrize(
    ("variant", "row"),
    [
        pytest.param(
            variant,
            row,
            id=f"{variant.name}-{row.name}",
            marks=[*slow(variant), *([pytest.mark.needs(*row.needs)] if row.needs else [])],
        )
        for variant in VARIANTS
        for row in rows_of(variant)
    ],
)
"""By variant and row; all of this file runs in one process (``--dist loadfile``)."""


each_variant = pytest.mark.parametrize(
    "variant",
    [pytest.param(variant, id=variant.name, marks=slow(variant)) for variant in VARIANTS],
)


def readable(answers: tuple[Answer, ...]) -> list[dict[str, Any]]:
    """Answers in a form whose difference a person can read."""
    told: list[dict[str, Any]] = []
    for answer in answers:
        try:
            body = json.loads(answer.body)
        except ValueError:
            body = answer.body
        told.append({"status": answer.status, "headers": answer.headers, "body": body})
    return told


def assert_statuses(run: Run, row: Row) -> None:
    """Compare so that a failure shows what the server printed."""
    answers = run.answer(row)

    assert tuple(answer.status for answer in answers) == row.expected_statuses, run.printed(row)


def assert_same(run: Run, expected: Run, row: Row) -> None:
    """Compare so that a failure shows the values and what the server printed, then byte for byte."""
    answers, others = run.answer(row), expected.answer(row)

    assert readable(answers) == readable(others), run.printed(row)
    assert answers == others


@each
def test_the_application_answers_as_without_us(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    results = results_of(variant)

    assert_statuses(results.live, row)
    assert_statuses(results.recorded, row)
    if row.repeats:
        assert_same(results.recorded, results.live, row)


@each
def test_replay_gives_the_recorded_answers(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    results = results_of(variant)

    assert_same(results.replayed, results.recorded, row)
    if row.any_order:
        assert_same(results.replayed_backwards, results.recorded, row)


@each_variant
def test_replay_leaves_no_database_file(variant: Variant, results_of: ResultsOf) -> None:
    assert results_of(variant).sqlite_files_after_replay == []
