"""Large bodies pass through: what is kept of them is bounded, and said."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import pytest

from tests.load.conftest import Start
from tests.load.servers import LAUNCHED, LoadedServer, Memory, download, upload
from tests.load.upstream import large_upstream
from tests.slow import FIRST_FASTAPI
from timetracer_otel.messages import HttpRequest
from timetracer_otel.store import FolderStore

EVENTS = 20_000
CAP = 1024
"""TIMETRACER_MAX_BODY_KB"""
OVER = f"over {CAP << 10} bytes"


def routes(framework: str, megabytes: int) -> dict[str, list[str]]:
    """What is asked, and the gaps that its cassette lists."""
    size = megabytes << 20
    found = {
        f"/download/{megabytes}": [f"response body, {size} bytes"],
        "/upload": [f"request body, {size} bytes"],
        f"/fetch/{megabytes}": [f"response body of GET UPSTREAM/stream/{megabytes}: {OVER}"],
        f"/send/{megabytes}": [f"request body of POST UPSTREAM/count: {OVER}"],
    }
    if framework == "fastapi":
        found[f"/events/{EVENTS}"] = [f"response body, {EVENTS * 12} bytes"]  # many and small
    else:
        found[f"/whole/{megabytes}"] = [f"response body, {size} bytes"]
    return found


def peaks(server: LoadedServer, paths: Iterable[str], megabytes: int) -> dict[str, tuple[object, int]]:
    """What each request was answered, and the most memory that the process held meanwhile, in KiB."""
    memory = Memory(server.census()["process"])
    found: dict[str, tuple[object, int]] = {}
    for path in paths:
        memory.forget_peak()
        answer = upload(server.port, megabytes) if path == "/upload" else download(server.port, path)
        server.census()
        found[path] = (answer, memory.peak)
    return found


@pytest.mark.parametrize("megabytes", [30, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_large_bodies_are_passed_on_and_their_copies_are_bounded(
    start: Start, store: FolderStore, framework: str, megabytes: int
) -> None:
    expected = routes(framework, megabytes)
    with large_upstream() as url:
        bare = peaks(start(framework, LAUNCHED, UPSTREAM_URL=url), expected, megabytes)
        server = start(framework, UPSTREAM_URL=url)
        recorded = peaks(server, expected, megabytes)
        server.stop()
    print(framework, {path: (bare[path][1], peak) for path, (_, peak) in recorded.items()})
    assert {path: answer for path, (answer, _) in recorded.items()} == {
        path: answer for path, (answer, _) in bare.items()
    }
    too_much = {
        path: (peak, bare[path][1])
        for path, (_, peak) in recorded.items()
        if peak > bare[path][1] * 1.1 + CAP
    }
    assert too_much == {}
    told = {
        urlsplit(cassette.inbound_request.url).path: [
            gap.detail.replace(url, "UPSTREAM") for gap in cassette.gaps
        ]
        for _, cassette in store.iter()
        if isinstance(cassette.inbound_request, HttpRequest)
    }
    assert told == expected
