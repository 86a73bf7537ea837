"""What a service in replay tells whoever started it and sends it the recorded requests: which calls it made.

By files in a folder that both know, so that it works whatever the server: with several processes, with
threads, forked or not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

import msgspec

from timetracer_otel import ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison import Comparison, recorded_run
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.verdict import Ended, compare_replay, raised_in

FOLDER: Final = "_TIMETRACER_REPLAY_REPORTS"
"""The variable that names the folder; not a setting, hence not named as one."""
OWN_PATHS: Final = "/.timetracer-otel/"
"""What is asked there is for us, never for the app."""
WRONGLY_ASKED: Final = ("timetracer-otel-error", "configuration")
"""The header of an answer that says that no request of this replay can do better."""
_EXPECTED: Final = "expected.json"


class Expected(msgspec.Struct, frozen=True):
    """The request that is sent next.

    Attributes:
        number: of the request.
        entry: of the cassette that answers it; see :func:`entry_name`.
    """

    number: int
    entry: str


class CallReport(msgspec.Struct):
    """What a service did for one request.

    Attributes:
        comparison: its calls against the recorded ones.
        calls: how many it made.
        missed: the explanations of those that nothing answered.
        raised: what went through the app; empty for nothing.
        faults: how often each happened.
    """

    comparison: Comparison
    calls: int
    missed: list[str]
    raised: str = ""
    faults: dict[str, int] = msgspec.field(default_factory=dict)


class CallReports:
    """The folder, on either side.

    Args:
        folder: it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def asked_for(cls) -> Self | None:
        """The folder that the environment names; ``None`` when nobody asked for reports."""
        folder = os.environ.get(FOLDER)
        return cls(Path(folder)) if folder else None

    # who sends the requests

    def expect(self, number: int, entry: str) -> None:
        """Say which request comes next."""
        self._put(_EXPECTED, msgspec.json.encode(Expected(number, entry)))

    def read(self, number: int) -> CallReport | None:
        """The report on a request; ``None`` when there is none yet."""
        path = self._folder / f"{number}.json"
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        path.unlink()
        return msgspec.json.decode(data, type=CallReport)

    # who answers them

    def expected(self) -> Expected | None:
        """Which request this is; ``None`` for one that nobody announced."""
        try:
            return msgspec.json.decode((self._folder / _EXPECTED).read_bytes(), type=Expected)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, expected: Expected, session: Session, ended: Ended) -> None:
        """Report what a request did; never raises."""
        try:
            redactor = Redactor.from_settings(session.settings)
            report = CallReport(
                comparison=compare_replay(session, None, redactor),
                calls=len(session.calls),
                missed=[call.explanation for call in session.misses],
                faults=dict(session.faulted),
                raised=raised_in(session, ended, recorded_run(session.cassettes[0])),
            )
            self._put(f"{expected.number}.json", msgspec.json.encode(report))
        except Exception as error:  # noqa: BLE001  # the app is not to suffer
            ports.report("reporting the calls of a replay", error)

    def _put(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        temporary = self._folder / f".{name}.{os.getpid()}"
        temporary.write_bytes(data)
        temporary.replace(self._folder / name)


def entry_name(cassette: Cassette) -> str:
    """The trace and span id of a cassette's entry."""
    return f"{cassette.entry.trace_id}/{cassette.entry.span_id}"
