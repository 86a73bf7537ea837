"""Every row, asserted by itself: without us = recording = replaying with everything stopped."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fidelity.harness import Results, run_variant
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


def each(*, repeating: bool = False, any_order: bool = False) -> pytest.MarkDecorator:
    """Parametrise by variant and row; all of this file runs in one process (``--dist loadfile``)."""
    return pytest.mark.parametrize(
        ("variant", "row"),
        [
            pytest.param(
                variant,
                row,
                id=f"{variant.name}-{row.name}",
                marks=[pytest.mark.needs(row.needs)] if row.needs else [],
            )
            for variant in VARIANTS
            for row in rows_of(variant)
            if (row.repeats or not repeating) and (row.any_order or not any_order)
        ],
    )


each_variant = pytest.mark.parametrize(
    "variant",
    [pytest.param(variant, id=variant.name) for variant in VARIANTS],
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


def assert_equal(actual: tuple[Answer, ...], expected: tuple[Answer, ...]) -> None:
    """Compare so that a failure shows the values, then byte for byte."""
    assert readable(actual) == readable(expected)
    assert actual == expected


@each()
def test_the_application_answers_without_us(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    answers = results_of(variant).live.answer(row)

    assert tuple(answer.status for answer in answers) == row.expected_statuses


@each()
def test_statuses_while_recording(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    answers = results_of(variant).recorded.answer(row)

    assert tuple(answer.status for answer in answers) == row.expected_statuses


@each(repeating=True)
def test_recording_changes_nothing(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    results = results_of(variant)

    assert_equal(results.recorded.answer(row), results.live.answer(row))


@each()
def test_replay_gives_the_recorded_answers(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    results = results_of(variant)

    assert_equal(results.replayed.answer(row), results.recorded.answer(row))


@each(any_order=True)
def test_replay_in_another_order(variant: Variant, row: Row, results_of: ResultsOf) -> None:
    results = results_of(variant)

    assert_equal(results.replayed_backwards.answer(row), results.recorded.answer(row))


@each_variant
def test_replay_leaves_no_database_file(variant: Variant, results_of: ResultsOf) -> None:
    assert results_of(variant).sqlite_files_after_replay == []
