"""The page of a report, in a real browser: nothing that a cassette holds runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.services.programs import need_program
from timetracer_otel.comparison import Difference, Finding, Row
from timetracer_otel.replayers.verdict import Verdict
from timetracer_otel.reports.items import of_verdict
from timetracer_otel.reports.page import html_page

pytestmark = pytest.mark.needs("chromium")
HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg onload=document.title='owned'>",
    "'-document['title']='owned'-'",
    "javascript:document.title='owned'",
    "</style><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\x1b[2J\x00",
)


def verdict(number: int, text: str, outcome: str) -> Verdict:
    """A verdict with that text wherever text can be."""
    finding = Finding(
        "changed", f"changed: {text}", write=True, detail=text, recorded=0, live=0,
        parts=[Difference(text, text, text)],
    )  # fmt: skip
    about_response = Finding("response", text, parts=[Difference(text, text, text)])
    return Verdict(
        title=f"GET /{number}/{text}",
        path=text,
        outcome=outcome,  # type: ignore[arg-type]  # one of the three
        differences=[text] if outcome != "same" else [],
        follows=[text],
        notes=[text],
        findings=[finding, about_response],
        rows=[Row("changed", text, text, text, [text], True, text, 1_000, 2_000, [0])],
        status=200,
        calls=1,
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=need_program("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The report of hostile verdicts and one harmless one, opened from a file with no network."""
    verdicts = [
        verdict(number, text, ("different", "same", "error")[number % 3])
        for number, text in enumerate(HOSTILE)
    ]
    verdicts.append(verdict(99, "harmless", "same"))
    file = tmp_path / "report.html"
    file.write_bytes(html_page("Replay", [of_verdict(one) for one in verdicts]))
    context = browser.new_context(offline=True)
    opened = context.new_page()
    opened.goto(file.as_uri())
    yield opened
    context.close()


def shown(page: Page) -> int:
    return page.locator("article:visible").count()


def test_no_text_of_a_cassette_runs_or_becomes_part_of_the_page(page: Page) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.click("#expand")
    for summary in page.locator("summary").all():
        summary.dispatch_event("mouseover")
    assert page.title() == "Replay · timetracer-otel"
    assert page.locator("script").count() == 1
    assert page.locator("style").count() == 1
    assert page.locator("article img, article svg, article a, article iframe").count() == 0
    assert page.evaluate("getComputedStyle(document.body).display") == "block"
    assert requested == []
    told = page.locator("main").inner_text()
    for text in HOSTILE[:-1]:
        assert text in told
    assert r"\u202egnp.exe\x1b[2J\x00" in told


def test_it_filters_by_words_and_by_outcome(page: Page) -> None:
    assert shown(page) == len(HOSTILE) + 1
    page.fill("#find", "harmless 99")
    assert shown(page) == 1
    page.fill("#find", "no such thing")
    assert (shown(page), page.locator("#none").is_visible()) == (0, True)
    page.fill("#find", "")
    page.click("button[data-outcome=different]")
    assert shown(page) == 3
    page.click("button[data-outcome='']")
    assert shown(page) == len(HOSTILE) + 1


def test_it_expands_and_collapses(page: Page) -> None:
    page.click("#collapse")
    assert page.locator("details[open]").count() == 0
    page.click("summary >> nth=0")
    assert page.locator("details[open]").count() == 1
    page.click("#expand")
    assert page.locator("details[open]").count() == len(HOSTILE) + 1


def test_a_script_of_another_origin_would_not_run_either(page: Page) -> None:
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran === undefined")
