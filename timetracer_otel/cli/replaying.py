"""``timetracer-otel replay``."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
from click.core import ParameterSource

from timetracer_otel.cli.faulting import fault_option, never_happened
from timetracer_otel.cli.group import INTERRUPTED
from timetracer_otel.cli.headers import headers_given
from timetracer_otel.cli.launching import launch, launched, quieten
from timetracer_otel.cli.options import environment, setting_options, settings_from
from timetracer_otel.cli.selecting import HELP

if TYPE_CHECKING:
    from timetracer_otel.replayers.options import ReplayOptions
    from timetracer_otel.replayers.verdict import Verdict

_STATUSES: Final = {"same": 0, "updated": 0, "different": 1, "error": 2}
_JUDGING_ONLY: Final = ("headers", "words", "fail_fast", "as_json", "reports", "slower_than")
_IN_PROCESS_ONLY: Final = ("factory", "workers", "update", "learn")

_BY_A_SERVER: Final = "what began with a websocket is replayed by a server (replay -- COMMAND)"


class _WithCommand(click.Command):
    """Takes what follows ``--`` as the command of a service."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = ()
        if "--" in args:
            place = args.index("--")
            args, ctx.obj = args[:place], tuple(args[place + 1 :])
        return super().parse_args(ctx, args)


class _How(NamedTuple):
    """How verdicts are made and told."""

    words: tuple[str, ...]
    fail_fast: bool
    as_json: bool
    reports: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    slower_than: str | None
    update: bool
    workers: int
    faults: str
    learn: int | None
    write_rules: bool


@click.command("replay", cls=_WithCommand, options_metavar="[OPTIONS]")
@click.argument("paths", metavar="[PATH]... (--app MODULE:APP | [--url URL] -- COMMAND...)", nargs=-1)
@click.option(
    "--app",
    metavar="MODULE:APP",
    help="The ASGI or WSGI application, as for uvicorn or gunicorn, or Django's settings module.",
)
@click.option("--factory", is_flag=True, help="APP is a function that makes the application.")
@click.option(
    "--url", metavar="URL", help="Where COMMAND will answer: start it, send it the requests, stop it."
)
@click.option(
    "--header", "headers", metavar="'NAME: VALUE'", multiple=True, callback=headers_given,
    help="Send this header in place of the recorded one; a credential only to those that came with one.",
)  # fmt: skip
@click.option("-k", "--filter", "words", metavar="TEXT", multiple=True, help=HELP)
@click.option(
    "--slower-than", metavar="TIME",
    help="What takes so much longer than recorded is different: 200ms, 1.5s, or 3x as long.",
)  # fmt: skip
@click.option("--fail-fast", is_flag=True, help="Stop at the first that is not the same.")
@click.option("--workers", type=click.IntRange(min=1), default=1, metavar="N", help="Replay in N processes.")
@click.option("--update", is_flag=True, help="Accept what is different: it replaces what was recorded.")
@click.option(
    "--report", "reports", metavar="FILE", multiple=True,
    help="Write the verdicts as JUnit XML (.xml) or as one page to read (.html). May be given again.",
)  # fmt: skip
@click.option(
    "--learn", type=click.IntRange(min=2), metavar="N",
    help="Replay N times and print rules for what is another in each run.",
)  # fmt: skip
@click.option("--write-rules", is_flag=True, help="With --learn: write the rules beside the cassettes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@fault_option
@setting_options("live_plugins", "mock_plugins", "on_miss", "replay_pace", "export_replay")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    app: str | None,
    factory: bool,
    url: str | None,
    headers: tuple[tuple[str, str], ...],
    words: tuple[str, ...],
    slower_than: str | None,
    fail_fast: bool,
    workers: int,
    update: bool,
    reports: tuple[str, ...],
    learn: int | None,
    write_rules: bool,
    as_json: bool,
    **options: Any,
) -> int:
    r"""Replay cassettes against an app, or run an app on them.

    PATH is a cassette or a folder of them; what the settings say, else ./cassettes, by default. Every
    dependency call is answered from the cassettes; no connection is opened.

    With --app, the recorded requests are sent to the application in this process, one after the other, and
    what it answers and calls is compared with what was recorded. With --url, COMMAND is started as a server,
    the requests are sent to it over HTTP, and it is stopped. Exit status 0 when all are the same, 1 when one
    is different, 2 when it could not be done.

    With --fault, calls go wrong on purpose: the report says how the app takes it, compared with what was
    recorded; the exit status means the same.

    With a COMMAND alone, that is run as a server, which answers any recorded request that is sent to it.

    \b
    timetracer-otel replay cassettes/ --app app:app
    timetracer-otel replay cassettes/ --url http://127.0.0.1:8000 -- uvicorn app:app
    timetracer-otel replay cassettes/ -- uvicorn app:app
    """
    from timetracer_otel.folders import is_url

    environ = environment(options)
    environ["TIMETRACER_MODE"] = "replay"
    if ctx.obj and app is not None:
        raise click.UsageError("Give --app MODULE:APP or -- COMMAND..., not both.")
    if not ctx.obj and app is None:
        raise click.UsageError(
            "Give --url URL -- COMMAND... to replay against a server that is started and stopped."
            if url
            else "Give --app MODULE:APP to replay here, or -- COMMAND... to run a server."
        )
    if write_rules and learn is None:
        raise click.UsageError("--write-rules goes with --learn N.")
    settings = settings_from(environ)
    faults = settings.faults
    if (update or write_rules) and any(map(is_url, paths or (settings.cassette or settings.dir,))):
        raise click.UsageError("A bucket is only read here; give a folder to --update or --write-rules.")
    if faults and update:
        raise click.UsageError("--update would record what a fault made; leave --fault out.")
    how = _How(
        words, fail_fast, as_json, reports, headers, slower_than, update, workers, faults, learn, write_rules
    )
    if app is not None:
        if url is not None:
            raise click.UsageError("--url goes with a COMMAND, not with --app.")
        return _in_process(app, paths, environ, factory=factory, how=how)
    only = _IN_PROCESS_ONLY if url is not None else (*_JUDGING_ONLY, *_IN_PROCESS_ONLY)
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name in only:
            goes = "--app" if parameter.name in _IN_PROCESS_ONLY else "--app, or with --url"
            raise click.UsageError(f"{parameter.opts[-1]} goes with {goes}, not with a COMMAND.")
    if len(paths) > 1:
        raise click.UsageError("A COMMAND runs on one PATH; put the cassettes into one folder.")
    if url is None:
        launch(ctx.obj, _to_serve(paths, environ))
    return _against(url, ctx.obj, paths, environ, how)


