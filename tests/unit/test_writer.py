"""The writer's thread, its queue and who waits beside it."""

from __future__ import annotations

import threading

from timetracer_otel.exporters.writer import Writer


def test_an_item_that_is_forgotten_is_not_written_after_the_grace_period() -> None:
    written: list[str] = []
    done = threading.Event()

    def write(item: str) -> None:
        written.append(item)
        if item == "last":
            done.set()

    writer = Writer(write, grace=0.05)
    items = ["given up", "last"]
    for item in items:
        writer.wait(item)
    writer.forget(items[0])
    assert done.wait(60)
    assert written == ["last"]
    assert len(writer._waiting) == 0
