"""``timetracer-otel list``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from timetracer_otel.cli.selecting import HELP, selecting


@click.command("list")
@click.argument("path", required=False)
@click.option("-k", "--filter", "words", metavar="TEXT", multiple=True, help=HELP)
@click.option("--errors", is_flag=True, help="Only those with an error.")
@click.option("-n", "--limit", type=click.IntRange(min=1), help="Only the newest that many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(path: str | None, words: tuple[str, ...], errors: bool, limit: int | None, as_json: bool) -> int:
    """List what was recorded, newest first.

    PATH is a folder of cassettes, or one; the store of the settings by default. Files that cannot be read
    are named on stderr, the others are listed. Exit status 2 when none of them can be read.
    """
    from timetracer_otel.cli.group import FAILED, fail
    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.places import stores
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.errors import CassetteError
    from timetracer_otel.folders import shown
    from timetracer_otel.views import summary
    from timetracer_otel.views import text as texts

    (store,) = stores([path] if path else [], dict(os.environ))
    wanted = selecting(words)
    found: list[summary.Summary] = []
    damaged: list[CassetteError] = []
    files = list(store.paths())
    for file in tracked(files, "reading", len(files)):
        try:
            cassette = store.load(file)
        except CassetteError as error:
            damaged.append(error)
            continue
        if (wanted is None or wanted(cassette)) and not (errors and not cassette.has_error):
            found.append(summary.Summary.of(_relative(file), cassette))
    found.sort(key=lambda one: one.started, reverse=True)
    output = Output()
    if as_json:
        for one in found[:limit]:
            output.json(one.data())
    elif found:
        output.table(
            summary.HEADINGS,
            [one.cells() for one in found[:limit]],
            right=summary.RIGHT,
            flexible="request",
        )
    elif not damaged:
        place = texts.printable(shown(store.path))
        none = f"none of the {len(files)} in {place} is such a one" if files else f"no cassettes in {place}"
        click.echo(none, err=True)
    for reason in damaged:
        fail(str(reason))
    return FAILED if damaged and len(damaged) == len(files) else 0


def _relative(path: Path) -> Path:
    """The path as one would type it here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
