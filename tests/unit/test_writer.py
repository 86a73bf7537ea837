"""The writer's thread, its queue and who waits beside it."""

from __future__ import annotations

import threading

import pytest

from timetracer_otel.exporters import native
from timetracer_otel.exporters import writer as module
from timetracer_otel.exporters.writer import Writer


def test_an_item_that_is_forgotten_is_not_written_after_the_grace_period() -> None:
    written: list[str] = []
    done = threading.Event()

    def write(item: str) -> bool:
        written.append(item)
        if item == "last":
            done.set()
        return True

    writer = Writer(write, grace=0.05)
    items = ["given up", "last"]
    for item in items:
        writer.wait(item)
    writer.forget(items[0])
    assert done.wait(60)
    assert written == ["last"]
    assert len(writer._waiting) == 0


def test_who_lets_the_writer_go_first_goes_on_when_it_wrote_one_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 60)
    go = threading.Event()
    writer = Writer[str](lambda item: go.wait(60), grace=0)
    for item in ("first", "second"):
        writer.submit(item)
    threading.Timer(0.05, go.set).start()
    writer.let_write()
    assert writer.written >= 1
    assert writer.flush(60)


class CountedCondition(native.Condition):
    """Counts who waits, and lets nobody wait long."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(0)


def test_nobody_waits_for_a_disk_that_does_not_answer() -> None:
    go = threading.Event()
    writer = Writer[str](lambda item: go.wait(60), grace=0)
    writer._turns = turns = CountedCondition()
    for _ in range(100):
        writer.submit("item")
        writer.let_write()
    assert turns.waits <= 2  # one in vain; one more where the thread had not begun yet
    go.set()
    assert writer.flush(60)
    assert writer.written == 100


def test_the_writer_itself_does_not_wait_for_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 600)
    writer: Writer[str]

    def write(item: str) -> bool:
        writer.let_write()
        return True

    writer = Writer(write, grace=0)
    writer.submit("item")
    assert writer.flush(60)
    assert writer.written == 1
