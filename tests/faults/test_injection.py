"""Whichever function of ours fails, the app is answered as without us; it is said once, and counted."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hooks import BY_CLIENT, KEPT_BY_NOBODY, MARKED, ON_MYSQL, at_points, hooks, trusted
from tests.fidelity.servers import ROOT
from tests.services import c_extension
from tests.services.environment import without_settings
from tests.services.programs import find
from tests.services.together import Services
from timetracer_otel.integrations.httpx import HttpxIntegration

SHARES = 2
"""Processes that the thorough form is divided among, each with services of its own."""


def inject(services: Services, folder: Path, *how: str) -> dict[str, Any]:
    """The report of the process in which functions fail."""
    own = without_settings()
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.run_injections", str(folder), *how],
        env={**own, **services.environment, **c_extension.environment(), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def inject_all(services: Services, folder: Path) -> dict[str, Any]:
    """The report of every function failing with every error, in processes beside one another."""
    with ExitStack() as stack:
        each = [services]
        for _ in range(1, SHARES):
            # not in pytest's own folder, see the fixture
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
            each.append(Services(place))
            stack.callback(each[-1].remove)
            each[-1].fresh()

        def share(number: int) -> dict[str, Any]:
            return inject(each[number], folder / f"share-{number}", "thorough", "", str(number), str(SHARES))

        with ThreadPoolExecutor(SHARES) as threads:
            reports = list(threads.map(share, range(SHARES)))
    results = [result for report in reports for result in report["results"]]
    return {**reports[0], "unlike": [line for one in reports for line in one["unlike"]], "results": results}


@pytest.fixture(scope="module", params=["quick", pytest.param("thorough", marks=pytest.mark.slow)])
def report(
    services: Services, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Any]:
    services.fresh()
    folder = tmp_path_factory.mktemp("injections")
    return inject(services, folder, "quick") if request.param == "quick" else inject_all(services, folder)


def test_the_requests_are_answered_alike_with_and_without_us(report: dict[str, Any]) -> None:
    assert report["unlike"] == []


def test_every_integration_has_a_job(report: dict[str, Any]) -> None:
    assert report["jobless"] == [], (
        "no request calls these integrations: add a job for each to tests/faults/jobs.py,"
        " or name it in PENDING of tests/faults/hooks.py"
    )
    assert report["unknown"] == [], (
        "PENDING of tests/faults/hooks.py names what is neither an integration nor a hook"
    )


def test_the_requests_reach_every_hook(report: dict[str, Any]) -> None:
    assert sorted(set(report["hooks"]) - set(report["reached"])) == [], (
        "no request calls these: have a job of tests/faults/jobs.py do so, or name them in PENDING of"
        " tests/faults/hooks.py"
    )


def test_what_is_not_made_to_fail_is_there(report: dict[str, Any], services: Services) -> None:
    expected = {name for name in trusted() if services.mariadb or not name.startswith(ON_MYSQL)}
    if not find("mysqlclient"):
        expected = {name for name in expected if not name.startswith(BY_CLIENT)}
    assert sorted(expected - set(report["reached"])) == []


def test_whatever_fails_the_app_is_answered_as_without_us(report: dict[str, Any]) -> None:
    unlike = {
        f"{result['function']} raised {result['error']} in {result['request']}": result["seen"]
        for result in report["results"]
        if result["seen"] is not None
    }
    assert unlike == {}


def test_whatever_fails_is_counted(report: dict[str, Any]) -> None:
    failed = [result for result in report["results"] if result["calls"]]
    assert len(failed) > 100
    unsaid = [result["function"] for result in failed if not result["failures"]]
    assert [function for function in unsaid if not function.startswith(MARKED)] == []


def test_whatever_failed_the_request_after_it_is_recorded(report: dict[str, Any]) -> None:
    kept = [result for result in report["results"] if result["request"] not in KEPT_BY_NOBODY]
    assert [result["function"] for result in kept if not result["after"]] == []


def test_whatever_fails_is_said_once(report: dict[str, Any]) -> None:
    failed = [result for result in report["results"] if result["failures"]]
    assert [result["function"] for result in failed if not result["warnings"]] == []
    repeated = {
        result["function"]: result["warnings"]
        for result in failed
        if len(set(result["warnings"])) < len(result["warnings"])
    }
    assert repeated == {}


def test_hooks_of_helper_classes_must_be_reached_too() -> None:
    there = at_points()
    assert "timetracer_otel.integrations.psycopg.pooling:_Pooling.put" in there
    assert "timetracer_otel.integrations.psycopg.piping:Piping._process" in there


def test_an_integration_that_gets_a_method_more_must_be_reached_there_too() -> None:
    class Grown(HttpxIntegration):
        def request_trailers(self) -> None:
            """A hook that no request here calls."""

    [found] = hooks([Grown])
    assert found.endswith("Grown.request_trailers")
