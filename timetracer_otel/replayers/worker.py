"""A process that replays what it is told to: ``python -m timetracer_otel.replayers.worker``.

It reads one line of JSON with its job, then one with the path of a cassette for each verdict that is wanted.
It writes one line of JSON for each: a verdict, or what went wrong.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

import msgspec

from timetracer_otel.config import Settings
from timetracer_otel.errors import TimetracerError
from timetracer_otel.replayers.options import ReplayOptions
from timetracer_otel.replayers.runner import InProcess
from timetracer_otel.replayers.verdict import Verdict


class Job(msgspec.Struct):
    """What a worker is for.

    Attributes:
        app: see :func:`~timetracer_otel.replayers.runner.replay_in_process`.
        factory: it is a function that makes the application.
        outside: cassettes of calls made outside requests.
        settings: as the parent has them.
        options: how to send and to judge.
        places: files and folders of the cassettes.
    """

    app: str
    factory: bool
    outside: list[str]
    settings: Settings
    options: ReplayOptions
    places: list[str] = []


class Done(msgspec.Struct, omit_defaults=True):
    """What came of one cassette: the verdict, or the error that ends the run."""

    verdict: Verdict | None = None
    error: str = ""


def work(job: Job, paths: IO[bytes], results: IO[bytes]) -> None:
    """Replay each path that comes in, until there are no more.

    Args:
        job: what to replay against.
        paths: JSON strings, one a line.
        results: where the verdicts go, one a line.
    """

    def tell(done: Done) -> None:
        results.write(msgspec.json.encode(done) + b"\n")
        results.flush()

    try:
        outside = [Path(path) for path in job.outside]
        places = [Path(place) for place in job.places]
        with InProcess(
            job.app, outside, job.settings, job.options, factory=job.factory, places=places
        ) as replayer:
            for line in paths:
                tell(Done(replayer.replay(Path(msgspec.json.decode(line, type=str)))))
    except TimetracerError as error:
        tell(Done(error=str(error)))


def main() -> None:
    """Do the job on standard input; what the app prints goes to standard error."""
    results = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    paths = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, sys.stdin.fileno())  # the app finds nothing to read there
    os.close(null)
    work(msgspec.json.decode(paths.readline(), type=Job), paths, results)


if __name__ == "__main__":
    main()
