"""Printing: coloured and as wide as the terminal on one, plain text anywhere else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from timetracer_otel.views.lines import Line, Piece

if TYPE_CHECKING:
    from rich.console import Console

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

    def line(self, line: Line, *, wrap: bool = False) -> None:
        """Print one line.

        Args:
            line: what to print.
            wrap: on a terminal, continue in the next row; else what does not fit is cut.
        """
        if self._console is None:
            self._write(line.text)
            return
        from rich.text import Text

        said = Text.assemble(*((piece.text, piece.style) for piece in line.pieces))
        if not wrap:
            said = Text(line.guide, "dim").append_text(said)
            self._console.print(said, no_wrap=True, overflow="ellipsis")
            return
        width = max(20, self._console.width - len(line.guide))
        for number, row in enumerate(said.wrap(self._console, width, overflow="fold") or [said]):
            guide = Text(line.under if number else line.guide, "dim")
            self._console.print(guide.append_text(row), soft_wrap=True)

    def lines(self, lines: Iterable[Line], *, wrap: bool = False) -> None:
        """Print lines."""
        for line in lines:
            self.line(line, wrap=wrap)

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[Piece]], right: Iterable[str] = ()
    ) -> None:
        """Print a table; the last column is as long as it is.

        Args:
            headings: one for each column.
            rows: one piece for each column.
            right: the columns whose text stands at the right.
        """
        rights = frozenset(right)
        if self._console is None:
            self._plain_table(
                [[Piece(name) for name in headings], *rows], [name in rights for name in headings]
            )
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for place, name in enumerate(headings):
            table.add_column(
                name,
                justify="right" if name in rights else "left",
                no_wrap=place < len(headings) - 1,
                overflow="ellipsis" if place < len(headings) - 1 else "fold",
            )
        for row in rows:
            table.add_row(*(Text(piece.text, piece.style) for piece in row))
        self._console.print(table)

    def json(self, data: Any) -> None:
        """Print one value as one line of JSON, in ASCII: it may hold anything."""
        self._stream.write(json.dumps(data).replace("\x7f", "\\u007f") + "\n")
        self._stream.flush()

    def _plain_table(self, rows: Sequence[Sequence[Piece]], rights: Sequence[bool]) -> None:
        widths = [max(len(row[place].text) for row in rows) for place in range(len(rights))]
        for row in rows:
            cells = [
                piece.text.rjust(width) if right else piece.text.ljust(width)
                for piece, width, right in zip(row, widths, rights, strict=True)
            ]
            self._write("  ".join(cells).rstrip())

    def _write(self, text: str) -> None:
        if self._ascii:
            text = text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode()
        self._stream.write(text + "\n")
        self._stream.flush()


def is_terminal(stream: IO[str]) -> bool:
    """Whether to draw for a person; ``FORCE_COLOR`` says so for a log that shows colours."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _can_encode(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
