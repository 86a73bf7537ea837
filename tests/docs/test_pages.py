"""Every example of the pages runs, in order, and prints what its page shows."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.conftest import Place
from tests.docs.markdown import PAGES, ROOT, Block, agrees, blocks, commands
from tests.docs.shell import Shell


def run_console(block: Block, place: Place, shell: Shell) -> None:
    found = commands(block.text)
    for command in found:
        expected = block.status if command is found[-1] else 0
        # a reader's server is at 8000, as curl's here, which knows of the other port (``curl.py``)
        here = f"http://127.0.0.1:{place.environment['UVICORN_PORT']}"
        status, printed = shell.run(command.text.replace("http://127.0.0.1:8000", here))
        assert status == expected, f"$ {command.text}\n{printed}"
        assert not command.shown or agrees(command.shown, printed), (
            f"$ {command.text}\nthe page shows:\n{command.shown}\nit printed:\n{printed}"
        )


def run_python(block: Block, place: Place, shell: Shell) -> None:
    program = place.directory / block.title if block.title else place.directory / f"line_{block.line}.py"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(block.text)
    if not block.title:
        status, printed = shell.run(f"python {program.name}")
        assert status == 0, printed


def write_file(block: Block, place: Place, shell: Shell) -> None:
    if block.title:
        path = place.directory / block.title
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)


def register_kvclient(place: Place) -> None:
    """What installing the example integration's package does: its entry point is there."""
    installed = place.directory / "kvclient_timetracer-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: kvclient-timetracer\nVersion: 1.0\n")
    (toml,) = (
        block.text
        for block in blocks((ROOT / "docs" / "integrations.md").read_text())
        if block.language == "toml"
    )
    ((group, lines),) = tomllib.loads(toml)["project"]["entry-points"].items()
    (installed / "entry_points.txt").write_text(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )


RUN: dict[str, Callable[[Block, Place, Shell], None]] = {"console": run_console, "python": run_python}
ORDERS: dict[str, Callable[[Place], None]] = {
    "bucket": Place.add_bucket,
    "broker start": Place.start_broker,
    "recordings": Place.add_recordings,
    "register kvclient": register_kvclient,
    "services start": Place.start_services,
    "services stop": Place.stop_services,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_do_what_the_page_says(page: Path, place: Place) -> None:
    steps = list(blocks(page.read_text()))
    while steps and steps[0].order:
        ORDERS[steps.pop(0).order](place)  # before the shell begins, whose environment it is
    with Shell(place.directory, place.environment) as shell:
        for block in steps:
            if block.order:
                ORDERS[block.order](place)
            else:
                RUN.get(block.language, write_file)(block, place, shell)
