"""Traces wait until they are quiet; what comes late joins them; memory is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.converting.traces import two_services
from timetracer_otel.collectors.inbox import Inbox
from timetracer_otel.converters.reading import Piece, read_document
from timetracer_otel.converters.tasks import Store
from timetracer_otel.formats import encode
from timetracer_otel.formats.limits import DEFAULT
from timetracer_otel.formats.streams import Document
from timetracer_otel.span import Span
from timetracer_otel.store import FolderStore


def piece(spans: list[Span]) -> Piece:
    return read_document(Document(encode(spans), 1), "otlp-json", DEFAULT)


def of_trace(number: int) -> list[Span]:
    spans = two_services()
    for span in spans:
        span.trace_id = f"{number:032x}"
    return spans


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cassettes")


def inbox(store: FolderStore, clock: Clock, memory: int = 10**8) -> Inbox:
    return Inbox(Store(str(store.path), "json", "none", redact=True), quiet=5, memory=memory, clock=clock)


def spans_in(store: FolderStore) -> dict[str, int]:
    return {cassette.title: len(cassette.spans) for _, cassette in store.iter()}


def test_a_trace_is_written_when_nothing_of_it_came_for_a_while(store: FolderStore) -> None:
    clock = Clock()
    box = inbox(store, clock)
    box.offer(piece(two_services()))
    clock.now = 4.9
    assert box._due(everything=False) == []
    clock.now = 5
    due = box._due(everything=False)
    assert due == [two_services()[0].trace_id]
    box._write(due)
    assert box._due(everything=False) == []
    assert len(list(store.paths())) == 2


def test_what_comes_late_is_in_the_same_cassette(store: FolderStore) -> None:
    clock = Clock()
    box = inbox(store, clock)
    entry, call, *rest = two_services()
    box.offer(piece([entry, *rest]))
    box._write(box._due(everything=True))
    before = spans_in(store)
    clock.now = 60
    box.offer(piece([call]))
    box._write(box._due(everything=True))
    after = spans_in(store)
    assert after["POST /checkout"] == before["POST /checkout"] + 1
    assert len(list(store.paths())) == len(before)


def test_memory_is_bounded_by_writing_the_oldest_early_and_forgetting_what_was_written(
    store: FolderStore,
) -> None:
    clock = Clock()
    size = piece(of_trace(1)).size
    box = inbox(store, clock, memory=20 * size)
    box.start()
    sent = 0
    while sent < 400:
        if box.offer(piece(of_trace(sent + 1))):
            sent += 1
        assert box._size <= 20 * size
    received = box.close()
    assert received.spans == 400 * len(two_services())
    assert received.written.cassettes == 800
    assert len(list(store.paths())) == 800


def test_a_store_that_cannot_be_written_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    box = Inbox(Store(str(tmp_path / "file"), "json", "none", redact=True), quiet=0, problem=said.append)
    box.offer(piece(two_services()))
    box.start()
    box.close()
    assert said == [f"{tmp_path / 'file'}: 1 traces are lost: Not a directory"]
