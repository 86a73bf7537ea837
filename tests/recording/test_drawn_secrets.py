"""A value that was masked where it was said must not stand in the cassette where it was drawn."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path

from tests.services.upstream import Upstream
from timetracer_otel import Cassette, record


def test_a_token_that_was_masked_is_masked_where_it_was_drawn(tmp_path: Path, upstream: Upstream) -> None:
    import httpx

    with record(tmp_path) as recording:
        token, order = secrets.token_urlsafe(16), str(uuid.uuid4())
        httpx.post(f"{upstream.url}/echo", json={"access_token": token, "order": order})

    assert recording.path is not None
    text = recording.path.read_text()
    assert token not in text
    assert order in text
    gaps = [gap.detail for gap in Cassette.load(recording.path).gaps if gap.kind == "masked"]
    assert any("secrets.token_urlsafe" in detail for detail in gaps), gaps
