"""The pytest plugin: tests that record what they call, and replay it from then on.

Found by pytest through its entry point; nothing need be configured. This module is loaded in every run of
pytest, so it loads the rest only for tests that ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from timetracer_otel.pytest_plugin.client import AppClients, AppFixture
    from timetracer_otel.pytest_plugin.fixtures import Automatic, Recorder, Replayer

MODES: Final = ("auto", "record", "replay", "rewrite", "off")
RECORDED: Final = "timetracer_recorded"
"""Where a report of a test lists the cassettes it wrote, on its way from a worker of xdist too."""
_MARKED: Final = "_timetracer_marked"
INSTALLED: Final = pytest.StashKey[bool]()
"""Set where the libraries are watched, or are not to be before a test asks."""
_FIXTURES: Final = frozenset({"timetracer_replay", "timetracer_record", "timetracer_auto"})
_WORDS: Final = tuple(name.encode() for name in [*sorted(_FIXTURES), "timetracer_app", "mark.cassette"])
"""What a module with cassettes is known by before it is imported."""
_MARKER: Final = (
    "cassette(name=None, mode=None, allow_unused=False, **settings): record what the test calls to the"
    " cassette of that name (the test's own, by default) when there is none, else answer from it"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and settings of the plugin."""
    group = parser.getgroup("timetracer-otel", "recording and replaying (timetracer-otel)")
    group.addoption(
        "--timetracer-mode", choices=MODES, default=None,
        help="auto: replay cassettes that are there, record those that are not (default). record: record"
        " all, write those that say something else. replay: never record. rewrite: record and write all."
        " off: neither.",
    )  # fmt: skip
    group.addoption(
        "--timetracer", action="store_true", default=False, dest="timetracer_items",
        help="collect each cassette in the folders given as a test of its own; needs the application",
    )  # fmt: skip
    group.addoption(
        "--timetracer-app", metavar="MODULE:APP", default=None,
        help="the application that --timetracer sends recorded requests to, or Django's settings module",
    )  # fmt: skip
    if not _others_block():
        group.addoption(
            "--block-network", action="store_true", default=False, dest="block_network",
            help="fail tests that open a connection outside a replay",
        )  # fmt: skip
    parser.addini(
        "timetracer_cassette_dir",
        "where cassettes are; 'cassettes' beside each test file by default",
        default="",
    )
    parser.addini("timetracer_mode", "as --timetracer-mode", default="auto")
    parser.addini("timetracer_app", "as --timetracer-app", default="")
    parser.addini("timetracer_app_factory", "the app is a function that makes it", "bool", default=False)
    parser.addini(
        "timetracer_headers", "headers sent to the app in place of recorded ones: 'Name: $VALUE'", "linelist"
    )
    parser.addini(
        "timetracer_app_hosts",
        "host:port of applications under test that other processes serve",
        "args",
        default=[],
    )
    parser.addini("timetracer_allow_hosts", "hosts that --block-network lets through", "args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """The marker; more only where it is asked for."""
    config.addinivalue_line("markers", _MARKER)
    mode = config.getini("timetracer_mode")
    if mode not in MODES:
        raise pytest.UsageError(f"timetracer_mode is {mode!r}; allowed is one of {', '.join(MODES)}")
    if config.getoption("timetracer_items"):
        from timetracer_otel.pytest_plugin.items import CassetteItems

        config.pluginmanager.register(CassetteItems(config), "timetracer-otel-items")
    if config.getoption("block_network", False):
        from timetracer_otel.pytest_plugin.network import NetworkBlock

        if mode_of(config) in ("record", "rewrite"):
            raise pytest.UsageError(
                f"--block-network and --timetracer-mode={mode_of(config)}: recording needs the network"
            )
        config.pluginmanager.register(NetworkBlock(config), "timetracer-otel-network")


def mode_of(config: pytest.Config) -> str:
    """What to do with cassettes in this run."""
    return str(config.getoption("timetracer_mode") or config.getini("timetracer_mode"))


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> None:
    """Watch the libraries before a module with cassettes imports its app, which may connect at once: nobody
    can see what goes over a connection that was there before.
    """
    if INSTALLED not in parent.config.stash and _has_cassettes(module_path):
        parent.config.stash[INSTALLED] = True
        from timetracer_otel import integrations

        integrations.install()


def _has_cassettes(path: Path) -> bool:
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return any(word in text for word in _WORDS)


def _others_block() -> bool:
    """True where pytest-recording has an option ``--block-network`` already: it then means both."""
    from importlib.util import find_spec

    return find_spec("pytest_recording") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each marked test its cassette, and look at how tests with one end."""
    used = False
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is None:
            continue
        if item.get_closest_marker("cassette") is not None and _MARKED not in names:
            names.insert(_first_of_function(item, names), _MARKED)
            used = True
        used = used or not _FIXTURES.isdisjoint(names)
    if used and not config.pluginmanager.has_plugin("timetracer-otel-ends"):
        from timetracer_otel.pytest_plugin.ends import Ends

        config.pluginmanager.register(Ends(), "timetracer-otel-ends")


def _first_of_function(item: pytest.Item, names: list[str]) -> int:
    """Where a test's own fixtures begin: what is made for several tests is made before, and not recorded."""
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    for place, name in enumerate(names):
        found = definitions.get(name)
        if name != "request" and (not found or found[-1].scope == "function"):
            return place
    return len(names)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The cassettes that were written."""
    written = sorted(
        {
            path
            for reports in terminalreporter.stats.values()
            for report in reports
            for path in getattr(report, RECORDED, ())
        }
    )
    if written:
        terminalreporter.write_sep("-", f"timetracer-otel: {len(written)} written")
        for path in written:
            terminalreporter.write_line(path)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Which calls are not those that a test expects."""
    from timetracer_otel.pytest_plugin.calls import Calls, explained

    if op != "==" or not isinstance(left, Calls) or not isinstance(right, list):
        return None
    return list(explained(left, right))


@pytest.fixture
def timetracer_cassette_dir(request: pytest.FixtureRequest) -> Path:
    """Where the cassettes of this test are. Override it, or set ``timetracer_cassette_dir``."""
    configured = request.config.getini("timetracer_cassette_dir")
    if configured:
        return request.config.rootpath / str(configured)
    beside: Path = request.path.parent
    return beside / "cassettes"


@pytest.fixture
def _timetracer_marked(request: pytest.FixtureRequest, timetracer_cassette_dir: Path) -> Iterator[None]:
    """The cassette of a test with the marker ``cassette``."""
    from timetracer_otel.pytest_plugin.fixtures import marked

    yield from marked(request, timetracer_cassette_dir)


@pytest.fixture
def timetracer_replay(request: pytest.FixtureRequest, timetracer_cassette_dir: Path) -> Replayer:
    """Answers every call of a block from a cassette.

    ::

        with timetracer_replay("orders") as cassette:
            ...
    """
    from timetracer_otel.pytest_plugin.fixtures import Replayer

    return Replayer(request, timetracer_cassette_dir)


@pytest.fixture
def timetracer_record(request: pytest.FixtureRequest, timetracer_cassette_dir: Path) -> Recorder:
    """Records every call of a block to a cassette.

    ::

        with timetracer_record("orders") as cassette:
            ...
    """
    from timetracer_otel.pytest_plugin.fixtures import Recorder

    return Recorder(request, timetracer_cassette_dir)


@pytest.fixture
def timetracer_auto(request: pytest.FixtureRequest, timetracer_cassette_dir: Path) -> Iterator[Automatic]:
    """Records when the cassette is missing, else replays: the whole test, or a block that it opens.

    ::

        with timetracer_auto("orders") as cassette:
            ...
    """
    from timetracer_otel.pytest_plugin.fixtures import automatic

    yield from automatic(request, timetracer_cassette_dir)


@pytest.fixture(scope="session")
def _timetracer_apps(request: pytest.FixtureRequest) -> Iterator[AppClients]:
    """Applications that recorded requests are sent to, each started once."""
    from timetracer_otel.pytest_plugin.client import AppClients

    with AppClients(request.config) as clients:
        yield clients


@pytest.fixture
def timetracer_app(request: pytest.FixtureRequest, _timetracer_apps: AppClients) -> AppFixture:
    """An application in this process, whose calls are answered from cassettes.

    ::

        replay = timetracer_app("app:app").replay("checkout.json")
        assert replay.request("GET", "/orders/7").status == 200
    """
    from timetracer_otel.pytest_plugin.client import AppFixture

    return AppFixture(_timetracer_apps, request.path.parent)
