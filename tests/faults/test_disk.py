"""A disk without room, and file descriptors that run out: the app answers as ever, and losses are counted."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fidelity.servers import PLAIN, RECORDING
from tests.processes.conftest import Start
from tests.processes.service import Service
from timetracer_otel.store import FolderStore

SERVICE = ("uvicorn", "tests.faults.service:app", "--host", "127.0.0.1", "--port", "0", "--lifespan", "off")
BODY = "x" * 50_000


def echoed(service: Service, count: int) -> list[tuple[int, str]]:
    with service.client() as client:
        answers = [client.post("/echo", content=BODY) for _ in range(count)]
    return [(answer.status_code, answer.text) for answer in answers]


def counted_until(service: Service, enough: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """What the process counts, once that is enough; it says so on each request."""
    with service.client() as client:
        return asked_until(client, enough)


def asked_until(client: httpx.Client, enough: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """As above, over a connection that is open already."""
    for _ in range(2_000):
        counts: dict[str, int] = client.get("/statistics").json()
        if enough(counts):
            return counts
    raise AssertionError(f"never enough: {counts}")


def said(service: Service) -> list[str]:
    return [line for line in service.server.log.splitlines() if "timetracer" in line]


def files(store: FolderStore) -> list[Path]:
    """Everything in the store, hidden or not."""
    return [path for path in store.path.rglob("*") if path.is_file()]


def bodies(store: FolderStore) -> list[Any]:
    cassettes = [cassette for _, cassette in store.iter()]
    return [cassette.inbound_request.body for cassette in cassettes if "/echo" in cassette.title]  # type: ignore[union-attr]  # it has one


def test_a_file_that_cannot_be_written_to_its_end(start: Start, store: FolderStore) -> None:
    plain, service = start(SERVICE, PLAIN), start(SERVICE, RECORDING)
    assert echoed(service, 2) == echoed(plain, 2)
    counted_until(service, lambda counts: counts["written"] >= 2)
    with service.client() as client:
        client.post("/limit/20000")
    assert echoed(service, 5) == echoed(plain, 5)
    counted_until(service, lambda counts: counts["failed"] >= 5)
    # no half file, under whatever name
    assert [path for path in files(store) if path.name.startswith(".")] == []
    assert bodies(store) == [BODY.encode()] * 2
    with service.client() as client:
        client.post("/limit/0")
    assert echoed(service, 1) == echoed(plain, 1)
    service.server.stop()
    assert bodies(store) == [BODY.encode()] * 3
    [warning, last] = said(service)
    assert warning.startswith("timetracer-otel: writing a cassette: OSError: [Errno 27] File too large")
    assert "; 5 failed; writing a cassette (5 times)" in last


def test_no_file_descriptor_is_left(start: Start, store: FolderStore) -> None:
    limited = ("python", "-m", "tests.faults.limited", "RLIMIT_NOFILE", "64")
    plain, service = start(SERVICE, limited), start(SERVICE, (*limited, *RECORDING))
    seen = []
    for one in (plain, service):
        with one.client() as client:
            client.get("/statistics")
            if one is service:
                counted_until(service, lambda counts: counts["waiting"] == 0)
            answers = [client.post("/files"), *(client.post("/echo", content=BODY) for _ in range(5))]
            if one is service:
                asked_until(client, lambda counts: counts["failed"] >= 5)
            answers.append(client.request("DELETE", "/files"))
            answers.append(client.post("/echo", content=BODY))
        seen.append([(answer.status_code, answer.text) for answer in answers])
    assert seen[0] == seen[1]
    counted_until(service, lambda counts: counts["waiting"] == 0)
    service.server.stop()
    [warning, last] = said(service)
    assert warning.startswith("timetracer-otel: writing a cassette: OSError: [Errno 24] Too many open files")
    assert " failed; writing a cassette (" in last
    assert bodies(store)[-1:] == [BODY.encode()]


# -- a disk that is really full, where this process may make one


def may_mount() -> bool:
    """Whether this process may mount; it needs CAP_SYS_ADMIN, which a user's does not have."""
    status = Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else "CapEff: 0"
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> 21 & 1)


@pytest.fixture
def full_disk(store: FolderStore) -> Iterator[None]:
    """Half a megabyte of disk in the store's place."""
    library = ctypes.CDLL(None, use_errno=True)
    store.path.mkdir()
    if library.mount(b"tmpfs", os.fsencode(store.path), b"tmpfs", 0, b"size=512k") != 0:
        raise OSError(ctypes.get_errno(), "mount")
    yield
    library.umount2(os.fsencode(store.path), 2)


if may_mount():  # else it is not run: the file of a limited size stands for it everywhere

    @pytest.mark.usefixtures("full_disk")
    def test_a_full_disk(start: Start, store: FolderStore) -> None:
        plain, service = start(SERVICE, PLAIN), start(SERVICE, RECORDING)
        assert echoed(service, 20) == echoed(plain, 20)
        counts = counted_until(service, lambda counts: counts["waiting"] == 0 and counts["failed"] > 0)
        assert [path for path in files(store) if path.name.startswith(".")] == []
        kept = bodies(store)
        assert 0 < len(kept) < 20
        assert set(kept) == {BODY.encode()}
        assert counts["failed"] >= 20 - len(kept)
        service.server.stop()
        [warning, last] = said(service)
        assert warning.startswith("timetracer-otel: writing a cassette: OSError: [Errno 28] No space left")
        assert " failed; writing a cassette (" in last
