"""What the scripts and their children do here: ``python -m tests.processes.scripts <what> <folder>``."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
from typing import Any, NoReturn

from opentelemetry import trace

import timetracer_otel


def record(folder: str, name: str) -> None:
    """Record one block, as a job does."""
    with timetracer_otel.record(folder, name=name):
        pass


def children(folder: str, method: str) -> None:
    """Record before, after and while children record, which begin inside this process's block."""
    context: Any = multiprocessing.get_context(method)
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
    context: Any = multiprocessing.get_context(method)
    traced("parent")
    jobs = [context.Process(target=traced, args=(f"{method} child {number}",)) for number in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    sys.exit(max(job.exitcode or 0 for job in jobs))


def billiard_children(folder: str) -> None:
    """Children, and the workers of a pool, as Celery makes them."""
    import billiard

    traced("parent")
    job = billiard.Process(target=traced, args=("child",))
    job.start()
    job.join()
    with billiard.Pool(2, maxtasksperchild=2) as pool:
        pool.map(traced, [f"task {number}" for number in range(8)], chunksize=1)
        pool.close()
        pool.join()
    sys.exit(job.exitcode)


def billiard_kept_exit(folder: str) -> None:
    """Children that end past ``os._exit`` as the module has it, by the finalizers of billiard alone."""
    import billiard
    from billiard import popen_fork

    class KeptExit:
        """The module ``os`` as it was before anything was replaced in it."""

        def __getattr__(self, name: str) -> object:
            return getattr(__import__("posix" if name == "_exit" else "os"), name)

    popen_fork.os = KeptExit()
    job = billiard.Process(target=traced, args=("child",))
    job.start()
    job.join()
    sys.exit(job.exitcode)


def leaving(folder: str, name: str) -> NoReturn:
    """End without anything that an interpreter does at its end."""
    traced(name)
    os._exit(7)


def forked(folder: str, name: str) -> None:
    """A child of ``fork`` that ends in the same way."""
    traced("before")
    child = os.fork()
    if child == 0:
        traced(name)
        os._exit(7)
    _, status = os.waitpid(child, 0)
    traced("after")
    sys.exit(os.waitstatus_to_exitcode(status))


def exits(folder: str) -> None:
    """``os._exit`` is ours while somebody records, and no longer."""
    real = os._exit
    with timetracer_otel.record(folder, name="recorded"):
        while_recording = os._exit
    print(real is while_recording, real is os._exit)


def terminated(folder: str, name: str) -> None:
    """Killed by SIGTERM, with work of its own and of a child's finished."""
    traced(name)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still there")


def terminated_child(folder: str, method: str) -> None:
    """A child that is told to terminate while it waits."""
    context: Any = multiprocessing.get_context(method)
    ready, told = context.Pipe()
    job = context.Process(target=_wait_for_ever, args=(told,))
    job.start()
    ready.recv()
    job.terminate()
    job.join()
    sys.exit(0 if job.exitcode == -signal.SIGTERM else 1)


def _wait_for_ever(told: multiprocessing.connection.Connection) -> None:
    traced("child")
    told.send("finished")
    told.recv()


def own_handler(folder: str, name: str) -> None:
    """A handler of the program's own, set later."""
    print(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: print("its own"))
    traced(name)
    os.kill(os.getpid(), signal.SIGTERM)


def executed(folder: str) -> None:
    """A program that is started from here, and not recorded, has every signal as it always was."""
    child = "import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    os.execv(sys.executable, [sys.executable, "-I", "-c", child])  # noqa: S606  # this Python


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
