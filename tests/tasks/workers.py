"""Workers of Celery that record, as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from tests.services.environment import instrumenting
from tests.services.lifeline import tied

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent


class Worker:
    """One worker, recording into a store of its own.

    Args:
        pool: of Celery's pools the one it runs tasks in, and the queue that it serves.
        broker: where that is.
        store: where its cassettes go.
    """

    def __init__(self, pool: str, broker: str, store: Path) -> None:
        self.pool = pool
        self.store = store
        self.log = Path(tempfile.mkdtemp()) / "log"
        environ = {
            **os.environ, **instrumenting("celery", "redis"), "BROKER": broker, "TIMETRACER_DIR": str(store),
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        command: list[str | Path] = [
            SCRIPTS / "timetracer-otel", "record", "--", "celery", "-A", "tests.tasks.apps.shop", "worker",
            "--pool", pool, "--concurrency", "2", "--queues", pool, "--hostname", f"{pool}@here",
            "--without-mingle", "--without-gossip",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = tied(subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=ROOT))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, as an operator does; what it has done is written then."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def replayed(store: Path, *arguments: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The cassettes of a store replayed by the command, with no broker."""
    return subprocess.run(
        [SCRIPTS / "timetracer-otel", "replay", store, *arguments],
        env={**os.environ, **instrumenting("celery", "fastapi", "redis"), "PYTHONPATH": str(path)},
        cwd=path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
