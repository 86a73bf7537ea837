"""Runs the tests of each library with the oldest release of it that pyproject.toml allows.

``scripts/test --lowest`` starts this. A library is put into an environment that has everything else as
requirements.lock names it, and taken out again; only pip is needed. What came of it belongs in
docs/versions.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache" / "lowest"
PYTHON = FOLDER / "venv" / "bin" / "python"
LOCK = ROOT / "requirements.lock"


@dataclass(frozen=True)
class Check:
    """What is run for a library.

    Attributes:
        tests: Folders and files.
        only: pytest's ``-k``; empty for all of them.
        cases: The modules of cases whose rows of fidelity are run, with FastAPI and Flask.
        beside: What is put in with it, as its own oldest release needs it so.
        extra: An extra of its own.
        first: The release that the bound comes to, where there is none of that number.
    """

    tests: tuple[str, ...]
    only: str = ""
    cases: str = "urllib_cases"
    beside: tuple[str, ...] = ()
    extra: str = ""
    first: str = ""


_CONTRACT = "tests/contract/test_contract.py"
_ROWS = "tests/fidelity/test_matrix.py"
_SET_UP = "tests/integrations/frameworks"
_IN_PROCESS = ("tests/api/test_record.py", "tests/api/test_replay.py")

TABLE: Mapping[str, Check] = {
    # frameworks
    "fastapi": Check((_CONTRACT, _SET_UP, _ROWS), "(fastapi and not test_matrix) or fastapi-in-"),
    "starlette": Check((_CONTRACT, _SET_UP, _ROWS), "starlette"),
    "litestar": Check((_CONTRACT, _SET_UP, _ROWS), "litestar"),
    "flask": Check((_CONTRACT, _SET_UP, _ROWS), "(flask and not test_matrix) or flask-in-"),
    "django": Check((_CONTRACT, _SET_UP, _ROWS, "tests/orms/test_django.py"), "django"),
    # servers
    "uvicorn": Check(
        ("tests/processes/test_servers.py", "tests/processes/test_uvloop.py"), "uvicorn or uvloop"
    ),
    "gunicorn": Check(("tests/processes/test_servers.py",), "gunicorn"),
    "hypercorn": Check(("tests/processes/test_servers.py",), "hypercorn"),
    "granian": Check(("tests/processes/test_servers.py",), "granian"),
    "websockets": Check(("tests/fidelity/test_streams.py",), "websocket"),
    # HTTP
    "httpx": Check((_CONTRACT, "tests/integrations/httpx", _ROWS), "httpx and not httpx2", "httpx_cases"),
    "httpx2": Check((_CONTRACT, "tests/integrations/httpx"), "httpx2"),
    "requests": Check((_CONTRACT, _ROWS), "requests", "requests_cases"),
    "urllib3": Check(
        (_CONTRACT, _ROWS), "urllib3 or requests", "urllib3_cases requests_cases", first="2.0.2"
    ),
    "aiohttp": Check((_CONTRACT, _ROWS), "aiohttp", "aiohttp_cases"),
    "botocore": Check((_CONTRACT, _ROWS), "boto3", "boto3_cases", beside=("boto3",)),
    # databases
    "sqlalchemy": Check(("tests/integrations/sqlalchemy",)),
    "aiosqlite": Check((_CONTRACT, _ROWS, "tests/integrations/sqlalchemy"), "aiosqlite", "aiosqlite_cases"),
    "psycopg2-binary": Check((_CONTRACT, _ROWS, "tests/integrations/psycopg2"), "psycopg2", "psycopg2_cases"),
    "psycopg": Check((_CONTRACT, "tests/integrations/psycopg"), "psycopg and not psycopg2", extra="[binary]"),
    "psycopg-pool": Check(
        (_CONTRACT, "tests/integrations/psycopg/test_pool.py", _ROWS), "pool", "psycopg_pool_cases"
    ),
    "asyncpg": Check((_CONTRACT, _ROWS, "tests/integrations/asyncpg"), "asyncpg", "asyncpg_cases"),
    "pymysql": Check((_CONTRACT, "tests/integrations/mysql"), "pymysql"),
    "aiomysql": Check((_CONTRACT, _ROWS, "tests/integrations/mysql"), "aiomysql", "aiomysql_cases"),
    "asyncmy": Check((_CONTRACT, _ROWS, "tests/integrations/mysql"), "asyncmy", "asyncmy_cases"),
    "mysql-connector-python": Check((_CONTRACT, "tests/integrations/mysql"), "connector or c_extension"),
    "tortoise-orm": Check(("tests/orms/test_tortoise.py",)),
    "sqlmodel": Check(("tests/orms/test_sqlmodel.py",)),
    "redis": Check(("tests/integrations/redis",)),
    "pymongo": Check(
        (_CONTRACT, _ROWS, "tests/integrations/mongodb"),
        "mongo or motor",
        "mongodb_cases mongodb_async_cases",
    ),
    "motor": Check((_CONTRACT, _ROWS), "motor or mongodb-async", "mongodb_async_cases"),
    # messages
    "grpcio": Check(
        (_CONTRACT, _ROWS, "tests/integrations/grpc", "tests/rpcs"),
        "grpc or rpcs",
        "grpc_cases grpc_async_cases",
    ),
    "celery": Check((_CONTRACT, _ROWS, "tests/tasks"), "celery or tasks", "celery_cases celery_async_cases"),
    "billiard": Check(
        ("tests/processes/test_scripts.py", "tests/tasks/test_celery.py"), "billiard or prefork"
    ),
    "confluent-kafka": Check(
        (_CONTRACT, _ROWS, "tests/integrations/kafka", "tests/topics"),
        "confluent or serializers or ((deliveries or kafka or through) and not aiokafka and not async)",
        "kafka_cases",
    ),
    "aiokafka": Check((_CONTRACT, _ROWS, "tests/topics"), "aiokafka or (async and topics)", "aiokafka_cases"),
    # mail
    "aiosmtplib": Check((_CONTRACT, _ROWS, "tests/integrations/smtp"), "aiosmtplib", "aiosmtplib_cases"),
    # stores, and converting on several machines
    "obstore": Check(("tests/buckets",)),
    "distributed": Check(("tests/converting",), "dask", beside=("dask",)),
    # what timetracer-otel itself needs
    "backports-zstd": Check(("tests/unit/test_formats.py",)),
    "click": Check(("tests/cli",)),
    "jinja2": Check(("tests/reports", "tests/generating/test_module.py")),
    "msgspec": Check(("tests/unit", "tests/property")),
    "packaging": Check(("tests/contract/test_too_old.py",)),
    "opentelemetry-sdk": Check(
        (*_IN_PROCESS, "tests/unit/test_light_spans.py", "tests/recording/test_launcher.py", _CONTRACT),
        "not test_contract or httpx- or redis- or flask- or fastapi- or sqlalchemy-",
        beside=(
            *("opentelemetry-api", "opentelemetry-proto", "opentelemetry-instrumentation"),
            *("opentelemetry-instrumentation-fastapi", "opentelemetry-instrumentation-flask"),
            *("opentelemetry-instrumentation-httpx", "opentelemetry-instrumentation-redis"),
            *("opentelemetry-instrumentation-sqlalchemy", "opentelemetry-instrumentation-django"),
            "fastapi<0.142",  # newer ones need a newer opentelemetry-api
        ),
    ),
    "protobuf": Check(
        ("tests/unit/test_otlp_protobuf.py", "tests/integrations/grpc"),
        first="5.26.0",
    ),
    "rich": Check(
        ("tests/cli/test_terminal.py", "tests/cli/test_show.py", "tests/converting/test_progress.py")
    ),
    "time-machine": Check(("tests/unit/test_clock.py", "tests/unit/test_entropy.py", *_IN_PROCESS)),
    "wrapt": Check(
        (_CONTRACT, "tests/contract/test_installing_again.py", *_IN_PROCESS, "tests/integrations/grpc"),
        "not test_contract or [httpx- or [redis- or [flask- or [grpc- or [aiohttp- or [asyncpg- or [pymysql-",
    ),
}
"""By the name of the distribution."""


def bounds(*, tests: bool = True) -> dict[str, str]:
    """The oldest release of each library that is declared: to run with, else to test with.

    Args:
        tests: false for what a user's service may have only.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    if not tests:
        del extras["demo"]
    declared = [*project["project"]["dependencies"], *(one for lines in extras.values() for one in lines)]
    tested = [one for one in project["dependency-groups"]["test"] if isinstance(one, str)]
    found: dict[str, str] = {}
    for requirement in [*declared, *(tested if tests else [])]:
        parts = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)", requirement)
        if parts is not None:
            found.setdefault(parts[1].replace(".", "-").lower(), parts[2])
    return found


