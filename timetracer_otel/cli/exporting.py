"""``timetracer-otel export``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from timetracer_otel.cli.selecting import HELP, selecting
from timetracer_otel.outputs.formats import FORMATS


@click.command("export")
@click.argument("paths", metavar="[CASSETTE]...", nargs=-1)
@click.option(
    "--to", "form", type=click.Choice(FORMATS), default="otlp-json", show_default=True, help="The format."
)
@click.option("-o", "--output", metavar="FILE", help="Where to. [standard output]")
@click.option("-k", "--filter", "words", metavar="TEXT", multiple=True, help=HELP)
@click.option(
    "--payloads/--no-payloads", default=True, help="With bodies, headers, parameters and rows. [yes]"
)
def command(
    paths: tuple[str, ...], form: str, output: str | None, words: tuple[str, ...], payloads: bool
) -> int:
    r"""Write cassettes in a format of another tool.

    CASSETTE is a file, a folder of them, or a trace id (its beginning is enough) to look for in the store;
    all of the store by default. Jaeger and Zipkin take their formats; ui.perfetto.dev takes perfetto,
    speedscope.app speedscope; har holds the HTTP requests that came in and went out; curl sends the one
    that came in once more.

    \b
    timetracer-otel export cassettes/ --to perfetto -o trace.json
    timetracer-otel export 5070b205 --to curl

    Files that cannot be read are named on stderr, the others are written. Exit status 2 when there is
    nothing to write.
    """
    from timetracer_otel.cli.group import FAILED, fail
    from timetracer_otel.cli.places import load_all
    from timetracer_otel.errors import CassetteError
    from timetracer_otel.outputs.writing import document

    cassettes, damaged = load_all(paths, dict(os.environ), messages=form in ("har", "curl"))
    for reason in damaged:
        fail(str(reason))
    wanted = selecting(words)
    chosen = [cassette for cassette in cassettes if wanted is None or wanted(cassette)]
    if not chosen:
        raise CassetteError("there is no such cassette; timetracer-otel list shows those there are")
    data = document(chosen, form, payloads=payloads)
    if output is None or output == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        try:
            Path(output).write_bytes(data)
        except OSError as error:
            raise CassetteError(f"{output}: it cannot be written: {error.strerror or error}") from error
        click.echo(f"{len(chosen)} in {output}", err=True)
    return FAILED if damaged and not chosen else 0
