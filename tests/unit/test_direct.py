"""What is recorded directly is recorded as by the flow of every call: nobody can tell which it was."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import timetracer_otel
from timetracer_otel import config, ports
from timetracer_otel.errors import MissError
from timetracer_otel.exporters.exchange import RecordedExchange
from timetracer_otel.exporters.recorder import Recorder
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.base import Integration, Invocation, Point
from timetracer_otel.messages import Answer, Failure, FunctionCall, FunctionResult
from timetracer_otel.store import FolderStore

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class Leaving(BaseException):
    """No error: nobody but the app is to handle it."""


class Echo(Integration):
    """Knows a function that says what it is told, and cannot read some words."""

    name = "echo"
    family = "function"

    def points(self) -> Sequence[Point]:
        """None: the wrappers are called here."""
        return ()

    def request(self, call: Invocation) -> FunctionCall:
        """The word that is to be said."""
        if call.args == ("unreadable request",):
            raise TypeError("no word")
        return FunctionCall("echo.say", list(call.args))

    def answer(self, result: Any, call: Invocation) -> FunctionResult:
        """What was said."""
        if result == "unreadable answer":
            raise TypeError("no answer")
        return FunctionResult(result)

    def failure(self, error: BaseException, call: Invocation) -> Failure:
        """What was raised."""
        if error.args == ("unreadable failure",):
            raise TypeError("no failure")
        return super().failure(error, call)

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """What is said again."""
        assert isinstance(answer, FunctionResult)
        return answer.value


def echo(word: str) -> str:
    """The library's function."""
    if word in ("refused", "unreadable failure"):
        raise ValueError(word)
    if word == "caused":
        raise ValueError(word) from OSError("the line is dead")
    if word == "cancelled":
        raise asyncio.CancelledError(word)
    if word == "leaving":
        raise Leaving(word)
    return word


class Way:
    """The function as the app calls it, recorded directly or by the flow."""

    def __init__(self, *, directly: bool, asynchronous: bool) -> None:
        self._asynchronous = asynchronous
        taken = (lambda port, call: call) if directly else None
        point = Point("echo", "say", asynchronous=asynchronous, direct=taken)
        self._around = wrapping.around(Echo(), point)

    def say(self, word: str) -> Any:
        """What the app gets: a value, or the facts of an exception."""
        try:
            return asyncio.run(self._awaited(word)) if self._asynchronous else self._called(word)
        except BaseException as error:  # whatever it is, it is what the app gets
            return type(error), error.args, repr(error.__cause__), repr(error.__context__)

    def _called(self, word: str) -> Any:
        def function(word: str) -> Any:
            return [word, self._called("within")] if word == "nested" else echo(word)

        if word == "suppressed":
            with ports.inside():
                return self._around(function, None, (word,), {})
        return self._around(function, None, (word,), {})

    async def _awaited(self, word: str) -> Any:
        async def function(word: str) -> Any:
            return [word, await self._awaited("within")] if word == "nested" else echo(word)

        if word == "suppressed":
            with ports.inside():
                return await self._around(function, None, (word,), {})
        return await self._around(function, None, (word,), {})


class Seen(msgspec.Struct):
    """What came of a call.

    Attributes:
        outcome: what the app got.
        calls: what the cassettes say of it: request, answer, and the span's status and events.
        gaps: what they say is missing.
        faults: how often something of ours went wrong.
    """

    outcome: Any
    calls: list[Any]
    gaps: list[Any]
    faults: int


def recorded(way: Way, word: str, folder: Path, *, bare: bool = False) -> Seen:
    """What came of a call within a block that records.

    Args:
        way: makes the call.
        word: what is to be said.
        folder: for the cassette.
        bare: the call belongs to nothing.
    """
    before = sum(ports.failures().values())
    with timetracer_otel.record(folder, name="a block"):
        # of its own: what a fault leaves behind there is not left to the next test
        context = contextvars.Context() if bare else contextvars.copy_context()
        outcome = context.run(way.say, word)
    faults = sum(ports.failures().values()) - before
    cassettes = [cassette for _, cassette in FolderStore(folder).iter()]
    calls = [call for cassette in cassettes for call in cassette.calls()]
    gaps = [(gap.kind, gap.detail) for cassette in cassettes for gap in cassette.gaps]
    return Seen(outcome, [_said(call) for call in calls], gaps, faults)


def _said(call: Any) -> Any:
    span = call.span
    events = [(event.name, event.attributes.get("exception.type")) for event in span.events]
    status = span.status.code, span.status.message
    return call.request, call.answer, call.path, span.name, span.kind, status, events