def main(names: list[str]) -> int:
    """Run the checks of the libraries named, or of all; 0 where all tests passed."""
    oldest = bounds()
    unknown = [name for name in names if name.partition("==")[0] not in TABLE]
    if unknown:
        print(f"no such library: {', '.join(unknown)}; there are {', '.join(TABLE)}", file=sys.stderr)
        return 2
    _make()
    outcomes = []
    for asked in names or TABLE:
        name, _, release = asked.partition("==")
        check = TABLE[name]
        wanted = [f"{name}{check.extra}=={release or check.first or oldest[name]}"]
        wanted += [one if release or one not in oldest else f"{one}=={oldest[one]}" for one in check.beside]
        outcomes.append((asked, *_run(name, check, wanted)))
    print()
    for asked, version, said in outcomes:
        print(f"{asked.partition('==')[0]:24} {version:12} {said}")
    return int(any("passed" not in said or "failed" in said for _, _, said in outcomes))


def _make() -> None:
    """The environment, with what requirements.lock names."""
    made_from = FOLDER / "made-from"
    wanted = f"{sys.version} {zlib.crc32(LOCK.read_bytes())} {ROOT}"
    if not made_from.exists() or made_from.read_text() != wanted:
        print("Making .cache/lowest (once; about a minute) ...", file=sys.stderr)
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER / "venv"], check=True)
        _put_back()
        _pip("--no-deps", "--no-build-isolation", "--editable", ".")
        made_from.write_text(wanted)


