"""Servers whose workers are greenlets (gevent): requests that are served together keep apart."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes.conftest import GUNICORN_GREEN, Start
from tests.processes.service import recorded
from tests.services.upstream import Upstream
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.store import FolderStore

AT_ONCE = 4


@pytest.mark.parametrize(
    "worker",
    [
        pytest.param(("--worker-class", "gevent"), id="gevent"),
        pytest.param(("--threads", str(AT_ONCE)), id="threads", marks=pytest.mark.slow),
    ],
)
def test_requests_that_are_served_together_have_each_its_own_call(
    start: Start, store: FolderStore, upstream: Upstream, worker: tuple[str, ...]
) -> None:
    service = start((*GUNICORN_GREEN, *worker), UPSTREAM=upstream.url)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        for _ in range(5):  # over new connections: one that was kept may be closed by then
            list(clients.map(service.ask_many, [1] * AT_ONCE))
    service.server.stop()

    assert recorded(store) == service.said
    for _, cassette in store.iter():
        request, response = cassette.inbound_request, cassette.inbound_response
        assert isinstance(request, HttpRequest)
        assert isinstance(response, HttpResponse)
        order = request.url.rpartition("/")[2]
        [call] = cassette.calls()
        assert isinstance(call.request, HttpRequest)
        assert isinstance(call.answer, HttpResponse)
        assert call.request.url == f"{upstream.url}/echo?order={order}"
        assert json.loads(response.body or b"") == {
            "order": int(order),
            "said": json.loads(call.answer.body or b""),
        }
        assert cassette.gaps == []
