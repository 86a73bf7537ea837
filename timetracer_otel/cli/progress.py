"""How far a long piece of work is, on stderr, for a person."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

_MANY: Final = 100
"""Cassettes that are worth a bar."""


def tracked(
    items: Iterable[T], what: str, total: int | None = None, *, printing: bool = False
) -> Iterator[T]:
    """The items, with a bar on stderr while they are gone through.

    Args:
        items: what is worked on.
        what: one or two words: ``loading``.
        total: how many there are, where that is known.
        printing: each item prints a line. On a terminal those lines show how far it is, and there
            is no bar to disturb them.
    """
    soon_over = total is not None and total < _MANY
    if soon_over or not sys.stderr.isatty() or (printing and sys.stdout.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(what, total=total)
        for item in items:
            yield item
            progress.advance(task)
