"""How far a conversion is, on stderr, for a person: how much of it, how fast, how long still."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SECONDS: Final = 0.1
"""Between two drawings: a conversion tells of every trace."""


class ConvertingProgress:
    """Draws a bar for each step of a conversion; nothing where no terminal is."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._amount = self._spans = self._all = 0
        self._began = self._drawn = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(file=sys.stderr),
                transient=True,
                redirect_stdout=False,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, what: str, total: int | None) -> None:
        """A step begins; see :class:`~timetracer_otel.converters.converting.Progress`."""
        if self._bar is None:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._amount = self._spans = self._all = 0
        self._began = self._drawn = time.monotonic()
        self._task = self._bar.add_task(what, total=total, rate="")

    def advance(self, amount: int, spans: int = 0) -> None:
        """So much more is done."""
        if self._bar is None or self._task is None:
            return
        self._amount += amount
        self._spans += spans
        now = time.monotonic()
        if now - self._drawn < _SECONDS:
            return
        self._all += self._spans
        rate = f"{self._all / max(now - self._began, 0.001):,.0f} spans/s" if self._all else ""
        self._bar.update(self._task, advance=self._amount, rate=rate)
        self._amount = self._spans = 0
        self._drawn = now
