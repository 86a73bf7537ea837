"""A database to compare three runs on, and the integrations installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.mysql.runs import (
    AioMySqlRuns,
    AsyncmyRuns,
    ConnectorAioRuns,
    ConnectorRuns,
    PyMySqlRuns,
)
from tests.services.mariadb import MariaDb
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.mysql.aiomysql import AioMySqlIntegration
from timetracer_otel.integrations.mysql.asyncmy import AsyncmyIntegration
from timetracer_otel.integrations.mysql.connector import MySqlConnectorIntegration
from timetracer_otel.integrations.mysql.connector_aio import MySqlConnectorAioIntegration
from timetracer_otel.integrations.mysql.mysqlclient import MySqlClientIntegration
from timetracer_otel.integrations.mysql.pymysql import PyMySqlIntegration


@pytest.fixture(autouse=True)
def integrations() -> Iterator[None]:
    known = [
        PyMySqlIntegration(),
        AioMySqlIntegration(),
        AsyncmyIntegration(),
        MySqlClientIntegration(),
        MySqlConnectorIntegration(),
        MySqlConnectorAioIntegration(),
    ]
    for one in known:
        wrapping.install(one)
    yield
    for one in known:
        wrapping.uninstall(one)


@pytest.fixture
def db(mariadb_server: MariaDb) -> PyMySqlRuns:
    return PyMySqlRuns(mariadb_server)


@pytest.fixture
def connector(mariadb_server: MariaDb) -> ConnectorRuns:
    return ConnectorRuns(mariadb_server)


@pytest.fixture
def aio(mariadb_server: MariaDb) -> AioMySqlRuns:
    return AioMySqlRuns(mariadb_server)


@pytest.fixture
def connector_aio(mariadb_server: MariaDb) -> ConnectorAioRuns:
    return ConnectorAioRuns(mariadb_server)


@pytest.fixture
def asyncmy_runs(mariadb_server: MariaDb) -> AsyncmyRuns:
    return AsyncmyRuns(mariadb_server)
