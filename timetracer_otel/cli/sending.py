"""``timetracer-otel send``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from timetracer_otel.cli.headers import headers_given
from timetracer_otel.cli.selecting import HELP, selecting

if TYPE_CHECKING:
    from timetracer_otel.span import Span

_AT_ONCE: Final = 500
"""Spans of one request, at least; a cassette is not divided."""


@click.command("send")
@click.argument("paths", metavar="[CASSETTE]...", nargs=-1)
@click.option(
    "--otlp", "url", metavar="URL", required=True, help="The backend's OTLP/HTTP: http://127.0.0.1:4318."
)
@click.option(
    "--header", "headers", metavar="'NAME: VALUE'", multiple=True, callback=headers_given,
    help="Send this header as well (a key of the backend).",
)  # fmt: skip
@click.option("-k", "--filter", "words", metavar="TEXT", multiple=True, help=HELP)
@click.option("--payloads", is_flag=True, help="With bodies, headers, parameters and rows.")
def command(
    paths: tuple[str, ...],
    url: str,
    headers: tuple[tuple[str, str], ...],
    words: tuple[str, ...],
    payloads: bool,
) -> int:
    r"""Send cassettes to a tracing backend, as the spans they are.

    CASSETTE is a file, a folder of them, or a trace id (its beginning is enough) to look for in the store;
    all of the store by default. Payloads stay here unless asked for: what the backend gets is what the
    standard instrumentations say.

    \b
    timetracer-otel send cassettes/ --otlp http://127.0.0.1:4318

    Exit status 2 when the backend, or nothing, took them; 1 when it refused some of the spans.
    """
    from timetracer_otel.cli.group import FAILED, fail
    from timetracer_otel.cli.places import load_all
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.errors import CassetteError
    from timetracer_otel.outputs.sending import Backend
    from timetracer_otel.outputs.stripping import without_payloads
    from timetracer_otel.views.text import count

    backend = Backend(url, dict(headers))
    cassettes, damaged = load_all(paths, dict(os.environ))
    for reason in damaged:
        fail(str(reason))
    wanted = selecting(words)
    chosen = [cassette for cassette in cassettes if wanted is None or wanted(cassette)]
    if not chosen:
        raise CassetteError("there is no such cassette; timetracer-otel list shows those there are")
    waiting: list[Span] = []
    sent = refused = 0
    reasons: dict[str, None] = {}
    for place, cassette in enumerate(tracked(chosen, "sending", len(chosen)), 1):
        waiting += cassette.spans if payloads else without_payloads(cassette.spans)
        if len(waiting) >= _AT_ONCE or place == len(chosen):
            told = backend.send(waiting)
            sent += told.spans
            refused += told.refused
            reasons.update(dict.fromkeys(told.reasons))
            waiting = []
    taken = f"{count(sent, 'span')} taken, {refused} refused"
    click.echo(f"{count(len(chosen), 'cassette')} sent to {backend.url}: {taken}")
    for said in reasons:
        fail(f"the backend says: {said}")
    return FAILED if not sent else 1 if refused else 0
