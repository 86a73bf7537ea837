"""What the scripts and their children do here: ``python -m tests.processes.scripts <what> <folder>``."""

from __future__ import annotations

import multiprocessing
import sys

from opentelemetry import trace

import timetracer_otel


def record(folder: str, name: str) -> None:
    """Record one block, as a job does."""
    with timetracer_otel.record(folder, name=name):
        pass


def children(folder: str, method: str) -> None:
    """Record before, after and while children record, which begin inside this process's block."""
    context = multiprocessing.get_context(method)
    record(folder, "before")
    with timetracer_otel.record(folder, name="parent"):
        jobs = [
            context.Process(target=record, args=(folder, f"{method} child {number}")) for number in range(2)
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
    record(folder, "after")
    sys.exit(max(job.exitcode or 0 for job in jobs))


def traced(name: str) -> None:
    """What an instrumentation does around a task."""
    with trace.get_tracer(__name__).start_as_current_span(name):
        pass


def traced_children(folder: str, method: str) -> None:
    """Children of a process that records as a whole, as the workers of a task queue are."""
    context = multiprocessing.get_context(method)
    traced("parent")
    jobs = [context.Process(target=traced, args=(f"{method} child {number}",)) for number in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    sys.exit(max(job.exitcode or 0 for job in jobs))


def uncaught(folder: str, name: str) -> None:
    """End by an exception out of a traced block, and out of a recorded one."""
    traced("finished before")
    with trace.get_tracer(__name__).start_as_current_span(name):
        raise LookupError("nobody catches this")


def uncaught_in_record(folder: str, name: str) -> None:
    """End by an exception out of a recorded block."""
    with timetracer_otel.record(folder, name=name):
        raise LookupError("nobody catches this")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
