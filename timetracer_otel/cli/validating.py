"""``timetracer-otel validate``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from timetracer_otel.cassette import Cassette


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
    from timetracer_otel.errors import CassetteError, CodecError
    from timetracer_otel.views import text
    from timetracer_otel.views.lines import Piece, line, piece, spaced

    files = [(store, path) for store in stores(paths, dict(os.environ)) for path in store.paths()]
    output = Output()
    bad = 0
    for store, path in tracked(files, "checking", len(files), printing=True):
        try:
            cassette = store.load(path)
            calls = check(cassette)
        except (CassetteError, CodecError) as error:
            bad += 1
            reason = str(error).removeprefix(f"{path}: ")
            if as_json:
                output.json({"path": str(path), "ok": False, "reason": reason})
            else:
                output.line(line(Piece("BAD  ", "bold red"), str(path)), wrap=True)
                output.line(line(reason, indent="     "), wrap=True)
            continue
        gaps = cassette.gaps
        if as_json:
            listed = [{"kind": gap.kind, "detail": gap.detail, "span_id": gap.span_id} for gap in gaps]
            facts = {"replayable": cassette.replayable, "calls": calls, "gaps": listed}
            output.json({"path": str(path), "ok": True, **facts})
            continue
        output.line(
            spaced(
                Piece("ok ", "green"),
                piece(str(path)),
                piece(text.count(calls, "call"), "dim"),
                piece(text.count(len(gaps), "gap") if gaps else "", "yellow"),
                piece(cassette.why_not or "", "yellow"),
            ),
            wrap=True,
        )
        for gap in gaps:
            output.line(
                line(f"{gap.kind}: {gap.detail}" if gap.detail else gap.kind, indent="     "), wrap=True
            )
    if not as_json:
        said = f"{text.count(len(files), 'cassette')}: {len(files) - bad} ok, {bad} bad"
        output.line(line(piece(said, "bold")))
    return 1 if bad else 0


def check(cassette: Cassette) -> int:
    """Read everything that a replay would; how many calls there are.

    Raises:
        CodecError: a payload is malformed.
    """
    _ = cassette.inbound_request, cassette.inbound_response
    calls = cassette.calls()
    for call in calls:
        _ = call.request, call.answer
    return len(calls)
