"""``timetracer-otel diff``."""

from __future__ import annotations

from typing import Final

import click

_STATUSES: Final = {"same": 0, "different": 1, "error": 2}


@click.command("diff")
@click.argument("paths", metavar="A B", nargs=-1)
@click.option("--a", "first", metavar="PATH", help="A, by its name.")
@click.option("--b", "second", metavar="PATH", help="B, by its name.")
@click.option(
    "--slower-than", metavar="TIME",
    help="What takes so much longer in B is different: 200ms, 1.5s, or 3x as long.",
)  # fmt: skip
@click.option("--html", metavar="FILE", help="Write one page to read.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(
    paths: tuple[str, ...],
    first: str | None,
    second: str | None,
    slower_than: str | None,
    html: str | None,
    as_json: bool,
) -> int:
    r"""Compare two recordings of one request, or two folders of them.

    A and B are cassettes or folders. In folders, those belong together that were asked the same. Time, and
    values that no two runs share (ids, times, tokens) and that flow from where they came from, are set aside;
    so is what a rule in pyproject.toml or in timetracer.toml beside A or B names, as in a replay.
    Exit status 0 when nothing else is different, 1 when something is, 2 when it could not be done.

    \b
    timetracer-otel diff before/ after/
    timetracer-otel diff --a before.json --b after.json --html diff.html
    """
    from collections import Counter
    from pathlib import Path

    import msgspec

    from timetracer_otel import config
    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.cli.reporting import write_report
    from timetracer_otel.comparison import Threshold
    from timetracer_otel.comparison.folders import Compared, compare_folders
    from timetracer_otel.errors import CassetteNotFound
    from timetracer_otel.opening import open_store
    from timetracer_otel.reports.items import of_compared
    from timetracer_otel.reports.page import html_page
    from timetracer_otel.views.diffs import diff_lines, diff_summary
    from timetracer_otel.volatile import Rules

    named = [*paths, *(path for path in (first, second) if path is not None)]
    if first is not None and second is None and len(paths) == 1:
        named = [first, *paths]
    if len(named) != 2:
        raise click.UsageError("Give two cassettes or two folders: A B.")
    rules = Rules(config.beside(config.load(), *named).volatile)
    threshold = None if slower_than is None else Threshold.parse(slower_than)
    files = []
    for name in named:
        found = list(open_store(name).paths())
        if not found:
            raise CassetteNotFound(f"{name}: there are no cassettes in it")
        files.append(found)
    output = Output()
    outcomes: Counter[str] = Counter()
    kept: list[Compared] = []
    compared = compare_folders(files[0], files[1], threshold, rules)
    for one in tracked(compared, "comparing", max(map(len, files)), printing=True):
        outcomes[one.outcome] += 1
        if html is not None:
            kept.append(one)
        if as_json:
            output.json(msgspec.to_builtins(one))
        else:
            output.lines(diff_lines(one))
    if not as_json:
        output.line(diff_summary(outcomes))
    if html is not None:
        write_report(Path(html), html_page("Diff", [of_compared(one) for one in kept]))
    return max(_STATUSES[outcome] for outcome in outcomes)
