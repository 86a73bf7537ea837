"""What a process holds once its requests are done: counted from within, by the application that is asked."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from timetracer_otel import ports
from timetracer_otel.exporters.bound import BoundEntry
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.light_spans import LightSpan

PATIENCE = 60.0
LATE = "late"
"""The name of threads and tasks that go on after the response, each for a while."""
OURS = "timetracer_otel"
LIGHT = f"{LightSpan.__module__}.{LightSpan.__qualname__}"
"""Counted as the SDK's own spans are, in whose place they stand: each thread of a pool holds the last one
that was current in it.
"""
_Cached = type(functools.lru_cache(lambda: None))


def rest(loop: asyncio.AbstractEventLoop | None = None) -> bool:
    """Wait until nothing goes on that a request began, and all is written; false when that takes too long.

    Args:
        loop: the event loop of the application, where it has one.
    """
    recorder = ports.process_port()
    blocked_until = os.environ.get("LOAD_BLOCKED")
    for thread in threading.enumerate():
        if thread.name == LATE:
            thread.join(PATIENCE)
    if not isinstance(recorder, Recorder) or (blocked_until and not Path(blocked_until).exists()):
        return True
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        recorder.outbox.writer.flush(PATIENCE)
        if not (_goes_on(loop) or _is_under_way(recorder)):
            return True
        time.sleep(0.05)
    return False


def _goes_on(loop: asyncio.AbstractEventLoop | None) -> bool:
    return loop is not None and any(task.get_name() == LATE for task in asyncio.all_tasks(loop))


def _is_under_way(recorder: Recorder) -> bool:
    """A request whose response is sent goes on until the application has returned, and what it left behind
    until it ends: neither waits for the writer meanwhile. The writer is looked at last, as both go there.
    """
    own = ports.current_entry()  # but for this request
    assert isinstance(own, BoundEntry)
    open_ = list(recorder.assembler._open.values())
    if recorder.requests.serving - {own} or any(recording is not own.recording for recording in open_):
        return True
    writer = recorder.outbox.writer
    with writer._condition:
        return bool(writer._queue or writer._waiting or writer._busy)


def census(loop: asyncio.AbstractEventLoop | None = None) -> dict[str, Any]:
    """Everything that could grow.

    Args:
        loop: the event loop of the application, where it has one.

    Returns:
        ``tables``: the sizes of all containers of ours, in modules, in caches and in instances;
        ``instances``: how many of each of our classes and inner functions there are;
        ``objects``: how many of every other type the garbage collector knows;
        ``threads``, ``descriptors``, ``tasks``, and ``counts`` of the recorder's writer.
    """
    idle = rest(loop)
    for _ in range(3):  # what a finalizer kept is free the next time
        gc.collect()
        idle = rest(loop) and idle  # what it ended is written
    found = gc.get_objects()
    everything = Counter(_name(type(each)) for each in found)
    instances = Counter(_name(type(each)) for each in found if _is_ours(type(each)))
    instances.update(
        f"function {each.__module__}.{each.__qualname__}"
        for each in found
        # not isinstance, which asks an object for its class: Django's lazy ones load themselves to answer
        if type(each) is types.FunctionType and str(each.__module__).startswith(OURS)
    )
    tables: Counter[str] = Counter(dict(_module_tables()))
    for each in found:
        if _is_ours(type(each)):
            tables.update(dict(_instance_tables(each)))
    recorder = ports.process_port()
    writer = recorder.outbox.writer if isinstance(recorder, Recorder) else None
    return {
        "idle": idle,
        "process": os.getpid(),
        "tables": tables,
        "instances": instances,
        "objects": {
            name: count for name, count in everything.items() if not name.startswith(OURS) or name == LIGHT
        },
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": 0 if loop is None else len(asyncio.all_tasks(loop)),
        "counts": None if writer is None else [writer.written, writer.dropped, writer.failed],
        "waiting": None if writer is None else len(writer._queue),
        "pending": recorder.outbox.budget.held if isinstance(recorder, Recorder) else 0,
    }


def _module_tables() -> Iterator[tuple[str, int]]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != OURS:
            continue
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("__"):
                continue
            if isinstance(value, _Cached):
                if value.cache_info().maxsize is not None:
                    continue  # bounded by itself
                yield f"{name}.{attribute}", value.cache_info().currsize
            elif _is_table(value):
                yield f"{name}.{attribute}", len(value)


def _instance_tables(instance: object) -> Iterator[tuple[str, int]]:
    names = {slot for kind in type(instance).__mro__ for slot in getattr(kind, "__slots__", ())}
    for attribute in {*names, *getattr(instance, "__dict__", ())}:
        try:
            value = object.__getattribute__(instance, attribute)
        except AttributeError:
            continue
        if _is_table(value):
            yield f"{_name(type(instance))}.{attribute}", len(value)


def _is_table(value: object) -> bool:
    # not by an abstract base class, which remembers each class that it was asked about
    kind = type(value)
    named = {name for base in type.mro(kind) for name in ("__len__", "__iter__") if name in vars(base)}
    return len(named) == 2 and not issubclass(kind, str | bytes | tuple)


def _is_ours(kind: type) -> bool:
    return _name(kind).partition(".")[0] == OURS and kind is not LightSpan


def _name(kind: type) -> str:
    return f"{type.__getattribute__(kind, '__module__')}.{kind.__qualname__}"