def _to_serve(paths: tuple[str, ...], environ: dict[str, str]) -> dict[str, str]:
    """The environment of a service that answers from those cassettes.

    Raises:
        CassetteError: there are none.
    """
    from timetracer_otel.cli.places import stores
    from timetracer_otel.errors import CassetteNotFound

    settings = settings_from(environ)
    (store,) = stores(paths, environ, to_replay=True)
    first = next(store.paths(), None)
    if first is None:
        raise CassetteNotFound(f"{store.path}: there are no cassettes in it; record some first")
    if first == store.path:
        store.load(first)  # said here, before a server starts that would end at once and be started again
    environ["TIMETRACER_CASSETTE"] = str(store.path)
    if not settings.export_replay:
        environ["OTEL_TRACES_EXPORTER"] = "none"
    quieten(environ, replaying=not settings.export_replay)
    return environ


def _against(
    url: str, service: tuple[str, ...], paths: tuple[str, ...], environ: dict[str, str], how: _How
) -> int:
    from timetracer_otel.cli.places import stores
    from timetracer_otel.cli.selecting import selecting
    from timetracer_otel.config import beside
    from timetracer_otel.replayers.remote import Service
    from timetracer_otel.replayers.runner import plan

    if len(paths) == 1:
        environ["TIMETRACER_CASSETTE"] = paths[0]  # what is captured goes beside it
    places = [store.path for store in stores(paths, environ, to_replay=True)]
    settings, options = beside(settings_from(environ), *places), _options(how)
    work = plan(places, selecting(how.words))
    environ = _to_serve(paths, environ)

    def verdicts() -> Generator[Verdict, None, None]:
        with Service(launched(service, environ), environ, url, settings, options) as running:
            for path in work.chosen:
                yield running.replay(path)

    return _tell(verdicts(), len(work.chosen), how)


