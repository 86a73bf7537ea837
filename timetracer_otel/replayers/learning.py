"""Rules from what changes: cassettes are replayed several times, and what no two runs share is volatile."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from timetracer_otel.cassette import Call, Cassette
from timetracer_otel.config import Settings
from timetracer_otel.messages import HttpRequest, RedisCommand
from timetracer_otel.messages.http import split_url
from timetracer_otel.replayers.livecalls import is_live
from timetracer_otel.replayers.verdict import Verdict
from timetracer_otel.volatile_rules import VolatileRule

MAX_ROUNDS: Final = 20
"""How often rules may make calls possible in which more is volatile."""

Replay = Callable[[Settings], Iterable[Verdict]]
"""Replays all cassettes once."""

_QUOTED: Final = re.compile(r"([*?\[])")
_PLACE: Final = re.compile(r"\[(\d+)\]$")


class Lesson(NamedTuple):
    """What was learned.

    Attributes:
        rules: for what was another in each run, no wider than that.
        left: what differs from the recording in the same way each time, or no rule can say; one line each.
    """

    rules: list[VolatileRule]
    left: list[str]


class _Spot(NamedTuple):
    """One part of one cassette's replay that is not as recorded."""

    path: str
    recorded: int | None
    part: str
    said: str


def learn(replay: Replay, settings: Settings, times: int) -> Lesson:
    """Replay several times, and again with what was learned, until nothing more is.

    Args:
        replay: replays all cassettes with the settings that it is given.
        settings: those of the replay.
        times: how often in a round, twice at least.
    """
    rules: list[VolatileRule] = []
    left: list[str] = []
    for _ in range(MAX_ROUNDS):
        current = msgspec.structs.replace(settings, volatile=(*settings.volatile, *rules))
        seen = _seen(replay, current, times)
        found, left = _judged(seen, times, settings)
        new = [rule for rule in found if rule not in rules]
        if not new:
            break
        rules += new
    return Lesson(rules, left)


def _seen(replay: Replay, settings: Settings, times: int) -> dict[_Spot, list[str]]:
    """What was there instead, by spot, once for each run that differed there."""
    seen: dict[_Spot, list[str]] = defaultdict(list)
    for _ in range(times):
        for verdict in replay(settings):
            for finding in verdict.findings:
                if not finding.fails or (finding.follows and finding.kind != "response"):
                    continue
                for part in finding.parts:
                    spot = _Spot(verdict.path, finding.recorded, part.part, part.recorded)
                    seen[spot].append(part.live)
    return seen


def _judged(
    seen: dict[_Spot, list[str]], times: int, settings: Settings
) -> tuple[list[VolatileRule], list[str]]:
    rules: list[VolatileRule] = []
    left: list[str] = []
    for spot, live in seen.items():
        changes = len(live) == times and len(set(live)) > 1
        rule = _rule(spot, settings) if changes else None
        if rule is None:
            why = (
                "another in each run, and no rule but a regex can say so" if changes else "the same each time"
            )
            left.append(f"{spot.part}: recorded {spot.said}, live {live[-1]} ({why})")
        elif rule not in rules:
            rules.append(rule)
    return rules, left


def _rule(spot: _Spot, settings: Settings) -> VolatileRule | None:
    """A rule about that spot and nothing else; ``None`` where there is none."""
    cassette = Cassette.load(Path(spot.path))
    if spot.recorded is None:
        return _about_response(cassette, spot.part)
    calls = list(_compared(cassette, settings))
    if spot.recorded >= len(calls):
        return None
    return _about_call(calls[spot.recorded], spot.part)


def _compared(cassette: Cassette, settings: Settings) -> Iterator[Call]:
    for call in cassette.calls():
        if call.request is not None and not is_live(settings, call.integration, call.family):
            yield call


def _about_response(cassette: Cassette, part: str) -> VolatileRule | None:
    request = cassette.inbound_request
    if request is None:
        return None
    response = _glob(f"{request.method} {split_url(request.url).path or '/'}")
    if part.startswith("response body $"):
        return VolatileRule(response=response, json=part.removeprefix("response body "))
    if part.startswith("response header "):
        return VolatileRule(response=response, header=_first(part.removeprefix("response header ")))
    return None


def _about_call(call: Call, part: str) -> VolatileRule | None:
    request = call.request
    if request is None:
        return None
    title = request.title()
    if isinstance(request, HttpRequest):
        title = title.partition("?")[0]
    called = f"{call.family} {_glob(title)}"
    if part.startswith("HTTP header "):
        return VolatileRule(call=called, header=_first(part.removeprefix("HTTP header ")))
    if part.startswith("HTTP query "):
        return VolatileRule(call=called, query=_first(part.removeprefix("HTTP query ")))
    if part.startswith("HTTP form "):
        return VolatileRule(call=called, form=_first(part.removeprefix("HTTP form ")))
    if part.startswith("gRPC metadata "):
        return VolatileRule(call=called, header=_first(part.removeprefix("gRPC metadata ")))
    if part.startswith("HTTP body $"):
        return VolatileRule(call=called, json=part.removeprefix("HTTP body "))
    if part.startswith("MongoDB command"):
        return VolatileRule(call=f"{call.family} *", json=f"${part.removeprefix('MongoDB command')}")
    if part.startswith("SQL parameter ") and (place := _PLACE.search(part)):
        return VolatileRule(call=called, parameter=int(place[1]) + 1)
    if isinstance(request, RedisCommand) and not request.pipeline:
        return _about_redis(request, part)
    return None


def _about_redis(request: RedisCommand, part: str) -> VolatileRule | None:
    command, *arguments = map(str, request.arguments)
    if part == "Redis key":
        return VolatileRule(call=f"redis {_glob(command)}", argument=1)
    place = _PLACE.search(part)
    if place is None or not part.startswith("Redis argument "):
        return None
    called = (
        f"redis {_glob(command)} {_glob(request.title().split(' ')[1])}" if arguments else f"redis {command}"
    )
    return VolatileRule(call=called, argument=int(place[1]) + 1)


def _first(path: str) -> str:
    """The name that a path begins with."""
    return re.split(r"\[\d+\]$", path.strip().strip(".").strip("'\""))[0]


def _glob(text: str) -> str:
    """A pattern that matches that text and nothing else."""
    return _QUOTED.sub(r"[\1]", text)


def rule_lines(rules: Sequence[VolatileRule], table: str) -> str:
    """Rules as TOML, ready to be pasted.

    Args:
        rules: them.
        table: the name of the tables.
    """
    return "\n\n".join(rule.toml(table) for rule in rules)
