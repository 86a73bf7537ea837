"""``timetracer-otel replay`` as one uses it on a folder of cassettes."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regressions.conftest import PATHS, SERVERS, Recorded
from tests.services.ports import free_port


@pytest.fixture
def shop(recorded_by: Callable[[str], Recorded]) -> Recorded:
    return recorded_by("fastapi")


@pytest.mark.parametrize("framework", ["fastapi", pytest.param("django", marks=pytest.mark.slow)])
def test_a_service_is_started_asked_judged_and_stopped(
    recorded_by: Callable[[str], Recorded], framework: str
) -> None:
    shop = recorded_by(framework)
    port = free_port()
    command = [part.replace("127.0.0.1:0", f"127.0.0.1:{port}") for part in SERVERS[framework]]
    if "--port" in command:
        command[-1] = str(port)
    done = shop.run(
        *("replay", str(shop.cassettes), "--json", "--url", f"http://127.0.0.1:{port}", "--", *command),
        shop="shop_changed",
    )
    verdicts = {shop.asked[one["trace_id"]]: one for one in map(json.loads, done.stdout.splitlines())}
    assert verdicts, done.stderr
    told = {path: one["differences"][0] for path, one in verdicts.items() if one["outcome"] != "same"}
    assert {path: line.partition(":")[0] for path, line in told.items()} == {
        "field": "response body $.order.total",
        "query": "missing",
        "extra": "extra",
        "writes": "re-ordered write",
        "parameter": "changed",
        "key": "changed",
        "swallowed": "exception swallowed",
    }
    assert done.returncode == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def with_faults(shop: Recorded, *faults: str) -> subprocess.CompletedProcess[str]:
    """Replay against a service of its own in which those calls go wrong."""
    port = free_port()
    asked = [part for fault in faults for part in ("--fault", fault)]
    service = ("--url", f"http://127.0.0.1:{port}", "--", *SERVERS["fastapi"][:-1], str(port))
    return shop.run("replay", str(shop.cassettes), "--json", *asked, *service)


def test_calls_of_a_service_that_is_started_go_wrong(shop: Recorded) -> None:
    refused, fine, never = "redis GET cart:1: refused", "http GET */broken: status 200", "db DROP: locked"
    done = with_faults(shop, refused, fine, never)
    verdicts = {shop.asked[one["trace_id"]]: one for one in map(json.loads, done.stdout.splitlines())}
    assert len(verdicts) == len(PATHS), done.stderr
    assert {
        path: (one["status"], one["faults"], one["differences"][0].split(":")[0])
        for path, one in verdicts.items()
        if one["outcome"] != "same"
    } == {
        "key": (500, {refused: 1}, "the app raised ConnectionError"),
        "swallowed": (200, {fine: 1}, "exception swallowed"),
    }
    assert f"note: fault {never}: never happened" in done.stderr.splitlines()
    assert done.returncode == 1


def test_a_fault_that_cannot_be_ends_the_replay_against_a_service(shop: Recorded) -> None:
    done = with_faults(shop, "redis GET cart*: WrongError")
    assert done.returncode == 2
    assert {json.loads(line)["outcome"] for line in done.stdout.splitlines()} == {"same"}
    assert done.stderr.splitlines()[-1].startswith(
        "error: the fault 'redis GET cart*: WrongError': redis cannot raise that; it can: connect timeout,"
    )


def test_a_service_that_ends_at_once_could_not_be_replayed(shop: Recorded) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = shop.run("replay", str(shop.cassettes), "--url", url, "--", "python", "-c", "raise SystemExit(3)")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"ended with status 3 before it answered at {url}\n")


def test_an_app_that_cannot_be_imported_is_said_once_by_all_workers(shop: Recorded) -> None:
    done = shop.run("replay", str(shop.cassettes), "--app", "no_such_module:app", "--workers", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "error: --app no_such_module:app: ModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_what_is_accepted_replaces_the_recording_where_it_can(shop: Recorded, tmp_path: Path) -> None:
    copy = Recorded(shop.framework, tmp_path, shop.environment)
    shutil.copytree(shop.cassettes, copy.cassettes)
    done = copy.replay("--update", shop="shop_changed")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(
        f"{len(PATHS)} replayed: {len(PATHS) - 7} same, 4 updated, 3 different"
    ), done.stdout
    again = copy.verdicts(shop="shop_changed")
    changed = [path for path in PATHS if again[path]["outcome"] != "same"]
    assert changed == ["extra", "parameter", "key"]  # they make calls that nothing recorded answers


def test_new_calls_are_captured_by_an_update_and_answered_from_then_on(
    shop: Recorded, tmp_path: Path
) -> None:
    copy = Recorded(shop.framework, tmp_path, shop.environment)
    shutil.copytree(shop.cassettes, copy.cassettes)
    done = copy.replay("--update", "--on-miss", "record", shop="shop_changed")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{len(PATHS)} replayed: {len(PATHS) - 7} same, 7 updated")
    assert list(tmp_path.iterdir()) == [copy.cassettes]  # no copy beside the recordings
    again = copy.verdicts(shop="shop_changed")
    assert {path: (one["outcome"], one["differences"]) for path, one in again.items()} == {
        path: ("same", []) for path in PATHS
    }
    before = copy.verdicts()
    assert [path for path in PATHS if before[path]["outcome"] != "same"] == list(PATHS[:7])


def test_reports_are_written_and_cassettes_chosen(shop: Recorded, tmp_path: Path) -> None:
    reports = [tmp_path / "out" / name for name in ("report.xml", "report.html")]
    arguments = [part for report in reports for part in ("--report", str(report))]
    done = shop.replay("-k", "status:5xx", "-k", "method:get", "-k", "endpoint:/*", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 replayed: 1 same")
    assert all(report.stat().st_size for report in reports)
    other = shop.replay("--report", "report.pdf")
    assert (other.returncode, other.stdout) == (2, "")
    assert "'report.pdf': a report ends in .xml or .html" in other.stderr
