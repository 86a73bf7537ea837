"""Printing: coloured and as wide as the terminal on one, plain text anywhere else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Container, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeAlias

from timetracer_otel.views.lines import Line, Piece
from timetracer_otel.views.text import clip

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Fit: TypeAlias = Literal["as it is", "cut", "wrap"]
"""A line wider than the terminal is broken by the terminal, or cut, or wrapped within its tree."""

_NARROWEST: Final = 20
_WIDEST: Final = 40
_IN_ASCII: Final = str.maketrans("├└│─→←✗…•·µ", "|`|-><!~*-u")
"""What stands for our own marks where a stream cannot have them."""


class Output:
    """Prints lines, tables and JSON.

    Args:
        stream: where to; standard output as it is now by default.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._ascii = not _can_encode(self._stream)
        self._console: Console | None = None
        if is_terminal(self._stream):
            from rich.console import Console

            self._console = Console(file=self._stream, highlight=False, markup=False, emoji=False)

    @property
    def terminal(self) -> bool:
        """A person is looking."""
        return self._console is not None

    def line(self, line: Line, *, fit: Fit = "as it is") -> None:
        """Print one line.

        Args:
            line: what to print.
            fit: what to do with a line that is wider than the terminal. Elsewhere every line is as
                long as it is.
        """
        if self._console is None:
            self._write(line.text.rstrip())
        elif fit == "cut":
            self._console.print(_styled(line), no_wrap=True, overflow="ellipsis")
        elif fit == "wrap":
            width = max(_NARROWEST, self._console.width - len(line.guide))
            for number, row in enumerate(
                _styled(Line(line.pieces)).wrap(self._console, width, overflow="fold")
            ):
                guide = _styled(Line((), line.under if number else line.guide))
                self._console.print(guide.append_text(row), soft_wrap=True)
        else:
            self._console.print(_styled(line), soft_wrap=True)

    def lines(self, lines: Iterable[Line], *, fit: Fit = "as it is") -> None:
        """Print lines; see :meth:`line`."""
        for line in lines:
            self.line(line, fit=fit)

    def table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[Piece]],
        *,
        right: Container[str],
        flexible: str,
    ) -> None:
        """Print a table, one row a line; the last column is as long as it is.

        Args:
            headings: one for each column.
            rows: one piece for each column.
            right: the columns whose text stands at the right.
            flexible: the column that is cut where a terminal is too narrow.
        """
        table = [[Piece(name, "dim") for name in headings], *rows]
        widths = [max(_cells(row[place].text) for row in table) for place in range(len(headings))]
        if self._console is not None:
            place = headings.index(flexible)
            missing = sum(widths) + 2 * (len(widths) - 1) - self._console.width
            cut = widths[place] - max(0, missing)
            # where the table cannot fit anyhow, the terminal breaks its lines
            widths[place] = cut if cut >= _NARROWEST else min(widths[place], _WIDEST)
        for row in table:
            cells: list[Piece] = []
            for name, cell, width in zip(headings, row, widths, strict=True):
                text = clip(cell.text, width) if name == flexible and self._console is not None else cell.text
                space = " " * (width - _cells(text) if name != headings[-1] else 0)
                cells.append(Piece(space + text if name in right else text + space, cell.style))
            self.line(Line(tuple(part for cell in cells for part in (cell, Piece("  ")))[:-1]))

    def json(self, data: Any) -> None:
        """Print one value as one line of JSON, in ASCII: it may hold anything."""
        self._stream.write(json.dumps(data).replace("\x7f", "\\u007f") + "\n")
        self._stream.flush()

    def _write(self, text: str) -> None:
        if self._ascii:
            text = text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode()
        self._stream.write(text + "\n")
        self._stream.flush()


def _styled(line: Line) -> Text:
    from rich.text import Text

    said = Text()
    for part in (Piece(line.guide, "dim"), *line.pieces):
        said.append(part.text, part.style)
    return said


def _cells(text: str) -> int:
    """How many columns a text takes: some characters take two, some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def is_terminal(stream: IO[str]) -> bool:
    """Whether to draw for a person; ``FORCE_COLOR`` says so for a log that shows colours."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _can_encode(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
