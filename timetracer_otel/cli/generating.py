"""``timetracer-otel generate-tests``."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import click

from timetracer_otel.cli.selecting import HELP, selecting


@click.command("generate-tests")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "-o", "--output", metavar="PLACE", default="tests", show_default=True,
    help="A folder, which gets test_recorded.py, or the file itself.",
)  # fmt: skip
@click.option(
    "--app", metavar="MODULE:APP",
    help="The application, or Django's settings module; timetracer_app of pytest's configuration by default.",
)  # fmt: skip
@click.option("--factory", is_flag=True, help="APP is a function that makes the application.")
@click.option("-k", "--filter", "words", metavar="TEXT", multiple=True, help=HELP)
@click.option("--force", is_flag=True, help="Write the file also where it was changed by hand.")
def command(
    paths: tuple[str, ...], output: str, app: str | None, factory: bool, words: tuple[str, ...], force: bool
) -> int:
    r"""Write tests that replay cassettes: a file for pytest.

    PATH is a cassette or a folder of them; the store of the settings by default. Each recorded request
    becomes a function that sends it to the application, its calls answered from the cassette, and asserts
    the status, the body and the calls. Again with the same cassettes it writes the same; a file that was
    changed by hand is left alone. Files that cannot be read are named on stderr, and the exit status is 2.

    \b
    timetracer-otel generate-tests cassettes/ --app app:app -o tests/
    pytest tests/
    """
    from timetracer_otel.cli.group import FAILED, fail
    from timetracer_otel.cli.output import Output
    from timetracer_otel.cli.places import read_messages, stores
    from timetracer_otel.errors import CassetteError, CassetteNotFound, TimetracerError
    from timetracer_otel.generating.module import Recorded, module, relative, untouched
    from timetracer_otel.replayers.drawing import is_import
    from timetracer_otel.replayers.outside import recorded_beside
    from timetracer_otel.views import text as texts
    from timetracer_otel.views.lines import line, piece

    file = Path(output)
    if file.suffix != ".py":
        file = file / "test_recorded.py"
    selected = selecting(words)
    recorded: list[Recorded] = []
    startup: list[str] = []
    damaged: list[CassetteError] = []
    others: Counter[str] = Counter()
    requests = 0
    named = stores(paths, dict(os.environ))
    for store in named:
        for path, cassette in store.iter(lambda _, error: damaged.append(error)):
            try:
                read_messages(path, cassette)
            except CassetteError as error:
                damaged.append(error)
                continue
            where = relative(path, file.parent)
            if cassette.inbound_request is not None:
                requests += 1
                if selected is None or selected(cassette):
                    recorded.append(Recorded(cassette, where))
            elif cassette.inbound_message is None:
                startup.extend([where] if cassette.calls() or is_import(cassette) else [])
            else:
                others[cassette.inbound_family] += 1
    if all(store.path.is_file() for store in named):
        beside = recorded_beside(store.path for store in named)
        startup.extend(
            relative(path, file.parent)
            for path, cassette in beside
            if cassette.calls() or is_import(cassette)
        )
    for reason in damaged:
        fail(str(reason))
    if requests and not recorded:
        raise CassetteNotFound(f"-k leaves none of {texts.count(requests, 'recorded request')}")
    if not recorded:
        raise CassetteNotFound("none of the cassettes holds an HTTP request; record some first")
    source = module(recorded, app, factory=factory, startup=sorted(startup))
    before = _read(file)
    if before is not None and before != source and not force and not untouched(before):
        raise TimetracerError(
            f"{file} was changed by hand; give another place with -o, or write it all the same with --force"
        )
    if before != source:
        _write(file, source)
    said = "unchanged" if before == source else "written"
    left_out = texts.count(others.total(), "cassette")
    note = f"; {left_out} without an HTTP request left out ({', '.join(sorted(others))})" if others else ""
    Output().line(line(piece(f"{file}: {texts.count(len(recorded), 'test')}, {said}{note}", "bold")))
    return FAILED if damaged else 0


def _read(file: Path) -> str | None:
    from timetracer_otel.errors import TimetracerError

    try:
        return file.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TimetracerError(f"{file} cannot be read: {error.strerror or error}") from None


def _write(file: Path, source: str) -> None:
    from timetracer_otel.errors import TimetracerError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.encode())
    except OSError as error:
        raise TimetracerError(f"{file} cannot be written: {error.strerror or error}") from None
