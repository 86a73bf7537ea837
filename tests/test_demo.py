"""The demonstration: it shows what it says, and says so when a replay is not what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import transcript
from timetracer_otel.demo import shop, story
from timetracer_otel.errors import ApplicationError


def test_it_prints_what_the_readme_shows(tmp_path: Path) -> None:
    printed: list[str] = []
    directory = tmp_path / "timetracer-demo-1"
    directory.mkdir()
    assert story.run(printed.append, directory) == 0
    assert transcript.tidy("\n".join(printed)) == transcript.tidy(transcript.shown()), "run scripts/docs"


@pytest.mark.slow
def test_an_answer_that_differs_is_shown_and_is_a_failure(tmp_path: Path) -> None:
    printed: list[str] = []

    def echo(line: str) -> None:
        printed.append(line)
        if line.endswith("The services are stopped"):
            double_the_rate(tmp_path / "cassettes")

    assert story.run(echo, tmp_path) == 1
    assert printed[-1] == "FAILED: the replay is not what was recorded"
    assert [line for line in printed if "DIFFERS" in line] == ["   DIFFERS: POST /checkout"]


def double_the_rate(cassettes: Path) -> None:
    """Make the cassettes say that the payment service gave another rate."""
    changed = 0
    for cassette in cassettes.glob("*/*.json"):
        text = cassette.read_text()
        changed += text.count("1.0842")
        cassette.write_text(text.replace("1.0842", "2.1684"))
    assert changed == 1


def test_a_service_that_is_not_installed_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shop, "NEEDED", ["uvicorn", "no_such_service"])
    with pytest.raises(ApplicationError) as raised:
        story.run(print)
    assert str(raised.value) == (
        "the demo needs no_such_service; install with: pip install 'timetracer-otel[demo]'"
    )
