"""uvicorn on uvloop: what it recorded, it replays with nothing else there."""

from __future__ import annotations

import json

from tests.fidelity.servers import REPLAYING
from tests.processes.conftest import Start
from tests.processes.service import recorded
from tests.services.upstream import Upstream
from timetracer_otel.store import FolderStore

UVLOOP = (
    *("uvicorn", "tests.processes.calling:app", "--host", "127.0.0.1", "--port", "0"),
    *("--lifespan", "off", "--loop", "uvloop"),
)


def test_a_service_on_uvloop_is_recorded_and_replayed(
    start: Start, store: FolderStore, upstream: Upstream
) -> None:
    recording = start(UVLOOP, UPSTREAM=upstream.url)
    recording.ask_many(10)
    recording.server.stop()
    assert {json.loads(body or b"")["loop"] for _, _, body in recording.said} == {"uvloop"}
    assert recorded(store) == recording.said

    upstream.stop()
    replaying = start(
        UVLOOP,
        REPLAYING,
        UPSTREAM=upstream.url,
        TIMETRACER_MODE="replay",
        TIMETRACER_CASSETTE=str(store.path),
    )
    replaying.ask_many(10)
    assert replaying.said == recording.said
