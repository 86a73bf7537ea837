"""Run the rows of a variant without us, recording, and replaying with nothing there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fidelity.apps.calls import choosing
from tests.fidelity.row import Row
from tests.fidelity.scenarios import Variant, rows_of
from tests.fidelity.servers import INSTRUMENTED, PLAIN, RECORDING, REPLAYING, Server, ServerFailed
from tests.fidelity.sqlalchemy_versions import python_path
from tests.fidelity.wire import Answer, send
from tests.services import c_extension
from tests.services.environment import EVERYTHING, instrumenting
from tests.services.programs import find
from tests.services.together import Services

_PRINTED = 6_000
"""Characters of a log that are worth reading."""


@dataclass
class Run:
    """What one server process answered.

    Attributes:
        answers: By the name of the row.
        problems: What went wrong instead of an answer, by the name of the row.
        why_none: Why there are no answers at all.
        log_file: What the server printed.
        began: Where in that the requests of a row began, by its name.
    """

    answers: dict[str, tuple[Answer, ...]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    why_none: str = ""
    log_file: Path = Path()
    exit_code: int = 0
    began: dict[str, int] = field(default_factory=dict)

    def answer(self, row: Row) -> tuple[Answer, ...]:
        """The answers of one row.

        Raises:
            AssertionError: There is none.
        """
        if row.name not in self.answers:
            raise AssertionError(self.problems.get(row.name, self.why_none))
        return self.answers[row.name]

    def printed(self, row: Row) -> str:
        """What the server printed from the first request of a row on: why its answers are as they are."""
        told = self.log_file.read_text()[self.began.get(row.name, 0) :]
        return f"the server printed:\n{told[:_PRINTED]}"


@dataclass
class Results:
    """All runs of one variant, and what was found on disk in between."""

    live: Run
    recorded: Run
    replayed: Run
    replayed_backwards: Run
    cassettes: Path
    sqlite_files_after_replay: list[str]


def ask(server: Server, rows: Iterable[Row], run: Run) -> None:
    """Send the requests of the rows, one after the other."""
    for row in rows:
        run.began[row.name] = len(server.log)
        try:
            run.answers[row.name] = tuple(send(server.port, request) for request in row.requests)
        except ServerFailed as error:
            run.why_none = f"the server did not start:\n{error}"
            return
        except (OSError, ValueError) as error:
            run.problems[row.name] = f"{type(error).__name__}: {error}"


def run_variant(variant: Variant, services: Services, directory: Path) -> Results:
    """Run all rows of a variant, four times.

    Args:
        services: Running; running again afterwards.
        directory: An empty folder for logs and cassettes.
    """
    rows = [row for row in rows_of(variant) if all(map(find, row.needs))]
    cassettes = directory / "cassettes"
    environment = {**services.environment, **c_extension.environment()}
    if path := python_path(variant.sqlalchemy):
        environment["PYTHONPATH"] = path
    if variant.libraries:
        environment |= choosing(variant.libraries)
        environment |= instrumenting(variant.framework.removesuffix("-asgi"), *INSTRUMENTED)
    else:
        environment |= EVERYTHING

    def run(name: str, launcher: tuple[str, ...], added: dict[str, str], *orders: Iterable[Row]) -> list[Run]:
        server = Server(variant.framework, launcher, {**environment, **added}, directory / name)
        runs = [Run(log_file=server.log_file) for _ in orders]
        for one, order in zip(runs, orders, strict=True):
            ask(server, order, one)
        code = server.stop()
        for one in runs:
            one.exit_code = code
        return runs

    services.fresh()
    [live] = run("live", PLAIN, {}, rows)
    services.fresh()
    [recorded] = run("recording", RECORDING, {"TIMETRACER_DIR": str(cassettes)}, rows)
    services.stop()
    try:
        replaying = {"TIMETRACER_MODE": "replay", "TIMETRACER_CASSETTE": str(cassettes)}
        forwards, backwards = run("replay", REPLAYING, replaying, rows, reversed(rows))
        left = services.sqlite_files
    finally:
        services.start()
    return Results(live, recorded, forwards, backwards, cassettes, left)
