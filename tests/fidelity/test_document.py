"""The page in the repository claims exactly what the rows test."""

from __future__ import annotations

from tests.fidelity.matrix import DOCUMENT, document, passed_in
from tests.fidelity.scenarios import VARIANTS, rows, rows_of


def test_the_page_is_what_all_rows_passing_writes() -> None:
    assert DOCUMENT.read_text() == document(lambda test, identifier: True)


def test_what_did_not_run_or_failed_is_not_claimed() -> None:
    row = "fastapi-in-json"
    reports = [
        (f"tests/fidelity/test_matrix.py::test_the_application_answers_as_without_us[{row}]@fastapi", True),
        (f"tests/fidelity/test_matrix.py::test_replay_gives_the_recorded_answers[{row}]@fastapi", False),
    ]

    lines = [line for line in document(passed_in(reports)).splitlines() if line.startswith("|")]

    others = " | ".join(["✗"] * 2 * 5)
    assert [line for line in lines if "✓" in line] == [f"| JSON body |  | ✓ | ✗ | {others} |"]


def test_every_row_has_a_name_of_its_own_and_runs_somewhere() -> None:
    names = [row.name for row in rows()]

    assert len(names) >= 70
    assert sorted(set(names)) == sorted(names)
    assert {row.name for variant in VARIANTS for row in rows_of(variant)} == set(names)
