"""``TIMETRACER_ON_MISS=record``: what nothing recorded answers goes out and joins a copy of the cassette."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.services.upstream import Upstream
from timetracer_otel import Cassette, config, record, replay


def test_a_missed_call_goes_out_and_joins_a_copy(tmp_path: Path, upstream: Upstream) -> None:
    settings = config.load(environ={}, dir=tmp_path / "store", on_miss="record")
    with record(settings=settings) as recording:
        first = httpx.get(f"{upstream.url}/json/first").json()
    assert recording.path is not None
    before = recording.path.read_bytes()
    upstream.fresh()

    with replay(recording.path, settings=settings) as session:
        assert httpx.get(f"{upstream.url}/json/first").json() == first
        second = httpx.get(f"{upstream.url}/json/second", headers={"authorization": "Bearer abc"}).json()
    assert [call.outcome for call in session.calls] == ["answered", "missed"]
    assert upstream.arrived == {"GET": 1}

    [copy] = (tmp_path / "store-captured").rglob("*.json")
    assert recording.path.read_bytes() == before
    calls = Cassette.load(copy).calls()
    assert [call.request.title() for call in calls if call.request is not None] == [
        f"GET {upstream.url}/json/first",
        f"GET {upstream.url}/json/second",
    ]
    assert "Bearer abc" not in copy.read_text()

    upstream.stop()
    with replay(copy) as session:
        assert httpx.get(f"{upstream.url}/json/first").json() == first
        again = httpx.get(f"{upstream.url}/json/second", headers={"authorization": "Bearer abc"}).json()
        assert again == second
    assert session.unused == []