def both(asynchronous: bool, word: str, folder: Path, *, bare: bool = False) -> tuple[Seen, Seen]:
    """What comes of a call by the flow, and directly."""

    def seen(directly: bool) -> Seen:
        way = Way(directly=directly, asynchronous=asynchronous)
        return recorded(way, word, folder / ("direct" if directly else "flow"), bare=bare)

    return seen(False), seen(True)


@COLOURS
@pytest.mark.parametrize(
    ("word", "outcome", "answers", "gaps", "faults"),
    [
        ("tea", "tea", [FunctionResult("tea")], [], 0),
        ("refused", (ValueError, ("refused",), "None", "None"), ["ValueError"], [], 0),
        (
            "caused",
            (ValueError, ("caused",), "OSError('the line is dead')", "None"),
            ["ValueError"],
            [],
            0,
        ),
        (
            "cancelled",
            (asyncio.CancelledError, ("cancelled",), "None", "None"),
            ["asyncio.exceptions.CancelledError"],
            [],
            0,
        ),
        ("leaving", (Leaving, ("leaving",), "None", "None"), [f"{__name__}.Leaving"], [], 0),
        ("nested", ["nested", "within"], [FunctionResult(["nested", "within"])], [], 0),
        ("suppressed", "suppressed", [], [], 0),
        ("unreadable request", "unreadable request", [], ["recording failed"], 1),
        ("unreadable answer", "unreadable answer", [None], ["recording failed", "unreadable answer"], 1),
        (
            "unreadable failure",
            (ValueError, ("unreadable failure",), "None", "None"),
            [None],
            ["recording failed", "no answer"],
            1,
        ),
    ],
)
def test_every_outcome_is_recorded_alike(
    word: str,
    outcome: Any,
    answers: list[Any],
    gaps: list[str],
    faults: int,
    asynchronous: bool,
    tmp_path: Path,
) -> None:
    flow, directly = both(asynchronous, word, tmp_path)

    assert directly == flow
    found = [answer.type_name if isinstance(answer, Failure) else answer for _, answer, *_ in flow.calls]
    assert (flow.outcome, found, [kind for kind, _ in flow.gaps], flow.faults) == (
        outcome,
        answers,
        gaps,
        faults,
    )


@COLOURS
@pytest.mark.parametrize("word", ["tea", "refused", "unreadable request", "unreadable answer"])
def test_a_call_of_no_entry_is_taken_alike(word: str, asynchronous: bool, tmp_path: Path) -> None:
    flow, directly = both(asynchronous, word, tmp_path, bare=True)

    assert directly == flow


@COLOURS
@pytest.mark.parametrize("word", ["tea", "refused", "nested", "unreadable request", "unreadable answer"])
def test_where_nobody_records_the_call_is_only_made(word: str, asynchronous: bool) -> None:
    flow, directly = (Way(directly=way, asynchronous=asynchronous).say(word) for way in (False, True))

    assert directly == flow


@COLOURS
@pytest.mark.parametrize("word", ["tea", "refused", "leaving"])
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (Echo, "span"),
        (Echo, "observe"),
        (Echo, "_report_failure"),
        (Recorder, "begin"),
        (RecordedExchange, "__enter__"),
        (RecordedExchange, "__exit__"),
        (RecordedExchange, "finish"),
    ],
    ids=lambda of: of if isinstance(of, str) else of.__name__,
)
def test_whatever_of_ours_fails_the_app_gets_the_same(
    kind: type,
    method: str,
    word: str,
    asynchronous: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(kind, method, fail)
    flow, directly = both(asynchronous, word, tmp_path)
    monkeypatch.undo()

    assert directly == flow
    assert flow.outcome == Way(directly=False, asynchronous=asynchronous).say(word)


@COLOURS
@pytest.mark.parametrize("live", [False, True], ids=["answered", "let through"])
@pytest.mark.parametrize("word", ["tea", "refused", "nested", "unreadable request"])
def test_a_replay_answers_alike(word: str, live: bool, asynchronous: bool, tmp_path: Path) -> None:
    recorded(Way(directly=True, asynchronous=asynchronous), word, tmp_path)
    settings = config.load(live_plugins=["function"] if live else [])

    def replayed(directly: bool) -> Any:
        way = Way(directly=directly, asynchronous=asynchronous)
        with timetracer_otel.replay(tmp_path, settings=settings) as session:
            return way.say(word), [call.request for call in session.unused]

    assert replayed(True) == replayed(False)


@COLOURS
def test_a_replay_misses_alike(asynchronous: bool, tmp_path: Path) -> None:
    recorded(Way(directly=True, asynchronous=asynchronous), "tea", tmp_path)

    def replayed(directly: bool) -> Any:
        with pytest.raises(MissError) as missed, timetracer_otel.replay(tmp_path):
            Way(directly=directly, asynchronous=asynchronous).say("coffee")
        return str(missed.value)

    assert replayed(True) == replayed(False)
