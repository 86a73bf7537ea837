"""``kill -9`` in the middle of load costs what was not yet written, and nothing else."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable

import httpx
import pytest
from click.testing import CliRunner

from tests.processes.conftest import QUIET_UVICORN, Start
from tests.processes.service import Answer, Service, recorded
from timetracer_otel.cli import cli
from timetracer_otel.store import FolderStore

CLIENTS = 4
KILLS = [pytest.param(kill, marks=pytest.mark.slow if kill >= 3 else ()) for kill in range(50)]


def ask_until_it_is_dead(service: Service, answers: list[Answer], enough: threading.Semaphore) -> None:
    """What one client does: it asks again as soon as it has an answer."""
    with service.client() as client:
        while True:
            try:
                answers.append(service.ask(client))
            except httpx.TransportError:
                return
            enough.release()


@pytest.mark.parametrize("kill", KILLS)
def test_kill_9_in_the_middle_of_load(
    start: Start, store: FolderStore, kill: int, record_property: Callable[[str, object], None]
) -> None:
    store.path.mkdir()  # there even if nothing comes to be written
    service = start(QUIET_UVICORN)
    answers: list[list[Answer]] = [[] for _ in range(CLIENTS)]
    answered = threading.Semaphore(0)
    clients = [
        threading.Thread(target=ask_until_it_is_dead, args=(service, mine, answered)) for mine in answers
    ]
    for client in clients:
        client.start()
    for _ in range(random.Random(kill).randrange(1, 150)):  # noqa: S311  # not a secret
        answered.acquire()
    assert service.server.stop(signal.SIGKILL) == -signal.SIGKILL
    for client in clients:
        client.join()

    kept = recorded(store)
    assert len(kept) == len(set(kept))
    # each client's requests are written in the order in which they were answered, so that what is
    # missing was last; one more may be there, whose answer did not arrive
    finished = {answer.said for mine in answers for answer in mine}
    for mine in answers:
        said = [answer.said for answer in mine]
        there = [one for one in said if one in kept]
        assert there == said[: len(there)]
    in_flight = set(kept) - finished
    assert len(in_flight) <= CLIENTS
    # what is missing is no more than what was not written when the process last said how much was
    missing = finished - set(kept)
    written = max(answer.written for mine in answers for answer in mine)
    assert len(missing) <= len(finished) + len(in_flight) - written
    record_property("figures", f"{len(finished)} {len(missing)} {len(in_flight)}")

    validated = CliRunner().invoke(cli, ["validate", "--json", str(store.path)])
    assert [json.loads(line)["ok"] for line in validated.output.splitlines()] == [True] * len(kept)
    assert validated.exit_code == 0
