"""Every function of ours fails, one after the other, while requests are recorded that call it.

``python -m tests.faults.run_injections <folder> quick|thorough [<part of a name> [<share> <shares>]]``, in a
process whose services are in the environment. Prints one JSON object.

Nothing here depends on what is measured: which functions fail in which request, and how, follows from their
names and from the order in which requests are declared. A function that hangs ends its process, which is
started again for the functions after it; the hang is its result.
"""

from __future__ import annotations

import contextvars
import faulthandler
import json
import logging
import subprocess
import sys
import zlib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import injection

STUCK_SECONDS = 120
HANGS = "hangs"
"""What is seen of a function that hangs."""
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
        from timetracer_otel.light_spans import lighten

        settings = config.load(max_body_kb=2)
        self._processor = self._ours.CassetteSpanProcessor(self._store.path, settings=settings)
        self._provider.add_span_processor(self._processor)
        lighten(self._provider)  # as the launcher does
        self._ours.install()

    def forget(self) -> None:
        """Begin anew: nothing was said, nothing was written."""
        from timetracer_otel import ports
        from timetracer_otel.ports import failing

        self._provider.force_flush()
        ports.forget_failures()
        failing._reported.clear()
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


@dataclass(frozen=True)
class Choice:
    """Which functions fail.

    Attributes:
        thorough: each function with each error during a request that calls it, and once more during each that
            calls it from elsewhere in ours; else with one error during one request, of those that others call
            one in three, and of those that only ours calls one in twelve.
        only: a part of their names.
        share: of how many equal shares of them which one, from 0.
        shares: how many shares there are.
    """

    thorough: bool
    only: str = ""
    share: int = 0
    shares: int = 1

    def takes(self, function: str, hooks: Collection[str]) -> bool:
        """True when that function is to fail here.

        Args:
            function: its name.
            hooks: those that others call.
        """
        turn = zlib.crc32(function.encode()) // len(ERRORS)
        if self.only not in function or turn % self.shares != self.share:
            return False
        return self.thorough or turn % (3 if function in hooks else 12) == 0

    def failures(self, function: str, callers: dict[str, set[str]]) -> list[tuple[str, type[Exception]]]:
        """The requests that function fails in, and its errors.

        Args:
            function: its name.
            callers: who calls it in each request that does, those to be taken first first.
        """
        turn = zlib.crc32(function.encode())
        first, *others = callers
        if not self.thorough:
            return [(first, ERRORS[turn % len(ERRORS)])]
        found = [(first, error) for error in ERRORS]
        seen = set(callers[first])
        for name in others:
            if not callers[name] <= seen:
                seen |= callers[name]
                turn += 1
                found.append((name, ERRORS[turn % len(ERRORS)]))
        return found


def main(folder: Path, choice: Choice, done: Path) -> Report:
    """Everything, in order: without us, recording, and then with each function failing.

    Args:
        folder: where cassettes go.
        choice: what fails.
        done: a file that gets a line for each result; what it holds already is not done again.
    """
    injection.prepare("timetracer_otel")
    recording = Recording(folder)
    from tests.faults import apps, jobs
    from tests.faults.hooks import at_points, classes, hooks, is_pending, jobless, trusted, unknown

    jobs.make_tables()
    requests = apps.requests()
    for ask in requests.values():
        ask()  # pools and caches fill
    bare = {name: ask() for name, ask in requests.items()}
    recording.start()
    for ask in requests.values():
        ask()
    reached: dict[str, dict[str, set[str]]] = {}
    report = Report(sorted({*hooks(classes()), *at_points()}))
    for name in sorted(requests, key=jobs.cost):  # those of one cost in the order they are declared in
        ask = requests[name]
        recording.forget()
        with injection.watching() as called:
            answer = ask()
            recording.flush()
        if "sync/" in name and "done" not in str(bare[name]):
            report.unlike.append(f"{name}: its job raises: {bare[name]!r:.700}")
        if answer != bare[name]:
            report.unlike.append(f"{name}: {difference(bare[name], answer)}")
        for function, callers in list(called.items()):
            reached.setdefault(function, {})[name] = set(callers)
    report.reached = sorted(reached)
    report.jobless = jobless(reached)
    report.unknown = unknown()
    before = _results(done)
    known = {(result.function, result.error, result.request) for result in before}
    with done.open("a", buffering=1) as lines:
        for function in report.reached:
            if not choice.takes(function, report.hooks) or function in trusted() or is_pending(function):
                continue
            for name, error in choice.failures(function, reached[function]):
                if (function, error.__name__, name) in known:
                    continue
                # one that hangs says where, and ends this process: it is what came of it unless another does
                hung = Result(function, error.__name__, name, seen=HANGS)
                lines.write(json.dumps(asdict(hung)) + "\n")
                faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
                # what a fault leaves behind in a context is for the requests after it, not other faults
                here = contextvars.copy_context()
                result = here.run(
                    fail,
                    recording,
                    function,
                    error,
                    name,
                    requests[name],
                    bare[name],
                    2 if choice.thorough else 1,
                )
                lines.write(json.dumps(asdict(result)) + "\n")
    faulthandler.cancel_dump_traceback_later()
    report.results = _results(done)
    return report


def _results(done: Path) -> list[Result]:
    """What a file of results holds: of each function, error and request the last line."""
    found: dict[tuple[str, str, str], Result] = {}
    for line in done.read_text().splitlines() if done.exists() else ():
        result = Result(**json.loads(line))
        found[result.function, result.error, result.request] = result
    return list(found.values())


def supervised(arguments: list[str], folder: Path) -> int:
    """Run that in a process of its own, and again after a hang, until it comes to its end.

    Returns:
        The exit code of the last one.
    """
    done = folder / "results"
    while True:
        before = len(_results(done))
        ended = subprocess.run(
            [sys.executable, "-m", "tests.faults.run_injections", "--alone", *arguments], check=False
        )
        if ended.returncode == 0 or len(_results(done)) == before:  # nothing was begun: no hang
            return ended.returncode


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


def _choice(how: str, only: str = "", share: str = "0", shares: str = "1") -> Choice:
    return Choice(how == "thorough", only, int(share), int(shares))


if __name__ == "__main__":
    if sys.argv[1] != "--alone":
        place = Path(sys.argv[1])
        place.mkdir(parents=True, exist_ok=True)
        sys.exit(supervised(sys.argv[1:], place))
    place = Path(sys.argv[2])
    found = main(place, _choice(*sys.argv[3:]), place / "results")
    sys.stdout.write(json.dumps(asdict(found)))
