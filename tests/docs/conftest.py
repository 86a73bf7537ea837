"""The example shop and its services, for pages to run in."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import boto3
import pytest

from tests.docs import curl
from tests.docs.markdown import blocks
from tests.services.aws import Aws
from tests.services.environment import instrumenting, without_settings
from tests.services.kafka import Kafka
from tests.services.ports import free_port
from timetracer_otel.demo import story
from timetracer_otel.demo.processes import Server, send
from timetracer_otel.demo.shop import Services, copy_shop, fill

SHOP = ("asyncpg", "fastapi", "httpx", "redis", "sqlalchemy")
"""What the shop is made of."""


class Place:
    """A directory with the shop in it, and the environment of its shell.

    Args:
        directory: empty so far.
        recordings: gives the folder of the shop's recordings.
        instrumented: the libraries that are instrumented: a reader has those installed that a page speaks of.
    """

    def __init__(self, directory: Path, recordings: Callable[[], Path], instrumented: Iterable[str]) -> None:
        self.directory = directory
        self._recordings = recordings
        self._services = Services()
        self._aws: Aws | None = None
        self._broker: Kafka | None = None
        copy_shop(directory)
        programs, scripts = _programs(directory / ".programs"), Path(sys.executable).parent
        self.environment = {
            name: value for name, value in without_settings().items() if not name.startswith("PYTEST_")
        }
        self.environment |= {
            **instrumenting(*instrumented),
            "PAYMENTS_KEY": story.KEY,
            "UVICORN_PORT": str(free_port()),
            "STOCK_ADDRESS": f"127.0.0.1:{free_port()}",
            "PATH": os.pathsep.join((str(programs), str(scripts), os.environ["PATH"])),
        }

    def start_services(self) -> None:
        """Start what the shop talks to, its tables as they are at first."""
        self._services.__enter__()
        self.environment |= self._services.environment
        fill(self.directory, self.environment)

    def add_bucket(self) -> None:
        """Start an S3 server, and make the bucket that pages name."""
        self._aws = Aws()
        self._aws.fresh()
        keys = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader", "AWS_REGION": "us-east-1"}
        self.environment |= {
            **keys,
            "TIMETRACER_S3_ENDPOINT": self._aws.url,
            "XDG_CACHE_HOME": str(self.directory / ".cache"),
        }
        boto3.client(
            "s3",
            endpoint_url=self._aws.url,
            region_name=keys["AWS_REGION"],
            aws_access_key_id="reader",
            aws_secret_access_key="reader",  # any will do
        ).create_bucket(Bucket="team-cassettes")

    def start_broker(self) -> None:
        """Start a broker of Kafka, with no records."""
        self._broker = Kafka()
        self.environment["KAFKA_URL"] = self._broker.url

    def stop_services(self) -> None:
        """Stop them, if they run."""
        self._services.stop()
        if self._broker is not None:
            self._broker.remove()
            self._broker = None

    def close(self) -> None:
        """Stop everything."""
        self.stop_services()
        if self._aws is not None:
            self._aws.remove()

    def add_recordings(self) -> None:
        """Put what the demonstration records into ``cassettes/``."""
        shutil.copytree(self._recordings(), self.directory / "cassettes")


@pytest.fixture
def place(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place for one page."""
    place = Place(tmp_path, lambda: request.getfixturevalue("recordings"), {*SHOP, *_named_in(page)})
    yield place
    place.close()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cassettes that the demonstration records."""
    directory = tmp_path_factory.mktemp("recordings")
    copy_shop(directory)
    with Services() as services:
        fill(directory, services.environment)
        command = ["timetracer-otel", "record", "--", *story.SERVE]
        with Server(command, directory, services.environment | instrumenting(*SHOP)) as shop:
            for request in story.REQUESTS:
                send(shop.url, request)
    return directory / "cassettes"


def _named_in(page: Path) -> set[str]:
    """The instrumentations of libraries that a page has code of."""
    code = "".join(block.text for block in blocks(page.read_text()))
    known = {found.name for found in entry_points(group="opentelemetry_instrumentor")}
    return {name for name in known if re.split("[-_]", name)[0] in code}


def _programs(directory: Path) -> Path:
    directory.mkdir()
    program = directory / "curl"
    program.write_text(f"#!{sys.executable}\n{Path(curl.__file__).read_text()}")
    program.chmod(0o755)
    return directory
