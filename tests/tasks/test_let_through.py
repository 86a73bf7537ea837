"""A replay that lets through what nothing recorded answers: results go to the backend as the app's own do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from celery import Celery

import timetracer_otel
from timetracer_otel import config


@pytest.mark.parametrize("on_miss", ["passthrough", "record"])
@pytest.mark.parametrize("result", [None, 7])
def test_a_backend_is_asked_once_to_encode_a_result(tmp_path: Path, on_miss: str, result: Any) -> None:
    backend: Any = Celery("storing", backend="cache+memory://", set_as_current=False).backend
    encode, asked = backend.encode_result, []

    def encoded(value: Any, state: str) -> Any:
        asked.append(value)
        return encode(value, state)

    backend.encode_result = encoded
    settings = config.load(environ={}, dir=tmp_path, on_miss=on_miss)
    with timetracer_otel.record(settings=settings) as recording:
        assert backend.store_result("recorded", result, "SUCCESS") == result
    assert asked == [result]

    assert recording.path is not None
    asked.clear()
    with timetracer_otel.replay(recording.path, settings=settings) as session:
        assert backend.store_result("recorded", result, "SUCCESS") == result
        assert backend.store_result(f"{on_miss} {result}", result, "SUCCESS") == result
    assert asked == [result, result]
    assert [call.outcome for call in session.calls] == ["answered", "missed"]
    assert backend.get_task_meta(f"{on_miss} {result}")["status"] == "SUCCESS"
    assert backend.get_result(f"{on_miss} {result}") == result
