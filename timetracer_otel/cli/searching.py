"""``timetracer-otel search``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from timetracer_otel.cli.moments import Moment
from timetracer_otel.cli.selecting import HELP, selecting

if TYPE_CHECKING:
    from timetracer_otel.cassette import Cassette
    from timetracer_otel.searching import Found
    from timetracer_otel.views.lines import Piece

_SHOWN: Final = 20
HEADINGS: Final = ("time (UTC)", "request", "status", "duration", "said", "file")


@click.command("search")
@click.argument("words", nargs=-1)
@click.option(
    "--in", "place", metavar="FOLDER", help="A folder of cassettes; the store of the settings by default."
)
@click.option("-k", "--filter", "filters", metavar="TEXT", multiple=True, help=HELP)
@click.option("--errors", is_flag=True, help="Only those with an error.")
@click.option(
    "--since",
    type=Moment(),
    metavar="WHEN",
    help="Only those that started then or later: a date, or 2h for two hours ago.",
)
@click.option("--until", type=Moment(), metavar="WHEN", help="Only those that started before.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=_SHOWN,
    show_default=True,
    help="Only the newest that many.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(
    words: tuple[str, ...],
    place: str | None,
    filters: tuple[str, ...],
    errors: bool,
    since: int | None,
    until: int | None,
    limit: int,
    as_json: bool,
) -> int:
    """Find cassettes by what was said in them, newest first.

    Each of WORDS is a word, or several in quotes that stand side by side ('tea pot'); the last may end in *
    for any end ('ord_47*'). All must be there: in the URL, headers, bodies, SQL, parameters, rows, replies or
    errors of the request or of its calls. Upper and lower case are the same.

    The words are kept in an index in ~/.cache (or $XDG_CACHE_HOME) that each search brings up to date.
    """
    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.searching import NEVER, Index, Query
    from timetracer_otel.searching.passages import passage
    from timetracer_otel.views import text as texts

    for word in words:
        if not any(char.isalnum() for char in word):
            raise click.BadParameter(f"{word!r} has no letter and no digit in it", param_hint="WORDS")
    wanted = selecting(filters)
    folder = _folder(place)
    taken = next((word for word in words if Path(word).is_dir()), None)
    if place is None and taken is not None and not folder.is_dir():
        raise click.UsageError(f"{taken} is a folder, not what was said: give it as --in {taken}")
    output = Output()
    query = Query(words, since or 0, until or NEVER, errors)
    with Index(folder) as index:
        changes = index.changes()
        for _ in tracked(index.update(changes), "indexing", len(changes.files)):
            pass
        found = list(islice(_chosen(index.search(query), wanted), limit))
        if as_json:
            for one in found:
                output.json({**one.summary.data(), "said": passage(one.said, words)})
        elif found:
            output.table(
                HEADINGS,
                [_cells(one, words) for one in found],
                right={"status", "duration"},
                flexible="request",
            )
        else:
            where = texts.printable(str(folder))
            meant = "" if place or taken is None else f"; {taken} is a folder: give it as --in {taken}"
            click.echo(f"nothing of that in the cassettes of {where}{texts.printable(meant)}", err=True)
        more = index.count(query) - len(found) if wanted is None else 0
        if more and not as_json:
            click.echo(f"and {more:,} older; -n {len(found) + more} shows all", err=True)
        damaged = index.damaged()
        if damaged:
            were = texts.count(damaged, "file")
            click.echo(f"{were} could not be read; timetracer-otel validate says why", err=True)
    return 0


def _folder(place: str | None) -> Path:
    """The folder that was named, the copy of a bucket, or the store of the settings."""
    from timetracer_otel.cli.options import settings_from
    from timetracer_otel.folders import is_url

    spec = place or settings_from(dict(os.environ)).dir
    if not is_url(spec):
        return Path(spec)
    from timetracer_otel.opening import open_store

    return open_store(spec).path


def _chosen(found: Iterator[Found], wanted: Callable[[Cassette], bool] | None) -> Iterator[Found]:
    """Those that are also what ``-k`` means, which only the cassettes themselves say."""
    if wanted is None:
        yield from found
        return
    from timetracer_otel.cassette import Cassette
    from timetracer_otel.errors import CassetteError

    for one in found:
        with contextlib.suppress(CassetteError):  # gone since
            if wanted(Cassette.load(one.summary.path)):
                yield one


def _cells(one: Found, words: Sequence[str]) -> tuple[Piece, ...]:
    from timetracer_otel.searching.passages import passage
    from timetracer_otel.views.lines import piece

    time, request, status, duration, *_, file = one.summary.cells()
    return time, request, status, duration, piece(passage(one.said, words)), file
