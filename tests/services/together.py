"""All services, started, emptied and stopped together."""

from __future__ import annotations

from pathlib import Path

from tests.services.aws import Aws
from tests.services.full_house import FullHouse
from tests.services.grpc_server import GrpcServer
from tests.services.kafka import Kafka
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
_MYSQL_DRIVERS = {"pymysql": "mysql", "mysqlconnector": "mariadb", "aiomysql": "mariadb"}
_SQLITE_DRIVERS = {"sqlite": "pysqlite", "aiosqlite": "aiosqlite"}


class Services:
    """PostgreSQL, MariaDB where it is installed, Valkey, MongoDB, a gRPC server, an HTTP upstream, AWS, a
    Kafka broker, a Celery worker, and a folder for SQLite files.

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
            "FULL_URL": self._full.url,
            "CLOSED_URL": "http://127.0.0.1:1",
        }
        for name, driver in _POSTGRES_DRIVERS.items():
            variables[_variable(name)] = self.postgres.url(_database(name), driver)
        for name in _MYSQL_DRIVERS if self.mariadb else ():
            variables[_variable(name)] = self.mariadb.url(_database(name), name, _MYSQL_DRIVERS[name])
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
        self.kafka.fresh()
        self.aws.fresh()
        self._sqlite.mkdir(exist_ok=True)
        self._remove_sqlite()

    def stop(self) -> None:
        """Stop everything; nothing listens, no file is left."""
        self.postgres.stop()
        if self.mariadb:
            self.mariadb.stop()
        self.tasks.stop()
        self.valkey.stop()
        self.mongodb.stop()
        self.upstream.stop()
        self.grpc.stop()
        self.kafka.stop()
        self.aws.stop()
        self._remove_sqlite()

    def start(self) -> None:
        """Start everything again at the same addresses."""
        self.postgres.start()
        if self.mariadb:
            self.mariadb.start()
        self.valkey.start()
        self.tasks.start()
        self.mongodb.start()
        self.upstream.start()
        self.grpc.start()
        self.kafka.start()
        self.aws.start()

    def remove(self) -> None:
        """Stop everything for good."""
        self.postgres.remove()
        if self.mariadb:
            self.mariadb.remove()
        self.tasks.remove()
        self.valkey.remove()
        self.mongodb.remove()
        self.upstream.remove()
        self.grpc.remove()
        self.kafka.remove()
        self.aws.remove()
        self._full.remove()

    def _remove_sqlite(self) -> None:
        for path in self._sqlite.glob("*.db*"):
            path.unlink()


def _database(driver: str) -> str:
    return "fidelity_" + driver.replace("-", "_")


def _variable(driver: str) -> str:
    return "DB_" + driver.replace("-", "_").upper()
