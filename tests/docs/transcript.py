"""What ``scripts/demo`` prints, as README.md shows it."""

from __future__ import annotations

import re

from tests.docs.markdown import ROOT, blocks
from timetracer_otel.demo import story

PAGE = ROOT / "README.md"
TITLE = "scripts/demo"

VOLATILE = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?=\+00:00)", "<time>"),
    (r"\d{4}-\d\d-\d\d", "<day>"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (r"(?<![0-9a-f])[0-9a-f]{16}([0-9a-f]{16})?(?![0-9a-f])", "<id>"),
    (r"\d\d:\d\d:\d\d", "<clock>"),
    (r"\s*\b[\d.]+ ?(µs|ms|s)\b", " <duration>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"/\S*/timetracer-(demo|postgres)-\w+", "<directory>"),
    (r"\b[\d.]+ [kM]?B\b", "<size>"),
    (r"\d+ clock@", "<times> clock@"),  # a pool asks more often where a connection comes back late
    (r"^[│├└─ ]+", ""),
    (r"^[A-Z]+;? <duration>\n", ""),  # a span of the driver, where its instrumentation is installed too
    (r" +", " "),
]
"""What differs from run to run, and what stands for it."""


def tidy(text: str) -> list[str]:
    """The lines of a transcript without what differs from run to run."""
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text, flags=re.M)
    return [line.rstrip() for line in text.strip().splitlines()]


def shown() -> str:
    """The transcript in README.md."""
    (text,) = (block.text for block in blocks(PAGE.read_text()) if block.title == TITLE)
    return text


def renew() -> bool:
    """Run the demonstration and write what it prints into README.md, where that is something else."""
    printed: list[str] = []
    story.run(printed.append)
    text = "\n".join(printed).strip() + "\n"
    before = shown()
    if tidy(text) == tidy(before):
        return False
    PAGE.write_text(PAGE.read_text().replace(before, text))
    return True
