"""Integrations load when their library does, whoever imports it, and whenever we come and go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.services.environment import instrumenting, without_settings
from timetracer_otel.integrations import families, known, load

ROOT = Path(__file__).parents[2]
WRAPPED, NOT_WRAPPED = [1, 1], [0, 0]
EXPECTED = {
    "a_library_that_is_imported_later": [
        *([False, False], True),  # neither of them at first, the integration then
        *(WRAPPED, NOT_WRAPPED, WRAPPED),  # installed, undone, installed twice
        False,  # another integration
    ],
    "a_library_that_is_imported_between_undoing_and_installing_again": [[False, False, 0], 1],
    "a_library_that_threads_import_at_once": [True, 1, 1],
    "a_module_that_a_thread_imports_while_another_is_importing_its_package": [True, 1, 1],
    "a_library_in_the_middle_of_its_import_as_we_come": [True, 1, 1],
    "a_library_in_the_middle_of_its_import_as_we_go": [True, NOT_WRAPPED, WRAPPED],
    "an_integration_that_loads_as_we_go": [True, NOT_WRAPPED, WRAPPED],
    "a_library_that_is_only_looked_for": [[True, False, False], 1],
    "a_library_that_is_not_there": [["tortoise", "tortoise"], None, False],
    "an_integration_that_cannot_be_loaded": ["Redis.execute_command", 1, 1],
    "another_finder_is_asked_first": [1, 1, ["psycopg2"], ["SourceFileLoader", "SourceFileLoader"]],
    "another_finder_is_asked_later": [1, 1, ["psycopg2"], ["SourceFileLoader", "SourceFileLoader"]],
    "a_process_is_forked_while_a_thread_installs": 1,
    "an_integration_loads_without_its_library": [],
}
SAID = {
    "an_integration_that_cannot_be_loaded": [
        "timetracer-otel: loading the integration redis:RedisIntegration: ModuleNotFoundError: import of"
        " timetracer_otel.integrations.redis halted; None in sys.modules (the app is not affected; said once)"
    ]
}


@cache
def cases() -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.loading_cases"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", EXPECTED)
def test_loading(case: str) -> None:
    assert cases()[case] == [EXPECTED[case], SAID.get(case, [])]


def test_every_case_is_looked_at() -> None:
    assert cases().keys() == EXPECTED.keys()


APP = """
import json, os, signal, sys
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    print(json.dumps([name for name in sys.modules if name.startswith("timetracer_otel.integrations.")]))
    os.kill(os.getpid(), signal.SIGTERM)
    yield

app = FastAPI(lifespan=lifespan)
"""
SHARED = {
    *("base", "bodies", "direct", "entries", "exceptions", "flows", "importing", "known", "loading"),
    *("credentials", "releases", "threads", "websockets", "wire", "wrapping"),
}


def test_a_service_loads_the_integrations_of_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(APP)
    own = without_settings()
    done = subprocess.run(
        [
            "opentelemetry-instrument",
            "--traces_exporter",
            "timetracer",
            "uvicorn",
            "small:app",
            "--port",
            "0",
        ],
        cwd=tmp_path,
        env={
            **own,
            **instrumenting("fastapi", "httpx"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    loaded = [name.split(".")[2:] for name in json.loads(done.stdout)]
    assert {name for name, *_ in loaded} - SHARED == {
        *("asgi", "middleware", "wsgi"),  # FastAPI, Starlette, uvicorn; OpenTelemetry's middleware
        *("httpx", "httpx_streams"),
        "httpclient",  # urllib.request and http.client, which httpx imports
    }
    # how secrets are compared, and not what libraries say of them
    assert sorted(".".join(name) for name in loaded if name[0] == "credentials") == [
        *("credentials", "credentials.checks", "credentials.comparing")
    ]


@pytest.mark.parametrize("one", known.KNOWN, ids=[one.name for one in known.KNOWN])
def test_the_table_says_what_the_integration_says(one: known.Known) -> None:
    integration = load(one.name)
    assert integration is not None
    assert (integration.name, getattr(integration, "family", "")) == (one.name, one.family)
    modules = {point.module for point in integration.points()} - {"socket"}  # it is always there
    assert [
        module
        for module in sorted(modules)
        if not any(f"{module}.".startswith(f"{library}.") for library in one.libraries)
    ] == []


def test_families_are_known_of_all() -> None:
    assert dict(families()) == {one.name: one.family for one in known.KNOWN}
