"""A call that is not the recorded one never gets its answer: a miss, which explains itself."""

from __future__ import annotations

import pytest

from tests.fidelity.apps.drifting import DRIFTS
from tests.fidelity.conftest import Stage
from tests.fidelity.wire import Request, send
from tests.slow import FIRST_FASTAPI

SQL = [kind for kind in DRIFTS if kind.startswith("sql")]
OTHERS = [kind for kind in DRIFTS if not kind.startswith("sql")]
REQUESTS = {
    f"{kind}-{driver}": Request("POST", f"/in/drift/{kind}/{driver}")
    for kind, drivers in [
        *((kind, ("sqlite", "psycopg2", "psycopg")) for kind in SQL),
        *((kind, ("sqlite",)) for kind in OTHERS),
    ]
    for driver in drivers
}


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_a_changed_call_is_a_miss_that_explains_itself(framework: str, stage: Stage) -> None:
    with stage.recording(framework, DRIFT="recorded") as server:
        recorded = {name: send(server.port, request) for name, request in REQUESTS.items()}
    assert {name: answer.status for name, answer in recorded.items()} == dict.fromkeys(REQUESTS, 200)

    with stage.no_services():
        with stage.replaying(framework, DRIFT="recorded") as server:
            same = {name: send(server.port, request) for name, request in REQUESTS.items()}
        explained: dict[str, bool] = {}
        statuses: dict[str, int] = {}
        with stage.replaying(framework, DRIFT="changed") as server:
            for name, request in REQUESTS.items():
                before = len(server.log)
                statuses[name] = send(server.port, request).status
                explained[name] = explains(server.wait_for_log("MissError: ", before), name)

    assert same == recorded
    assert statuses == dict.fromkeys(REQUESTS, 500)
    assert explained == dict.fromkeys(REQUESTS, True)


def explains(log: str, name: str) -> bool:
    """Whether the text of the miss names the nearest recorded call and the difference; of a call
    that is made once too often, that this is so.
    """
    text = log.rpartition("MissError: ")[2]
    if name.startswith("one-call-more"):
        return "/json/again: it was recorded fewer times than it is now called" in text
    return "Nearest is" in text and "recorded" in text and "changed" in text
