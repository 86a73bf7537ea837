"""Lines of styled text: what every view is made of."""

from __future__ import annotations

from typing import NamedTuple

from timetracer_otel.views.text import printable


class Piece(NamedTuple):
    """Some text in one style.

    Attributes:
        text: safe to print; see :func:`piece`.
        style: words that rich knows (``bold red``); empty for none.
    """

    text: str
    style: str = ""


class Line(NamedTuple):
    """One line of a view.

    Attributes:
        pieces: what it says.
        guide: drawn before it: indentation and the branches of a tree.
        under: drawn before its second row and the following ones where it is wrapped.
    """

    pieces: tuple[Piece, ...]
    guide: str = ""
    under: str = ""

    @property
    def text(self) -> str:
        """The line without its styles."""
        return self.guide + "".join(piece.text for piece in self.pieces)

    def below(self, guide: str, under: str) -> Line:
        """The line further to the right."""
        return Line(self.pieces, guide + self.guide, under + self.under)


def piece(text: str, style: str = "") -> Piece:
    """Text from anywhere, made safe to print."""
    return Piece(printable(text), style)


def line(*pieces: Piece | str, indent: str = "") -> Line:
    """A line of pieces and of texts without a style, which are made safe to print."""
    made = tuple(one if isinstance(one, Piece) else piece(one) for one in pieces)
    return Line(made, indent, indent)


def spaced(*pieces: Piece | None) -> Line:
    """A line of the pieces that are there, two spaces between them."""
    there = [one for one in pieces if one is not None and one.text]
    parts: list[Piece] = []
    for one in there:
        if parts:
            parts.append(Piece("  "))
        parts.append(one)
    return Line(tuple(parts))