def _in_process(
    app: str, paths: tuple[str, ...], environ: dict[str, str], *, factory: bool, how: _How
) -> int:
    from timetracer_otel.cli.places import stores
    from timetracer_otel.cli.selecting import selecting
    from timetracer_otel.config import beside
    from timetracer_otel.replayers.runner import InProcess, plan

    if len(paths) == 1:
        environ["TIMETRACER_CASSETTE"] = paths[0]  # what is captured goes beside it
    places = [store.path for store in stores(paths, environ, to_replay=True)]
    settings, options = beside(settings_from(environ), *places), _options(how)
    work = plan(places, selecting(how.words))

    if how.learn is not None:
        from timetracer_otel.cli.learning import learn

        write_to = places if how.write_rules else None
        return learn(app, work, settings, options, factory=factory, times=how.learn, write_to=write_to)

    def verdicts() -> Generator[Verdict, None, None]:
        with InProcess(app, work.outside, settings, options, factory=factory, places=work.places) as replayer:
            replayer.check_faults(work.chosen)
            for path in work.chosen:
                yield replayer.replay(path)

    if how.workers == 1 or len(work.chosen) == 1:
        return _tell(verdicts(), len(work.chosen), how)
    from timetracer_otel.replayers.pool import replay_in_workers
    from timetracer_otel.replayers.worker import Job

    job = Job(app, factory, list(map(str, work.outside)), settings, options, list(map(str, work.places)))
    return _tell(replay_in_workers(job, work, how.workers), len(work.chosen), how)


def _options(how: _How) -> ReplayOptions:
    from timetracer_otel.comparison import Threshold
    from timetracer_otel.replayers.options import ReplayOptions

    threshold = None if how.slower_than is None else Threshold.parse(how.slower_than)
    return ReplayOptions(how.headers, threshold, how.update)


def _tell(verdicts: Generator[Verdict, None, None], total: int, how: _How) -> int:
    """Print each verdict and write the reports; the exit status.

    Raises:
        CassetteNotFound: none of them is of the kind that the app takes.
    """
    import msgspec

    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.cli.reporting import report_writers
    from timetracer_otel.errors import CassetteNotFound
    from timetracer_otel.views.verdicts import summary_line, verdict_lines

    writers = report_writers(how.reports)  # what is not possible is said before anything starts
    output = Output()
    outcomes: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    kept: list[Verdict] = []
    others: list[Verdict] = []
    seconds = 0.0
    interrupted = False
    try:
        # what the app prints is not part of the result
        with contextlib.closing(verdicts), contextlib.redirect_stdout(sys.stderr):
            for verdict in tracked(verdicts, "replaying", total, printing=True):
                if verdict.other_kind:
                    others.append(verdict)
                    continue
                outcomes["updated" if verdict.updated else verdict.outcome] += 1
                seconds += verdict.seconds
                happened.update(verdict.faults)
                if writers:
                    kept.append(verdict)
                if how.as_json:
                    output.json(msgspec.to_builtins(verdict))
                else:
                    output.lines(verdict_lines(verdict))
                if how.fail_fast and verdict.outcome != "same":
                    break
    except KeyboardInterrupt:
        interrupted = True  # what is known is told all the same
        click.echo(f"interrupted after {outcomes.total()} of {total}", err=True)
    if others and not outcomes and not interrupted:
        raise CassetteNotFound(_none_fits(others))
    for left_out in _left_out(others):
        click.echo(left_out, err=how.as_json)
    for line in never_happened(how.faults, happened) if not interrupted else ():
        click.echo(line, err=how.as_json)
    if not how.as_json and outcomes:
        output.line(summary_line(outcomes, seconds))
    for write in writers:
        write(kept)
    return INTERRUPTED if interrupted else max(_STATUSES[outcome] for outcome in outcomes)


def _none_fits(others: Sequence[Verdict]) -> str:
    """Why nothing was replayed, where each cassette is of a kind that the app does not take."""
    if all(map(_websocket, others)):
        websockets = "a websocket" if len(others) == 1 else f"{len(others)} websockets"
        return f"nothing to send but {websockets}: {_BY_A_SERVER}"
    why = others[0].differences[0].removeprefix("it cannot be replayed: ")
    all_are = "the one cassette is" if len(others) == 1 else f"all {len(others)} cassettes are"
    return f"{all_are} of another kind than this app takes: {why}"


def _websocket(verdict: Verdict) -> bool:
    from timetracer_otel.messages import WEBSOCKET

    return verdict.title.startswith(f"{WEBSOCKET} ")


def _left_out(others: Sequence[Verdict]) -> Iterator[str]:
    """What is not for this app, in a line for each reason."""
    websockets = sum(map(_websocket, others))
    if websockets:
        yield f"{websockets} left out: {_BY_A_SERVER}"
    rest = len(others) - websockets
    if rest:
        is_are = "it is" if rest == 1 else "they are"
        yield f"{rest} left out: {is_are} of another kind than this app takes"
