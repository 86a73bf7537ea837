"""What of a page can be run, in order.

=========================  ======================================================================
in the page                what the tests do with it
=========================  ======================================================================
```` ```console ````       run each line after ``$ `` in the page's shell; it must succeed, and print
                           the lines that follow it (:func:`agrees`); with ``status=1`` beside
                           ``console`` the last one must end with that status
```` ```python ````        run it as a program
any, with ``title="..."``  write it to a file of that name
```` ```sh ````            installs things: checked, not run (``test_installs.py``)
``<!-- ... -->``           prepare what a reader has: services that start and stop, recordings
                           (``ORDERS`` in ``test_pages.py``)
=========================  ======================================================================

Other blocks (``text``, ``json``, ...) are for reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$|^<!-- (?P<order>[a-z ]+) -->$", re.M | re.S)
_TITLE = re.compile(r'title="([^"]+)"')
_STATUS = re.compile(r"status=(\d+)")


class Block(msgspec.Struct, frozen=True):
    """A fenced block of a page, or an order to the tests in a comment."""

    line: int
    language: str = ""
    text: str = ""
    title: str = ""
    status: int = 0
    order: str = ""


class Command(msgspec.Struct, frozen=True):
    """One command of a console block and the output that the page shows for it."""

    text: str
    shown: str


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page's text."""
    for found in _FENCE.finditer(page):
        info = found["info"] or ""
        title, status = _TITLE.search(info), _STATUS.search(info)
        yield Block(
            line=page.count("\n", 0, found.start()) + 1,
            language=info.split(" ")[0],
            text=found["text"] or "",
            title=title[1] if title else "",
            status=int(status[1]) if status else 0,
            order=found["order"] or "",
        )


def commands(console: str) -> list[Command]:
    """The commands of a console block."""
    found: list[tuple[list[str], list[str]]] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append(([line.removeprefix("$ ")], []))
        elif not found:
            raise ValueError(f"a console block begins with '$ ', not with {line!r}")
        elif found[-1][0][-1].endswith("\\"):
            found[-1][0].append(line)
        else:
            found[-1][1].append(line)
    return [Command("\n".join(text), "\n".join(shown)) for text, shown in found]


_UNIT: Final = re.compile(r"(?<=[\d.] )(?:µs|ms|s)\b")


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed.

    A line ``...`` stands for any lines, ``...`` within a line for any text of that line. How many
    spaces there are does not count: columns are as wide as what is in them. Nor do the lines of a
    tree: which instrumentations are installed decides how deep it is. Nor is a busy machine, on which a
    duration has another unit, another answer.
    """
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else ".*?".join(map(re.escape, line.split("..."))) + r"\n"
        for line in _tidy(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _tidy(printed))) is not None


def _tidy(text: str) -> list[str]:
    lines = [" ".join(line.lstrip(" │├└─").split()) for line in text.strip().splitlines()]
    return [_UNIT.sub("ms", line) for line in lines]
