"""All cases that talk to a dependency, for both applications."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator

from tests.fidelity.apps.case import Case

MODULES = (
    "httpx_cases",
    "httpx_edge_cases",
    "httpx_async_cases",
    "requests_cases",
    "urllib3_cases",
    "urllib_cases",
    "aiohttp_cases",
    "boto3_cases",
    "sql_cases",
    "sql_edge_cases",
    "sql_postgres_cases",
    "sql_async_cases",
    "sqlite3_cases",
    "aiosqlite_cases",
    "psycopg2_cases",
    "psycopg_cases",
    "psycopg_pool_cases",
    "asyncpg_cases",
    "pymysql_cases",
    "mysqlclient_cases",
    "mysqlconnector_cases",
    "mysqlconnector_aio_cases",
    "aiomysql_cases",
    "asyncmy_cases",
    "redis_cases",
    "redis_async_cases",
    "mongodb_cases",
    "mongodb_async_cases",
    "grpc_cases",
    "grpc_async_cases",
    "celery_cases",
    "celery_async_cases",
    "kafka_cases",
    "aiokafka_cases",
    "smtplib_cases",
    "aiosmtplib_cases",
    "interrupted_cases",
    "interrupted_async_cases",
    "unrepeatable_cases",
)
CHOSEN = "CASES"
"""The variable that names modules, for an application of which nothing else is asked: it loads no others, and
starts a third sooner.
"""


def all_cases() -> Iterator[Case]:
    """Every case that this process is for, in the order of the matrix."""
    chosen = os.environ.get(CHOSEN, "").split() or MODULES
    for module in MODULES:
        if module in chosen:
            yield from _cases(module)


def choosing(libraries: Iterable[str]) -> dict[str, str]:
    """What tells an application that it is asked for the rows of these libraries only."""
    wanted = set(libraries)
    modules = [module for module in MODULES if any(case.library in wanted for case in _cases(module))]
    return {CHOSEN: " ".join(modules)}


def _cases(module: str) -> Iterable[Case]:
    cases: Iterable[Case] = importlib.import_module(f"tests.fidelity.apps.{module}").CASES
    return cases
