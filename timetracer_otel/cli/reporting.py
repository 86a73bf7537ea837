"""Files with the result of a command, by the extension of their name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from timetracer_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from timetracer_otel.replayers.verdict import Verdict


def report_writers(names: Sequence[str]) -> list[Callable[[Sequence[Verdict]], None]]:
    """What writes each report that was asked for.

    Args:
        names: files; ``.xml`` is JUnit's format, ``.html`` a page.

    Raises:
        click.BadParameter: one ends otherwise.
    """
    return [_writer(Path(name)) for name in names]


def _writer(path: Path) -> Callable[[Sequence[Verdict]], None]:
    from timetracer_otel.reports.items import of_verdict
    from timetracer_otel.reports.junit import junit_xml
    from timetracer_otel.reports.page import html_page

    kind = path.suffix.lower()
    if kind == ".xml":
        return lambda verdicts: write_report(path, junit_xml([of_verdict(one) for one in verdicts]))
    if kind in (".html", ".htm"):
        return lambda verdicts: write_report(path, html_page("Replay", [of_verdict(one) for one in verdicts]))
    raise click.BadParameter(f"{str(path)!r}: a report ends in .xml or .html", param_hint="--report")


def write_report(path: Path, content: bytes) -> None:
    """Write a report, and the folders above it.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the report cannot be written: {error.strerror or error}"
        ) from error
