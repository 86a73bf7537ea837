"""Every server, every way to end: each finished request has its cassette, none twice."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.processes.conftest import (
    FLASK,
    GRANIAN,
    GUNICORN,
    GUNICORN_ASGI,
    HYPERCORN,
    QUIET_UVICORN,
    UVICORN,
    Start,
)
from tests.processes.service import recorded
from tests.slow import later
from timetracer_otel.messages import HttpRequest
from timetracer_otel.store import FolderStore

TWO = ("--workers", "2")


@pytest.mark.parametrize(
    ("command", "how"),
    [
        pytest.param(UVICORN, signal.SIGTERM, id="uvicorn-SIGTERM"),
        pytest.param(UVICORN, signal.SIGINT, id="uvicorn-SIGINT"),
        later(QUIET_UVICORN, signal.SIGTERM, id="uvicorn-lifespan-off"),
        pytest.param(GUNICORN, signal.SIGINT, id="gunicorn-SIGINT"),
        later(HYPERCORN, signal.SIGTERM, id="hypercorn-SIGTERM"),
        later(HYPERCORN, signal.SIGINT, id="hypercorn-SIGINT"),
        pytest.param(GRANIAN, signal.SIGTERM, id="granian-SIGTERM"),
        later(GRANIAN, signal.SIGINT, id="granian-SIGINT"),
    ],
)
def test_a_server_stopped_right_after_its_last_answer(
    start: Start, store: FolderStore, command: tuple[str, ...], how: signal.Signals
) -> None:
    service = start(command)
    service.ask_many(25)
    service.server.stop(how)
    assert recorded(store) == service.said


@pytest.mark.parametrize(
    "command",
    [
        pytest.param((*UVICORN, *TWO), id="uvicorn"),
        pytest.param((*GUNICORN, *TWO), id="gunicorn-sync"),
        later((*GUNICORN, *TWO, "--threads", "4"), id="gunicorn-gthread"),
        later(
            (*GUNICORN_ASGI, *TWO, "--worker-class", "uvicorn.workers.UvicornWorker"), id="gunicorn-uvicorn"
        ),
        pytest.param((*GUNICORN, *TWO, "--preload"), id="gunicorn-preload"),
        later((*HYPERCORN, *TWO), id="hypercorn"),
        later((*GRANIAN, *TWO), id="granian"),
    ],
)
def test_two_workers_stopped_right_after_their_last_answer(
    start: Start, store: FolderStore, command: tuple[str, ...]
) -> None:
    service = start(command)
    service.ask_until(lambda: len(service.processes) == 2 and len(service.answers) >= 25)
    service.server.stop()
    assert recorded(store) == service.said


def test_workers_that_are_replaced_after_some_requests(start: Start, store: FolderStore) -> None:
    service = start((*GUNICORN, *TWO, "--max-requests", "5"))
    service.ask_until(lambda: len(service.processes) >= 4)
    service.server.stop()
    assert recorded(store) == service.said


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)], ids=["SIGINT", "SIGTERM"]
)
def test_flasks_own_threaded_server_stopped_right_after_its_last_answers(
    start: Start, store: FolderStore, how: signal.Signals, code: int
) -> None:
    service = start(FLASK)
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(service.ask_many, [7] * 4))
    assert service.server.stop(how) == code
    assert recorded(store) == service.said


def test_a_server_that_leaves_by_os_exit_right_after_its_last_answer(
    start: Start, store: FolderStore
) -> None:
    service = start(QUIET_UVICORN)
    service.ask_many(25)
    with service.client() as client:
        last = service.ask(client, "/leave")
    assert service.server.stop() == 7
    assert recorded(store) == service.said
    # the app never returned from that one
    gaps = {
        urlsplit(cassette.inbound_request.url).path: [gap.kind for gap in cassette.gaps]
        for _, cassette in store.iter()
        if cassette.gaps and isinstance(cassette.inbound_request, HttpRequest)
    }
    assert gaps == {last.said[0]: ["cut off", "span never ended"]}
