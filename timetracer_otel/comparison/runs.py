"""The two sides of a comparison, each as one form: a recording, or what an app did just now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.tree import ENTRY

TITLE: Final = 300
"""Characters of a call's title."""


class Made(msgspec.Struct):
    """One dependency call as it is compared.

    Attributes:
        request: what was asked; ``None`` where that is not known.
        title: it in one line.
        family, integration: whose it is.
        writes: it changes something in the world.
        path: names of the spans above it, from the entry down; ``None`` where that is not known.
        lane: the task or thread that made it.
        answer: what came back, where that can differ between the two sides.
        began, took: nanoseconds since the run began, and how long it took; ``None`` where not known.
        explanation: why nothing answered it.
        grade: how exactly a recorded call matched it.
        elsewhere: the name of another recording that asked this, where the one that is replayed did not;
            with what is to be said of it where nothing answered it.
        held_since: the earlier request of this run that asked this; a cache most likely holds the answer.
    """

    request: Request | None
    title: str
    family: str
    integration: str = ""
    writes: bool = False
    path: tuple[str, ...] | None = None
    lane: int = 0
    answer: Answer | Failure | None = None
    began: int | None = None
    took: int | None = None
    explanation: str = ""
    grade: str = ""
    elsewhere: str = ""
    held_since: str = ""

    @property
    def places(self) -> list[str]:
        """The path without the entry."""
        return [name for name in self.path or () if name != ENTRY]


class Run(msgspec.Struct):
    """One request or message from its arrival to its end.

    Attributes:
        outcome: what it ended in; ``None`` where that is not known.
        calls: the calls it made, in order.
        raised: the exception that went through the app, as ``KeyError: 'price'``; empty for none.
        took: nanoseconds; ``None`` where not known.
    """

    outcome: Answer | Failure | None = None
    calls: list[Made] = msgspec.field(default_factory=list)
    raised: str = ""
    took: int | None = None


def made(call: Call, started: int = 0, *, with_answer: bool = True) -> Made:
    """A recorded call as it is compared.

    Args:
        call: the call.
        started: when its request began, in nanoseconds since the epoch.
        with_answer: what came back is compared as well.
    """
    try:
        request, answer = call.request, call.answer if with_answer else None
    except CodecError:
        request, answer = None, None  # whoever replays it says so
    span = call.span
    ended = span.end_time_unix_nano
    return Made(
        request=request,
        title=(span.name if request is None else request.title())[:TITLE],
        family=call.family,
        integration=call.integration,
        writes=request is not None and request.writes,
        path=call.path,
        lane=call.lane,
        answer=answer,
        began=span.start_time_unix_nano - started,
        took=ended - span.start_time_unix_nano if ended else None,
    )


def recorded_run(cassette: Cassette, wanted: Callable[[Call], bool] = lambda call: True) -> Run:
    """What a cassette holds, as it is compared.

    Args:
        cassette: the recording.
        wanted: which calls count.
    """
    try:
        outcome = cassette.inbound_answer
    except CodecError:
        outcome = None
    return Run(
        outcome=outcome,
        calls=[made(call, cassette.started) for call in cassette.calls() if wanted(call)],
        raised=recorded_exception(cassette),
        took=cassette.duration or None,
    )


def recorded_exception(cassette: Cassette) -> str:
    """The exception that the entry ended in, as ``KeyError: 'price'``; empty for none."""
    for event in cassette.entry.events:
        if event.name == "exception":
            kind = str(event.attributes.get("exception.type", "exception")).rpartition(".")[2]
            message = str(event.attributes.get("exception.message", ""))
            return f"{kind}: {message}"[:TITLE] if message else kind
    return ""
