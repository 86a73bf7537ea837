"""A body as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from timetracer_otel.comparison.bodies import decoded
from timetracer_otel.views import text
from timetracer_otel.views.lines import Line, Piece, line, piece

SHORT: Final = 160
"""Characters of one line, unless everything is shown."""
_HEX_ROW: Final = 32


def body_lines(body: bytes | None, coding: str | None, *, full: bool) -> Iterator[Line]:
    """What a body says: text as text, on one line unless everything is shown; else its bytes.

    Args:
        body: as sent; ``None`` when it was not recorded.
        coding: the ``content-encoding`` header.
        full: everything, as it is.
    """
    if body is None:
        yield line(Piece("(body not recorded)", "yellow"))
        return
    if not body:
        return
    plain = decoded(body, coding)
    try:
        words = plain.decode()
    except UnicodeDecodeError:
        yield from _binary(plain, full=full)
        return
    if full:
        for row in words.splitlines():
            yield line(row)
        return
    # no more than could be shown is looked at
    shown = " ".join(words[: SHORT * 8].split())
    if len(shown) > SHORT or len(words) > SHORT * 8:
        yield line(text.clip(shown, SHORT), piece(f"  {text.size(len(body))}", "dim"))
    else:
        yield line(shown)


def _binary(body: bytes, *, full: bool) -> Iterator[Line]:
    if not full:
        yield line(
            f"{body[:16].hex(' ')}{' …' if len(body) > 16 else ''}", piece(f"  {text.size(len(body))}", "dim")
        )
        return
    for start in range(0, len(body), _HEX_ROW):
        yield line(body[start : start + _HEX_ROW].hex(" "))
