"""Every function of ours fails, one after the other, while requests are recorded that call it.

``python -m tests.faults.run_injections <folder> quick|thorough [<part of a name>]``, in a process whose
services are in the environment. Prints one JSON object.
"""

from __future__ import annotations

import contextvars
import faulthandler
import itertools
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import injection

STUCK_SECONDS = 120
ERRORS: tuple[type[Exception], ...] = (injection.Injected, MemoryError, RecursionError)


@dataclass
class Result:
    """One function failing during one request.

    Attributes:
        calls: how often it was called, and raised.
        seen: what the app and its server saw; ``None`` when it is what they see without us.
        warnings: what was logged.
        failures: what the statistics say of it.
        gaps: kinds of gaps that the cassettes list.
        after: cassettes of one request more, when nothing fails any longer.
    """

    function: str
    error: str
    request: str
    calls: int = 0
    seen: Any = None
    warnings: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    after: int = 0


@dataclass
class Report:
    """What came of all of them.

    Attributes:
        hooks: what requests must call.
        jobless: integrations that no request calls.
        unknown: names in the table of those that need none yet, and no integration's.
        reached: what requests called.
        unlike: requests that are answered otherwise where we record and nothing fails.
    """

    hooks: list[str]
    jobless: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


class Lines(logging.Handler):
    """Keeps what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


class Recording:
    """This process, recording or not."""

    def __init__(self, folder: Path) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        import timetracer_otel
        from timetracer_otel.store import FolderStore

        self._lines = Lines()
        for name in ("timetracer_otel", "opentelemetry", "asyncio", "concurrent.futures"):
            logging.getLogger(name).addHandler(self._lines)
        self._provider = TracerProvider()
        trace.set_tracer_provider(self._provider)
        self._store = FolderStore(folder / "cassettes")
        self._ours = timetracer_otel
        self._requests: dict[str, Callable[[], Any]] = {}

    def start(self) -> None:
        """Record from now on, bodies up to a size that one is over."""
        from timetracer_otel import config

        settings = config.load(max_body_kb=2)
        self._processor = self._ours.CassetteSpanProcessor(self._store.path, settings=settings)
        self._provider.add_span_processor(self._processor)
        self._ours.install()

    def forget(self) -> None:
        """Begin anew: nothing was said, nothing was written."""
        from timetracer_otel import ports

        self._provider.force_flush()
        ports.forget_failures()
        ports._reported.clear()
        self._lines.lines.clear()
        if self._store.path.exists():
            for path in self._store.paths():
                path.unlink()

    def found(self, result: Result) -> None:
        """Fill in what was said and written."""
        from timetracer_otel import ports

        result.failures = ports.failures()
        result.warnings = list(self._lines.lines)
        stored = list(self._store.iter()) if self._store.path.exists() else []
        result.gaps = sorted({gap.kind for _, cassette in stored for gap in cassette.gaps})

    def written(self) -> int:
        """How many cassettes there are."""
        return len(list(self._store.paths())) if self._store.path.exists() else 0

    def flush(self) -> None:
        """Have it all written."""
        self._provider.force_flush()


def main(folder: Path, *, thorough: bool, only: str = "") -> Report:
    """Everything, in order: without us, recording, and then with each function failing.

    Args:
        folder: where cassettes go.
        thorough: each function with each error during a few requests that call it; else with one error,
            in turn, during the one that calls the fewest functions of ours.
        only: a part of the names of the functions that are to fail.
    """
    injection.prepare("timetracer_otel")
    recording = Recording(folder)
    from tests.faults import apps, jobs
    from tests.faults.hooks import classes, hooks, is_pending, jobless, trusted, unknown

    jobs.make_tables()
    requests = apps.requests()
    for ask in requests.values():
        ask()  # pools and caches fill
    bare = {name: ask() for name, ask in requests.items()}
    recording.start()
    for ask in requests.values():
        ask()
    reached: dict[str, list[str]] = {}
    report = Report(hooks(classes()))
    sizes: dict[str, int] = {}
    for name, ask in requests.items():
        recording.forget()
        with injection.watching() as called:
            answer = ask()
            recording.flush()
        sizes[name] = len(called)
        if "sync/" in name and "done" not in str(bare[name]):
            report.unlike.append(f"{name}: its job raises: {bare[name]!r:.700}")
        if answer != bare[name]:
            report.unlike.append(f"{name}: {difference(bare[name], answer)}")
        for function in called:
            reached.setdefault(function, []).append(name)
    report.reached = sorted(reached)
    report.jobless = jobless(reached)
    report.unknown = unknown()
    turns = itertools.cycle(ERRORS)
    for function in report.reached:
        if only not in function or function in trusted() or is_pending(function):
            continue
        for error in ERRORS if thorough else [next(turns)]:
            quick = sorted(reached[function], key=lambda name: (name.endswith(jobs.SLOW), sizes[name], name))
            for name in quick[: 3 if thorough else 1]:
                # one that hangs says where, and ends this process
                sys.stderr.write(f"{function} {error.__name__} {name}\n")
                faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
                # what a fault leaves behind in a context is for the requests after it, not other faults
                here = contextvars.copy_context()
                report.results.append(
                    here.run(
                        fail,
                        recording,
                        function,
                        error,
                        name,
                        requests[name],
                        bare[name],
                        2 if thorough else 1,
                    )
                )
    faulthandler.cancel_dump_traceback_later()
    return report


def fail(
    recording: Recording,
    function: str,
    error: type[Exception],
    name: str,
    ask: Callable[[], Any],
    bare: Any,
    times: int,
) -> Result:
    """One function failing during one request, which is sent that often."""
    recording.forget()
    result = Result(function, error.__name__, name)
    with injection.failing(function, error) as hits:
        answers = [ask() for _ in range(times)]
        try:
            recording.flush()
        except Exception as problem:
            answers.append(f"flushing raised {problem!r}")
    recording.flush()
    result.calls = hits.count
    for answer in answers:
        if answer != bare:
            result.seen = difference(bare, answer)
    recording.found(result)
    recording.forget()
    ask()
    recording.flush()
    result.after = recording.written()
    return result


def difference(expected: Any, actual: Any) -> str:
    """Where two answers differ."""
    if isinstance(expected, list) and isinstance(actual, list):
        for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
            if one != other:
                return f"[{index}]{difference(one, other)}"
        return f" has {len(actual)} items, not {len(expected)}: {actual!r}"[:1500]
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        key = next(key for key in expected if expected[key] != actual[key])
        return f".{key}{difference(expected[key], actual[key])}"
    return f" is {actual!r:.1500}, not {expected!r:.700}"


if __name__ == "__main__":
    found = main(Path(sys.argv[1]), thorough=sys.argv[2] == "thorough", only="".join(sys.argv[3:]))
    sys.stdout.write(json.dumps(asdict(found)))
