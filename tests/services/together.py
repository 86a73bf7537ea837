"""All services, started, emptied and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.services.aws import Aws
from tests.services.full_house import FullHouse
from tests.services.grpc_server import GrpcServer
from tests.services.kafka import Kafka
from tests.services.mail import MailServer
from tests.services.mariadb import PROGRAM, MariaDb
from tests.services.mongodb import MongoDb
from tests.services.postgres import Postgres
from tests.services.programs import find
from tests.services.task_queue import TaskQueue
from tests.services.upstream import Upstream
from tests.services.valkey import Valkey

_POSTGRES_DRIVERS = {
    "psycopg2": "psycopg2",
    "psycopg": "psycopg",
    "psycopg-async": "psycopg",
    "asyncpg": "asyncpg",
}
_MYSQL_DRIVERS = {
    "pymysql": ("mysql", "pymysql", ""),
    **({"mysqlclient": ("mysql", "mysqldb", "")} if find("mysqlclient") else {}),
    "mysqlconnector": ("mariadb", "mysqlconnector", "use_pure=true"),
    "mysqlconnector-c": ("mariadb", "mysqlconnector", ""),
    "aiomysql": ("mariadb", "aiomysql", ""),
    "asyncmy": ("mariadb", "asyncmy", ""),
}
"""Dialect, driver, and an option of its own."""
_SQLITE_DRIVERS = {"sqlite": "pysqlite", "aiosqlite": "aiosqlite"}


class Services:
    """PostgreSQL, MariaDB where it is installed, Valkey, MongoDB, a gRPC server, an HTTP upstream, a mail
    server, AWS, a Kafka broker, a Celery worker, and a folder for SQLite files.

    Args:
        directory: An empty folder for their data.
    """

    def __init__(self, directory: Path) -> None:
        self._sqlite = directory / "sqlite"
        self.postgres = Postgres(directory / "postgres")
        self.mariadb = MariaDb(directory / "mariadb") if find(PROGRAM) else None
        self.valkey = Valkey()
        self.tasks = TaskQueue(self.valkey.address)
        self.mongodb = MongoDb()
        self.upstream = Upstream()
        self.grpc = GrpcServer()
        self.mail = MailServer()
        self.kafka = Kafka()
        self.aws = Aws()
        self._full = FullHouse()

    @property
    def environment(self) -> dict[str, str]:
        """What an application is told about them; the same in every run."""
        variables = {
            "UPSTREAM_URL": self.upstream.url,
            "AWS_URL": self.aws.url,
            "REDIS_URL": self.valkey.url,
            "CELERY_URL": self.tasks.url,
            "MONGODB_URL": self.mongodb.url,
            "GRPC_URL": self.grpc.url,
            "KAFKA_URL": self.kafka.url,
            "MAIL_URL": self.mail.url,
            "FULL_URL": self._full.url,
            "CLOSED_URL": "http://127.0.0.1:1",
        }
        for name, driver in _POSTGRES_DRIVERS.items():
            variables[_variable(name)] = self.postgres.url(_database(name), driver)
        if self.mariadb:
            for name, (dialect, driver, option) in _MYSQL_DRIVERS.items():
                variables[_variable(name)] = self.mariadb.url(_database(name), driver, dialect, option)
        for name, driver in _SQLITE_DRIVERS.items():
            variables[_variable(name)] = f"sqlite+{driver}:///{self._sqlite}/{name}.db"
        return variables

    @property
    def sqlite_files(self) -> list[str]:
        """The SQLite databases that exist."""
        return sorted(path.name for path in self._sqlite.glob("*.db"))

    def fresh(self) -> None:
        """Empty everything, so that the same requests get the same answers."""
        self.postgres.fresh(_database(name) for name in _POSTGRES_DRIVERS)
        if self.mariadb:
            self.mariadb.fresh(_database(name) for name in _MYSQL_DRIVERS)
        self.valkey.fresh()
        self.mongodb.fresh()
        self.upstream.fresh()
        self.grpc.fresh()
        self.mail.fresh()
        self.kafka.fresh()
        self.aws.fresh()
        self._sqlite.mkdir(exist_ok=True)
        self._remove_sqlite()

    def stop(self) -> None:
        """Stop everything; nothing listens, no file is left."""
        self.tasks.stop()
        self.upstream.stop()
        self.grpc.stop()
        self.mail.stop()
        _together(one.stop for one in self._processes)
        self._remove_sqlite()

    def shut(self) -> None:
        """Nothing listens at any address and no file is left, as if stopped; what takes long to start still
        runs behind its door.
        """
        for one in self._behind_doors:
            one.door.shut()
        self.upstream.stop()
        self.grpc.stop()
        self.mail.stop()
        self._remove_sqlite()

    def open(self) -> None:
        """Listen again after :meth:`shut`."""
        for one in self._behind_doors:
            one.door.open()
        self.upstream.start()
        self.grpc.start()
        self.mail.start()

    def start(self) -> None:
        """Start everything again at the same addresses."""
        _together(one.start for one in self._processes)
        self.tasks.start()
        self.upstream.start()
        self.grpc.start()
        self.mail.start()

    def remove(self) -> None:
        """Stop everything for good."""
        self.tasks.remove()
        self.upstream.remove()
        self.grpc.remove()
        self.mail.remove()
        self._full.remove()
        _together(one.remove for one in self._processes)

    @property
    def _processes(self) -> list[Postgres | MariaDb | Valkey | MongoDb | Kafka | Aws]:
        """Those that run by themselves, so that they can start and end side by side."""
        databases = [self.postgres, self.mariadb] if self.mariadb else [self.postgres]
        return [*databases, self.valkey, self.mongodb, self.kafka, self.aws]

    @property
    def _behind_doors(self) -> list[Postgres | MariaDb | Valkey | MongoDb | Kafka | Aws | TaskQueue]:
        return [*self._processes, self.tasks]

    def _remove_sqlite(self) -> None:
        for path in self._sqlite.glob("*.db*"):
            path.unlink()


def _together(actions: Iterable[Callable[[], None]]) -> None:
    """Do them all at the same time: most of each is waiting for a process."""
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(action) for action in actions]:
            done.result()


def _database(driver: str) -> str:
    return "fidelity_" + driver.replace("-", "_")


def _variable(driver: str) -> str:
    return "DB_" + driver.replace("-", "_").upper()
