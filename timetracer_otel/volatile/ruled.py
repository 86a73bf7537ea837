"""Messages with what rules set aside marked in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from timetracer_otel.messages import Canonical, HttpResponse, Request, SqlStatement
from timetracer_otel.messages.http import body_content
from timetracer_otel.messages.sql import bind_names
from timetracer_otel.volatile.shape import Anything
from timetracer_otel.volatile_rules import Step, VolatileRule

_LEFT_OUT: Final = "<anything>"
_DEPTH: Final = 200


class Rules:
    """The rules of a replay, or of a comparison.

    Args:
        rules: as they were written.
    """

    def __init__(self, rules: Sequence[VolatileRule] = ()) -> None:
        self._rules = tuple(rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def request(
        self, request: Request, canonical: Canonical
    ) -> tuple[Canonical, tuple[re.Pattern[str], ...]]:
        """What a call asks, marked; and the patterns of what may be anything in its texts.

        Args:
            request: the call.
            canonical: its canonical form; not changed.
        """
        patterns: list[re.Pattern[str]] = []
        title = request.title() if self._rules else ""
        for rule in self._rules:
            if not rule.about_call(request.family, title):
                continue
            if rule.regex:
                patterns.append(re.compile(rule.regex))
            else:
                canonical = _marked(rule, request, canonical)
        return canonical, tuple(patterns)

    def without(self, request: Request) -> Canonical:
        """What a call asks, with one and the same in place of all that may be anything.

        Args:
            request: the call.
        """
        canonical = request.canonical()
        if not self._rules:
            return canonical
        marked, patterns = self.request(request, canonical)
        plain: Canonical = _plain(marked, patterns, 0)
        return plain

    def answer(self, request: Request, recorded: Any, live: Any) -> Any:
        """What a call was answered in one recording, with the other's values where any will do.

        Args:
            request: the call.
            recorded: what it was answered in the one; not changed.
            live: what it was answered in the other.
        """
        if not isinstance(recorded, HttpResponse) or not isinstance(live, HttpResponse):
            return recorded
        title = request.title() if self._rules else ""
        for rule in self._rules:
            if rule.about_call(request.family, title):
                recorded = _taken_over(rule, recorded, live)
        return recorded

    def response(self, title: str, recorded: Any, live: Any) -> Any:
        """A recorded response with the live one's values where any will do.

        Args:
            title: method and path of the request.
            recorded: what was answered then; not changed.
            live: what is answered now.
        """
        if not isinstance(recorded, HttpResponse) or not isinstance(live, HttpResponse):
            return recorded
        for rule in self._rules:
            if rule.about_response(title):
                recorded = _taken_over(rule, recorded, live)
        return recorded


def _plain(data: Any, patterns: Sequence[re.Pattern[str]], depth: int) -> Any:
    """The data, with what is marked and what the patterns match left out."""
    if isinstance(data, Anything):
        return _LEFT_OUT
    if isinstance(data, str):
        for pattern in patterns:
            data = pattern.sub(_LEFT_OUT, data)
        return data
    if depth > _DEPTH:
        return data
    if isinstance(data, bytes) and patterns:
        return _plain(data.decode("latin-1"), patterns, depth).encode("latin-1", "replace")
    if isinstance(data, dict):
        return {
            _plain(key, patterns, depth + 1): _plain(value, patterns, depth + 1)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return type(data)(_plain(item, patterns, depth + 1) for item in data)
    return data


def _marked(rule: VolatileRule, request: Request, canonical: Canonical) -> Canonical:
    body = canonical.get("body")
    if rule.header:
        part = "metadata" if "metadata" in canonical else "headers"
        headers = canonical.get(part)
        if isinstance(headers, dict) and rule.header.lower() in headers:
            given = [Anything(value) for value in headers[rule.header.lower()]]
            return {**canonical, part: {**headers, rule.header.lower(): given}}
    elif rule.query and "query" in canonical:
        return {**canonical, "query": _pairs(canonical["query"], rule.query)}
    elif rule.form and isinstance(body, dict) and "form" in body:
        return {**canonical, "body": {"form": _pairs(body["form"], rule.form)}}
    elif rule.json:
        if isinstance(body, dict) and "json" in body:
            return {**canonical, "body": {"json": _at(body["json"], rule.steps(), Anything)}}
        if request.family == "mongodb":
            return {**canonical, "command": _at(canonical["command"], rule.steps(), Anything)}
        if request.family == "function":
            return {**canonical, **_at(canonical, rule.steps(), Anything)}
    elif rule.parameter and isinstance(request, SqlStatement):
        return {**canonical, "parameters": _parameters(rule.parameter, request, canonical)}
    elif rule.argument and request.family == "redis":
        if "command" in canonical:
            return {**canonical, "command": _place(canonical["command"], rule.argument)}
        return {**canonical, "pipeline": [_place(one, rule.argument) for one in canonical["pipeline"]]}
    return canonical


def _parameters(wanted: str | int, request: SqlStatement, canonical: Canonical) -> Any:
    if isinstance(wanted, str):
        names = bind_names(request)
        if wanted not in names:
            return canonical["parameters"]
        wanted = names.index(wanted) + 1
    given = canonical["parameters"]
    if canonical["executemany"]:
        return [_place(one, wanted - 1) for one in given]
    return _place(given, wanted - 1)


def _place(items: Any, place: int) -> Any:
    if not isinstance(items, list) or not 0 <= place < len(items):
        return items
    return [*items[:place], Anything(items[place]), *items[place + 1 :]]


def _pairs(pairs: Any, name: str) -> Any:
    return [[key, Anything(value) if key == name else value] for key, value in pairs]


def _at(data: Any, steps: Sequence[Step], change: Callable[[Any], Any]) -> Any:
    """The data with what is at those places changed."""
    if not steps:
        return change(data)
    step, rest = steps[0], steps[1:]
    if isinstance(data, dict) and not isinstance(step, int):
        wanted = data if step is None else [key for key in (step,) if key in data]
        return {**data, **{key: _at(data[key], rest, change) for key in wanted}}
    if isinstance(data, list) and not isinstance(step, str):
        places = range(len(data)) if step is None else range(step, min(step + 1, len(data)))
        return [_at(item, rest, change) if at in places else item for at, item in enumerate(data)]
    return data


def _both(recorded: Any, live: Any, steps: Sequence[Step]) -> Any:
    """The recorded data with the live value at those places, where both have one."""
    if not steps:
        return live
    step, rest = steps[0], steps[1:]
    if isinstance(recorded, dict) and isinstance(live, dict) and not isinstance(step, int):
        keys = [key for key in (recorded if step is None else (step,)) if key in recorded and key in live]
        return {**recorded, **{key: _both(recorded[key], live[key], rest) for key in keys}}
    if isinstance(recorded, list) and isinstance(live, list) and not isinstance(step, str):
        shared = range(min(len(recorded), len(live)))
        places = shared if step is None else [step] * (step in shared)
        return [_both(item, live[at], rest) if at in places else item for at, item in enumerate(recorded)]
    return recorded


def _taken_over(rule: VolatileRule, recorded: HttpResponse, live: HttpResponse) -> HttpResponse:
    if rule.header:
        return _header_taken_over(rule.header.lower(), recorded, live)
    kind = recorded.header("content-type") or ""
    was, now = body_content(recorded.body, kind), body_content(live.body, live.header("content-type") or "")
    if rule.json and isinstance(was, dict) and isinstance(now, dict) and "json" in was and "json" in now:
        body = json.dumps(_both(was["json"], now["json"], rule.steps())).encode()
        return msgspec.structs.replace(recorded, body=body, chunks=None)
    if rule.regex and recorded.body and live.body:
        pattern = re.compile(rule.regex.encode("utf-8", "surrogatepass"))
        found = list(pattern.finditer(live.body))
        if len(found) == len(pattern.findall(recorded.body)):
            texts: Iterator[bytes] = iter([match[0] for match in found])
            body = pattern.sub(lambda _: next(texts), recorded.body)
            return msgspec.structs.replace(recorded, body=body, chunks=None)
    return recorded


def _header_taken_over(name: str, recorded: HttpResponse, live: HttpResponse) -> HttpResponse:
    values = iter([value for key, value in live.headers if key.lower() == name])
    headers = [
        (key, next(values, value) if key.lower() == name else value) for key, value in recorded.headers
    ]
    return msgspec.structs.replace(recorded, headers=headers)
