"""A store that cannot be written to costs the cassettes, one warning and a line at the end; the app answers
as ever.
"""

from __future__ import annotations

from pathlib import Path

from tests.fidelity.servers import PLAIN, RECORDING
from tests.processes.conftest import QUIET_UVICORN, Start
from tests.processes.service import Service, recorded
from timetracer_otel.store import FolderStore

OBEYING = ("python", "-m", "tests.processes.obeying")


def warnings(service: Service) -> list[str]:
    """What the service said about recording."""
    return [line for line in service.server.log.splitlines() if "timetracer" in line.lower()]


def test_a_read_only_folder_costs_one_warning(start: Start, store: FolderStore) -> None:
    store.path.mkdir(mode=0o555)
    plain, recording = start(QUIET_UVICORN, PLAIN), start(QUIET_UVICORN, (*OBEYING, *RECORDING))
    for service in (plain, recording):
        service.ask_many(20)
        service.server.stop()

    assert recording.said == plain.said
    warning, last = warnings(recording)
    assert warning.startswith("timetracer-otel: writing a cassette: PermissionError: ")
    assert last == "timetracer-otel: 0 cassettes written; 20 failed; writing a cassette (20 times)"
    assert (warnings(plain), recorded(store)) == ([], [])


def test_a_folder_that_is_removed_while_recording_is_made_again(
    start: Start, store: FolderStore, tmp_path: Path
) -> None:
    service = start(QUIET_UVICORN)
    service.ask_many(20)
    service.wait_until_written(20)
    removed = FolderStore(store.path.rename(tmp_path / "removed"))
    service.ask_many(20)
    service.server.stop()

    first, second = recorded(removed), recorded(store)
    assert (len(first), len(second)) == (20, 20)
    assert sorted(first + second) == service.said
    assert warnings(service) == []


def test_a_folder_that_is_removed_and_cannot_be_made_again_costs_one_warning(
    start: Start, store: FolderStore, tmp_path: Path
) -> None:
    service = start(QUIET_UVICORN)
    service.ask_many(20)
    service.wait_until_written(20)
    removed = FolderStore(store.path.rename(tmp_path / "removed"))
    store.path.write_text("something else by now")
    service.ask_many(20)
    service.server.stop()

    assert sorted(answer.said[0] for answer in service.answers) == sorted(
        f"/orders/{number}" for number in range(1, 41)
    )
    assert {answer.said[1] for answer in service.answers} == {200}
    assert len(recorded(removed)) == 20
    warning, last = warnings(service)
    assert warning.startswith("timetracer-otel: writing a cassette: NotADirectoryError: ")
    assert last == "timetracer-otel: 20 cassettes written; 20 failed; writing a cassette (20 times)"
    assert store.path.read_text() == "something else by now"
