"""Many requests at the same time: none is mixed up with another, recording or replaying."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fidelity.conftest import Stage
from tests.fidelity.servers import Server
from tests.fidelity.wire import Answer, Request, send
from tests.slow import later

REQUESTS = 200
CLIENTS = 20


def fastapi_order(number: int) -> Request:
    """Half of the orders go to a synchronous endpoint, half to an asynchronous one."""
    kind = "order" if number % 2 else "async-order"
    return Request("POST", f"/in/{kind}/{number}")


def flask_order(number: int) -> Request:
    """Flask has only the synchronous endpoint."""
    return Request("POST", f"/in/order/{number}")


def send_all(server: Server, requests: list[Request]) -> list[Answer]:
    """Send the requests by many clients; the answers in the order of the requests."""
    port = server.port
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda request: send(port, request), requests))


@pytest.mark.parametrize(
    ("framework", "request_of"), [("fastapi", fastapi_order), later("flask", flask_order)]
)
def test_two_hundred_requests_by_twenty_clients(
    framework: str, request_of: Callable[[int], Request], stage: Stage
) -> None:
    requests = [request_of(number) for number in range(REQUESTS)]

    with stage.recording(framework) as server:
        recorded = send_all(server, requests)
    names = [path.name for path in stage.recorded() if path.name.startswith("POST__in_")]

    assert {answer.status for answer in recorded} == {200}
    told = [json.loads(answer.body) for answer in recorded]
    assert [(one["place"], one["name"]) for one in told] == [(str(n), f"order {n}") for n in range(REQUESTS)]
    for counted in ("turn", "count"):
        assert sorted(one[counted] for one in told) == list(range(1, REQUESTS + 1))
    assert len(names) == REQUESTS

    with stage.no_services(), stage.replaying(framework) as server:
        replayed = send_all(server, requests)
        backwards = send_all(server, requests[::-1])[::-1]

    assert replayed == recorded
    assert backwards == recorded
