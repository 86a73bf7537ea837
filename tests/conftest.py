"""What all tests share: the real services, started once for each process that runs tests."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certifi
import grpc
import pytest
from hypothesis import HealthCheck, settings

import timetracer_otel
from tests.services.environment import instrumenting_the_usual
from tests.services.programs import NotRun
from tests.services.together import Services
from tests.services.upstream import Upstream
from timetracer_otel.pytest_plugin import INSTALLED

pytest_plugins = ["pytester", "tests.order", "tests.printed", "tests.services.fixtures"]

# Containers like to say that nothing compiled is kept. Then each of the hundreds of processes that are
# started here compiles all that it imports, which is more than half of its work.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# gRPC starts its threads again in the child of a fork. Where that closes all files before it runs a program,
# as for the demo's PostgreSQL, which runs as another user, they may find their own closed and abort the
# child. Decided once, by the first channel; what is started here decides for itself.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
grpc.insecure_channel("127.0.0.1:1").close()
del os.environ["GRPC_ENABLE_FORK_SUPPORT"]

# unless a test says otherwise: each library that the launcher instruments is loaded first
os.environ |= instrumenting_the_usual()


def one_authority() -> Path:
    """A file with a single certificate. Each new client of httpx reads all that it trusts, for 20 ms with the
    hundreds of certifi; nobody here speaks TLS.
    """
    file = Path(__file__).parents[1] / ".cache" / "one-authority.pem"
    if not file.exists():
        end = "-----END CERTIFICATE-----\n"
        first = Path(certifi.where()).read_text().partition(end)[0]
        file.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as unfinished:
            unfinished.write(first[first.index("-----BEGIN") :] + end)
        Path(unfinished.name).replace(file)
    return file


os.environ["SSL_CERT_FILE"] = str(one_authority())

# how long an example takes says nothing on a machine that others use, too
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# the same few examples in every run, so that none fails by chance; --slow looks for others
settings.register_profile("ordinary", settings.get_profile("patient"), max_examples=25, derandomize=True)
settings.register_profile("thorough", settings.get_profile("patient"), max_examples=400)
settings.load_profile("ordinary")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-fidelity", action="store_true", help="write docs/fidelity.md from the results of this run"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(NotRun())
    config.stash[INSTALLED] = True  # no: most tests begin in a process that nobody watches
    if config.getoption("--write-fidelity") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FidelityWriter())


class FidelityWriter:
    """Collects the outcomes of the fidelity rows and writes the page about them."""

    def __init__(self) -> None:
        self._outcomes: list[tuple[str, bool]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one outcome."""
        if report.when == "call":
            self._outcomes.append((report.nodeid, report.passed))

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        from tests.fidelity.matrix import DOCUMENT, document, passed_in

        DOCUMENT.write_text(document(passed_in(self._outcomes)))


@pytest.fixture(autouse=True, scope="module")
def uninstalled() -> Iterator[None]:
    """What a file of tests installs is gone after it: the next in its process is any other."""
    yield
    timetracer_otel.uninstall()


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL, Valkey and an HTTP upstream, running and empty."""
    # not in pytest's own folder: each pytest that starts closes that to other users, and as root
    # PostgreSQL runs as another user
    with tempfile.TemporaryDirectory(prefix="fidelity-") as directory:
        started = Services(Path(directory))
        started.fresh()
        yield started
        started.remove()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An HTTP upstream of the test's own, running."""
    server = Upstream()
    yield server
    server.remove()
