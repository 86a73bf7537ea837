"""``pytest --timetracer cassettes/``: each cassette is a test of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError, TimetracerError
from timetracer_otel.formats.compression import decompress
from timetracer_otel.pytest_plugin.cassettes import SUFFIXES
from timetracer_otel.pytest_plugin.client import AppClients
from timetracer_otel.replayers.outside import recorded_beside
from timetracer_otel.views import text as texts


class CassetteItems:
    """Hooks that collect and run cassettes.

    Args:
        config: of the run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.clients = AppClients(config)
        self.startup: list[Path] = []
        """Cassettes of calls made outside requests: they answer what an application says as it starts."""
        self.others: Counter[str] = Counter()
        """Cassettes of something else than HTTP requests, by what that is."""
        if not config.getoption("timetracer_app") and not config.getini("timetracer_app"):
            raise pytest.UsageError(
                "--timetracer: which application? give --timetracer-app MODULE:APP, or set timetracer_app in"
                " pytest's configuration"
            )

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """A file that may be a cassette."""
        if file_path.suffix in SUFFIXES and not file_path.name.startswith("."):
            found: pytest.Collector = CassetteFile.from_parent(parent, path=file_path, plugin=self)
            return found
        return None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Where cassettes were named one by one, what was recorded outside requests lies beside them."""
        if not self.startup:
            items = [item.path for item in session.items if isinstance(item, CassetteItem)]
            self.startup.extend(path for path, _ in recorded_beside(items))

    def pytest_sessionfinish(self) -> None:
        """Stop the application."""
        self.clients.__exit__()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was not replayed."""
        if self.others:
            left_out, kinds = texts.count(self.others.total(), "cassette"), ", ".join(sorted(self.others))
            terminalreporter.write_line(
                f"timetracer-otel: {left_out} without an HTTP request left out ({kinds})"
            )


class CassetteFile(pytest.File):
    """A file that may be a cassette."""

    def __init__(self, *, plugin: CassetteItems, **given: Any) -> None:
        super().__init__(**given)
        self._plugin = plugin

    def collect(self) -> Iterator[pytest.Item]:
        """The one test that it is, or none: what an application says as it starts, another document."""
        try:
            cassette = Cassette.load(self.path)
            began_by_request = cassette.inbound_request is not None
        except TimetracerError:
            if _is_traces(self.path):
                yield CassetteItem.from_parent(self, name=self.path.name, plugin=self._plugin)
            return
        if began_by_request:
            yield CassetteItem.from_parent(self, name=cassette.title, plugin=self._plugin)
        elif cassette.inbound_message is not None:
            self._plugin.others[cassette.inbound_family] += 1
        else:
            self._plugin.startup.append(self.path)


class CassetteItem(pytest.Item):
    """The replay of one cassette."""

    def __init__(self, *, plugin: CassetteItems, **given: Any) -> None:
        super().__init__(**given)
        self._plugin = plugin

    def runtest(self) -> None:
        """Send its request to the application."""
        app = self._plugin.clients.get(None, sorted(self._plugin.startup))
        verdict = app.judge(self.path)
        if verdict.outcome != "same":
            raise NotTheSame(verdict.text())

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The lines of the verdict, or of an error of ours; anything else with its traceback."""
        if isinstance(excinfo.value, NotTheSame | TimetracerError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Named by its request."""
        return self.path, None, self.name


class NotTheSame(Exception):
    """A replay was not as recorded; the text is its verdict."""


def _is_traces(path: Path) -> bool:
    """True for what is meant to be a cassette, damaged as it may be."""
    try:
        head = decompress(path.read_bytes())[:4096]
    except (OSError, CassetteError):
        return path.suffix != ".gz"
    return path.suffix != ".json" or b"resourceSpans" in head
