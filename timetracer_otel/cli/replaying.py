"""``timetracer-otel replay``."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from typing import Any, Final, NoReturn

import click

from timetracer_otel.cli.launching import launch, quieten
from timetracer_otel.cli.options import environment, setting_options, settings_from

_STATUSES: Final = {"same": 0, "different": 1, "error": 2}
_IN_PROCESS_ONLY: Final = ("factory", "headers", "text", "fail_fast", "as_json")


class _WithCommand(click.Command):
    """Takes what follows ``--`` as the command of a service."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = ()
        if "--" in args:
            place = args.index("--")
            args, ctx.obj = args[:place], tuple(args[place + 1 :])
        return super().parse_args(ctx, args)


def _headers(
    ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    headers = []
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{text!r} is no header; give it as 'Name: value'")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


@click.command("replay", cls=_WithCommand, options_metavar="[OPTIONS]")
@click.argument("paths", metavar="[PATH]... (--app MODULE:APP | -- COMMAND...)", nargs=-1)
@click.option(
    "--app",
    metavar="MODULE:APP",
    help="The ASGI or WSGI application, as for uvicorn or gunicorn, or Django's settings module.",
)
@click.option("--factory", is_flag=True, help="APP is a function that makes the application.")
@click.option(
    "--header", "headers", metavar="'NAME: VALUE'", multiple=True, callback=_headers,
    help="Send this header in place of the recorded one (a credential that was masked).",
)  # fmt: skip
@click.option(
    "-k", "--filter", "text", metavar="TEXT", help="Only those with TEXT in title, URL or trace id."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first that is not the same.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@setting_options("live_plugins", "mock_plugins", "on_miss", "replay_pace", "export_replay")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    app: str | None,
    factory: bool,
    headers: tuple[tuple[str, str], ...],
    text: str | None,
    fail_fast: bool,
    as_json: bool,
    **options: Any,
) -> int:
    r"""Replay cassettes against an app, or run an app on them.

    PATH is a cassette or a folder of them; what the settings say, else ./cassettes, by default. Every
    dependency call is answered from the cassettes; no connection is opened.

    With --app, the recorded requests are sent to the application in this process, one after the other, and
    what it answers and calls is compared with what was recorded. Exit status 0 when all are the same, 1 when
    one is different, 2 when it could not be done.

    With a COMMAND, that is run as a server, which answers any recorded request that is sent to it.

    \b
    timetracer-otel replay cassettes/ --app app:app
    timetracer-otel replay cassettes/ -- uvicorn app:app
    """
    environ = environment(options)
    environ["TIMETRACER_MODE"] = "replay"
    if ctx.obj and app is not None:
        raise click.UsageError("Give --app MODULE:APP or -- COMMAND..., not both.")
    if app is not None:
        return _in_process(
            app,
            paths,
            environ,
            factory=factory,
            headers=headers,
            text=text,
            fail_fast=fail_fast,
            as_json=as_json,
        )
    if not ctx.obj:
        raise click.UsageError("Give --app MODULE:APP to replay here, or -- COMMAND... to run a server.")
    for parameter in ctx.command.params:
        if parameter.name in _IN_PROCESS_ONLY and ctx.params[parameter.name] not in (None, False, ()):
            raise click.UsageError(f"{parameter.opts[-1]} goes with --app, not with a COMMAND.")
    if len(paths) > 1:
        raise click.UsageError("A COMMAND runs on one PATH; put the cassettes into one folder.")
    return _serve(ctx.obj, paths, environ)


def _serve(service: tuple[str, ...], paths: tuple[str, ...], environ: dict[str, str]) -> NoReturn:
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
    launch(service, environ)


def _in_process(
    app: str,
    paths: tuple[str, ...],
    environ: dict[str, str],
    *,
    factory: bool,
    headers: tuple[tuple[str, str], ...],
    text: str | None,
    fail_fast: bool,
    as_json: bool,
) -> int:
    import msgspec

    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.places import matching, stores
    from timetracer_otel.cli.progress import tracked
    from timetracer_otel.replayers.runner import replay_in_process
    from timetracer_otel.views.verdicts import summary_line, verdict_lines

    settings = settings_from(environ)
    places = [store.path for store in stores(paths, environ, to_replay=True)]
    output = Output()
    outcomes: Counter[str] = Counter()
    seconds = 0.0
    verdicts = replay_in_process(
        app, places, settings, factory=factory, headers=headers, select=matching(text) if text else None
    )
    # what the app prints is not part of the result
    with contextlib.closing(verdicts), contextlib.redirect_stdout(sys.stderr):
        for verdict in tracked(verdicts, "replaying", printing=True):
            outcomes[verdict.outcome] += 1
            seconds += verdict.seconds
            if as_json:
                output.json(msgspec.to_builtins(verdict))
            else:
                output.lines(verdict_lines(verdict))
            if fail_fast and verdict.outcome != "same":
                break
    if not as_json:
        output.line(summary_line(outcomes, seconds))
    return max(_STATUSES[outcome] for outcome in outcomes)