def _put_back() -> None:
    _pip("--no-deps", "--no-compile", "--require-hashes", "-r", str(LOCK))


def _pip(*arguments: str) -> None:
    subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
        cwd=ROOT,
        check=True,
    )


def _run(name: str, check: Check, wanted: Iterable[str]) -> tuple[str, str]:
    """The release that was really there, and what the tests came to."""
    print(f"\n{' '.join(wanted)}", file=sys.stderr)
    report = FOLDER / f"{name}.xml"
    report.unlink(missing_ok=True)
    _put_back()
    try:
        # what it needs older, too, pip takes; others that need that newer are not asked for here
        _pip("--no-compile", *wanted)
    except subprocess.CalledProcessError:
        return "", "could not be installed"
    only = ["-k", check.only] if check.only else []
    subprocess.run(
        [
            PYTHON,
            "-m",
            "pytest",
            "-o",
            "addopts=",
            "-q",
            "-m",
            "not slow",
            f"--junit-xml={report}",
            *only,
            *check.tests,
        ],
        cwd=ROOT,
        env={**os.environ, "CASES": check.cases, "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    version = subprocess.run(
        [PYTHON, "-c", f"import importlib.metadata; print(importlib.metadata.version({name!r}))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return version.stdout.strip(), _said(report)


def _said(report: Path) -> str:
    if not report.exists():
        return "did not run"
    suite = ET.parse(report).getroot()[0].attrib  # noqa: S314  # pytest wrote it
    ran, failed = int(suite["tests"]) - int(suite["skipped"]), int(suite["failures"]) + int(suite["errors"])
    return f"{ran - failed} of {ran} passed" + (f", {failed} failed" if failed else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
