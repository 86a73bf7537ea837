"""Several processes that replay side by side, each one cassette at a time."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import IO, Final

import msgspec

from timetracer_otel.errors import ApplicationError
from timetracer_otel.replayers.runner import Plan
from timetracer_otel.replayers.verdict import Verdict
from timetracer_otel.replayers.worker import Done, Job

_STOP_SECONDS: Final = 10.0


def replay_in_workers(job: Job, plan: Plan, workers: int) -> Generator[Verdict, None, None]:
    """One verdict for each cassette of the plan, as they are done. A worker that dies costs the cassette it
    was at; another takes its place.

    Args:
        job: what each worker is for.
        plan: what to replay.
        workers: how many processes.

    Raises:
        ApplicationError: the app cannot be imported or started, or a worker cannot go on.
    """
    todo: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for path in plan.chosen:
        todo.put(path)
    done: queue.SimpleQueue[Done] = queue.SimpleQueue()
    crew = [_Worker(job, todo, done) for _ in range(min(workers, len(plan.chosen)))]
    try:
        for _ in plan.chosen:
            result = done.get()
            if result.verdict is None:
                raise ApplicationError(result.error)
            yield result.verdict
    finally:
        for worker in crew:
            worker.stop()
        for worker in crew:
            worker.join()


class _Worker:
    """A thread that feeds one process after another until nothing is left to do."""

    def __init__(self, job: Job, todo: queue.SimpleQueue[Path], done: queue.SimpleQueue[Done]) -> None:
        self._job = msgspec.json.encode(job) + b"\n"
        self._todo = todo
        self._done = done
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="timetracer-replay-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process, whatever it is at."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped:
            try:
                path = self._todo.get_nowait()
            except queue.Empty:
                self._end()
                return
            try:
                self._done.put(self._ask(path))
            except OSError as error:
                self._done.put(Done(error=f"a worker cannot be started: {error}"))

    def _ask(self, path: Path) -> Done:
        process = self._started()
        stdin, stdout = _pipes(process)
        try:
            stdin.write(msgspec.json.encode(str(path)) + b"\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = stdout.readline()  # what it said before it ended
        if line:
            return msgspec.json.decode(line, type=Done)
        status = process.wait()
        self._forget()
        said = [f"it cannot be replayed: the process ended with status {status} while it was replayed"]
        return Done(Verdict(title=path.name, path=str(path), outcome="error", differences=said))

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "timetracer_otel.replayers.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                if self._stopped:
                    self._process.kill()
                stdin, _ = _pipes(self._process)
                stdin.write(self._job)
                stdin.flush()
            return self._process

    def _end(self) -> None:
        """Let the process end by itself, so that what the app does at its end is done."""
        process = self._process
        if process is None:
            return
        stdin, _ = _pipes(process)
        stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.wait()
            for pipe in _pipes(process):
                pipe.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout
