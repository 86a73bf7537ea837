"""Every server, every way to end: each finished request has its cassette, none twice."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.fidelity.wire import Request, send
from tests.processes.conftest import FLASK, GUNICORN, GUNICORN_ASGI, QUIET_UVICORN, UVICORN, Start
from tests.processes.service import recorded
from timetracer_otel.store import FolderStore

TWO = ("--workers", "2")


@pytest.mark.parametrize(
    ("command", "how"),
    [
        pytest.param(UVICORN, signal.SIGTERM, id="uvicorn-SIGTERM"),
        pytest.param(UVICORN, signal.SIGINT, id="uvicorn-SIGINT"),
        pytest.param(QUIET_UVICORN, signal.SIGTERM, id="uvicorn-lifespan-off"),
        pytest.param(GUNICORN, signal.SIGINT, id="gunicorn-SIGINT"),
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
        pytest.param((*GUNICORN, *TWO, "--threads", "4"), id="gunicorn-gthread"),
        pytest.param(
            (*GUNICORN_ASGI, *TWO, "--worker-class", "uvicorn.workers.UvicornWorker"), id="gunicorn-uvicorn"
        ),
        pytest.param((*GUNICORN, *TWO, "--preload"), id="gunicorn-preload"),
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


def test_flasks_own_threaded_server_stopped_right_after_it_closed_its_last_connection(
    start: Start, store: FolderStore
) -> None:
    server = start(FLASK).server
    requests = [Request("GET", f"/orders/{number}") for number in range(25)]
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(partial(send, server.port), requests))
    server.stop(signal.SIGINT)
    assert recorded(store) == sorted(
        (request.target, answer.status, answer.body)
        for request, answer in zip(requests, answers, strict=True)
    )
