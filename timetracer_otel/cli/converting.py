"""``timetracer-otel convert``."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import click

from timetracer_otel.cli.moments import Duration, Moment
from timetracer_otel.cli.options import environment, setting_options, settings_from

if TYPE_CHECKING:
    from timetracer_otel.converters.converting import Converted
    from timetracer_otel.converters.executors import Executor
    from timetracer_otel.converters.tasks import Problem

_KINDS: Final = ("auto", "otlp-json", "otlp-protobuf", "jaeger", "zipkin", "tempo", "console", "timetracer")
_SHOWN: Final = 20
"""Problems that are told one by one."""
_RARELY: Final = 20_000
"""Objects more than before at which garbage is looked for: spans on their way are many, and in no cycles."""


@click.command("convert")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o", "--output", "--dir", "dir", metavar="FOLDER", help="Where the cassettes go. [TIMETRACER_DIR]"
)
@click.option(
    "--from",
    "kind",
    type=click.Choice(_KINDS),
    default="auto",
    help="What the inputs are. [by their content]",
)
@click.option("--service", "services", multiple=True, metavar="GLOB", help="Only of that service.")
@click.option(
    "--endpoint", "endpoints", multiple=True, metavar="GLOB", help="Only 'POST /checkout', or '/checkout'."
)
@click.option("--errors", is_flag=True, help="Only those with an error.")
@click.option(
    "--min-duration", type=Duration(), default="0s", help="Only those that took so long: 250ms, 2s."
)
@click.option("--since", type=Moment(), help="Only those begun then or later: 2026-11-20, 2h (ago).")
@click.option("--until", type=Moment(), help="Only those begun before.")
@click.option("--strict", is_flag=True, help="Stop at what cannot be read, with nothing written.")
@click.option("--workers", type=click.IntRange(min=1), help="So many processes. [1]")
@click.option("--dask", metavar="ADDRESS", help="The workers of a Dask cluster: tcp://scheduler:8786.")
@click.option("--json", "as_json", is_flag=True, help="What it came to as JSON, for programs.")
@setting_options("encoding", "compression", "redact", "redact_keys", "redact_headers")
def command(
    inputs: tuple[str, ...],
    kind: str,
    services: tuple[str, ...],
    endpoints: tuple[str, ...],
    errors: bool,
    min_duration: int,
    since: int | None,
    until: int | None,
    strict: bool,
    workers: int | None,
    dask: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    r"""Turn traces of any origin into cassettes.

    INPUT is a file, a folder of them, or - for standard input: OTLP as JSON, as JSON lines or as protobuf
    (also the Collector's file exporter), Jaeger, Zipkin, Tempo, and cassettes of timetracer 1.x; plain, gzip
    or zstd. Each service's part of a trace becomes a cassette of its own.

    \b
    timetracer-otel convert traces.jsonl -o cassettes/

    What cannot be read is named and skipped. Exit status 2 when nothing could be read, or with --strict when
    something could not. Converting again adds nothing twice.
    """
    from typing import cast

    from timetracer_otel.cli.converting_progress import ConvertingProgress
    from timetracer_otel.cli.group import FAILED
    from timetracer_otel.cli.output import Output
    from timetracer_otel.converters import inputs as sources
    from timetracer_otel.converters.converting import Converted, convert
    from timetracer_otel.converters.reading import Kind
    from timetracer_otel.converters.selecting import Selection
    from timetracer_otel.converters.tasks import Store
    from timetracer_otel.views import converted as views

    settings = settings_from(environment(options))
    store = Store.of(settings)
    selection = Selection(services, endpoints, errors, min_duration, since or 0, until or 2**64)
    found = sources.find(inputs)
    result = Converted()
    problems = _Problems()
    output = Output()
    interrupted = True
    try:
        with _rare_collections(), ConvertingProgress() as progress, _executor(workers, dask) as executor:
            convert(
                found,
                store,
                kind=cast("Kind", kind),
                selection=selection,
                strict=strict,
                executor=executor,
                progress=progress,
                on_problem=problems.add,
                converted=result,
            )
        interrupted = False
    finally:
        problems.close(result)
        if as_json:
            output.json(views.data(result, store.path))
        elif result.written.cassettes or not interrupted:
            output.lines(views.lines(result, store.path))
    return FAILED if not result.read.spans and not result.written.cassettes else 0


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have garbage be looked for rarely, and not in what is loaded already."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _executor(workers: int | None, dask: str | None) -> AbstractContextManager[Executor | None]:
    from timetracer_otel.converters.executors import Dask, Processes

    if workers is not None and dask is not None:
        raise click.UsageError("--workers and --dask: give one of them")
    if dask is not None:
        return Dask(dask)
    return Processes(workers) if workers is not None and workers > 1 else nullcontext()


class _Problems:
    """Names the first problems on stderr, and counts the rest."""

    def __init__(self) -> None:
        self._named = 0

    def add(self, problem: Problem) -> None:
        """Name one."""
        self._named += 1
        if self._named <= _SHOWN:
            self._say(str(problem))

    def close(self, result: Converted) -> None:
        """Name what could not be written, and say how many more there are."""
        for text in result.written.problems:
            self._named += 1
            if self._named <= _SHOWN:
                self._say(text)
        self._named += result.written.unwritten - len(result.written.problems)
        if self._named > _SHOWN:
            self._say(f"and {self._named - _SHOWN:,} more like these")

    @staticmethod
    def _say(text: str) -> None:
        from timetracer_otel.views.text import clip, printable

        click.echo(f"skipped: {clip(printable(text), 500)}", err=True)
