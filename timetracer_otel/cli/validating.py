"""``timetracer-otel validate``."""

from __future__ import annotations

import os

import click


@click.command("validate")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(paths: tuple[str, ...], as_json: bool) -> int:
    """Check that cassettes can be read, and list their gaps.

    PATH is a cassette or a folder of them; the store of the settings by default. Exit status 1 when one is
    bad, 2 when a path does not exist. A gap is not bad: it is what could not be recorded.
    """
    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.places import stores
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.views import text
    from timetracer_otel.views.checked import Checked
    from timetracer_otel.views.lines import line, piece

    files = [path for store in stores(paths, dict(os.environ)) for path in store.paths()]
    output = Output()
    bad = 0
    for path in tracked(files, "checking", len(files), printing=True):
        checked = Checked.of(path)
        bad += not checked.ok
        if as_json:
            output.json(checked.data())
        else:
            output.lines(checked.lines())
    if not as_json:
        said = f"{text.count(len(files), 'file')}: {len(files) - bad} ok, {bad} bad"
        output.line(line(piece(said, "bold")))
    return 1 if bad else 0
