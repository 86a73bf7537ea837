"""``timetracer-otel show``."""

from __future__ import annotations

import click

from timetracer_otel.cli.options import environment, setting_options


@click.command("show")
@click.argument("cassettes", metavar="CASSETTE...", nargs=-1, required=True)
@setting_options("dir")
@click.option("--full", is_flag=True, help="Everything: headers, whole bodies, all rows, stack traces.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(cassettes: tuple[str, ...], dir: str | None, full: bool, as_json: bool) -> None:  # noqa: A002  # the setting's name
    """Draw the tree of one cassette: each call with request and answer.

    CASSETTE is a file, or a trace id (its beginning is enough) to look for in the store.
    """
    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.places import find, stores

    (store,) = stores([], environment({"dir": dir}))
    output = Output()
    for place, name in enumerate(cassettes):
        path, cassette = find(name, store)
        if as_json:
            from timetracer_otel.views.data import cassette_data

            output.json(cassette_data(path, cassette))
            continue
        from timetracer_otel.views.lines import Line
        from timetracer_otel.views.tree import tree_lines

        if place:
            output.line(Line(()))
        output.lines(tree_lines(cassette, full=full), fit="wrap" if full else "cut")
