"""A module of tests: one function for each recorded request."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison import recorded_exception
from timetracer_otel.generating import layout
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.messages.http import split_url

MAX_SHOWN: Final = 4_000
"""Characters of a body that a test shows; of a larger one it says where it is."""
MAX_DEPTH: Final = 20
_PLAIN: Final = re.compile(r"[^a-z0-9]+")
_UNSAID: Final = frozenset(
    {
        "accept-encoding", "connection", "content-length", "host", "keep-alive", "te", "transfer-encoding",
        "traceparent", "tracestate", "upgrade", "user-agent", "x-request-id",
    }
)  # fmt: skip
"""Request headers that say nothing of the request."""

_HEAD: Final = '''"""Recorded requests, replayed.

Written by timetracer-otel generate-tests, which writes it anew as long as nobody
changes it by hand: {digest}
"""

import pytest


@pytest.fixture
def app(timetracer_app):
    {app}
'''
_DIGEST: Final = re.compile(r"(?<=changes it by hand: )[0-9a-f]{16}(?=\n)")


class Recorded(msgspec.Struct, frozen=True):
    """A cassette to write a test of.

    Attributes:
        cassette: with an HTTP request.
        path: where it is, as the test is to name it.
    """

    cassette: Cassette
    path: str


def module(
    recorded: Iterable[Recorded], app: str | None, *, factory: bool = False, startup: Sequence[str] = ()
) -> str:
    """The source of a module that replays those cassettes; the same each time for the same.

    Args:
        recorded: the cassettes.
        app: ``module:attribute``; ``None``: what pytest's configuration says.
        factory: the attribute is a function that makes the application.
        startup: cassettes of what the application says when it starts.
    """
    arguments: list[tuple[str, Any]] = [] if app is None else [("", app)]
    if factory:
        arguments.append(("factory", True))
    if startup:
        arguments.append(("startup", list(startup)))
    head = _HEAD.format(digest="0" * 16, app=layout.call("return timetracer_app", arguments, 4))
    in_order = sorted(recorded, key=lambda one: (one.cassette.title, one.cassette.started, one.path))
    seen: Counter[str] = Counter()
    tests = [_test(one, seen) for one in in_order]
    source = "\n\n".join([head, *tests])
    return _DIGEST.sub(digest(source), source, count=1)


def digest(source: str) -> str:
    """What a module of ours says of itself, so that a change is seen."""
    blank = _DIGEST.sub("0" * 16, source, count=1)
    return hashlib.sha256(blank.encode()).hexdigest()[:16]


def untouched(source: str) -> bool:
    """True for a module as it was written here."""
    found = _DIGEST.search(source)
    return found is not None and found[0] == digest(source)


def _test(one: Recorded, seen: Counter[str]) -> str:
    cassette = one.cassette
    request, response = cassette.inbound_request, cassette.inbound_response
    assert request is not None, "only such are given"
    name = _name(cassette, seen)
    lines = [
        f"def {name}(app):",
        "    " + layout.call("replay = app.replay", [("", one.path)], 4),
        "    " + _sending(request),
    ]
    if isinstance(response, HttpResponse):
        lines.append(f"    assert response.status == {int(response.status)}")
        lines += _body(response)
    elif recorded_exception(cassette):
        lines.append("    assert response.raised")
    titles = [call.request.title()[:500] for call in cassette.calls() if call.request is not None]
    lines.append(_equal("replay.calls", titles))
    return "\n".join(lines) + "\n"


def _name(cassette: Cassette, seen: Counter[str]) -> str:
    title = _PLAIN.sub("_", cassette.title.lower().encode("ascii", "ignore").decode()).strip("_")[:60]
    status = cassette.status
    name = "_".join(["test", title.strip("_") or "request", *([str(int(status))] if status else [])])
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}_number_{seen[name]}"


def _sending(request: HttpRequest) -> str:
    body = request.body or b""
    if not request.complete or request.body is None or len(body) > MAX_SHOWN:
        return "response = replay.resend()"
    parts = split_url(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    arguments: list[tuple[str, Any]] = [("", request.method), ("", target)]
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    found, value = _data(body) if content_type == "application/json" else (False, None)
    unsaid = _UNSAID | ({"content-type"} if found else set())
    headers = [
        (name.lower(), text)
        for name, text in request.headers
        if name.lower() not in unsaid and (name.lower(), text) != ("accept", "*/*")
    ]
    if headers:
        alone = len({name for name, _ in headers}) == len(headers)
        arguments.append(("headers", dict(headers) if alone else headers))
    if found:
        arguments.append(("json", value))
    elif body:
        try:
            arguments.append(("content", body.decode()))
        except UnicodeDecodeError:
            return "response = replay.resend()"  # what nobody can read need not be shown
    return layout.call("response = replay.request", arguments, 4)


def _body(response: HttpResponse) -> list[str]:
    body = response.body
    if body is None or not response.complete:
        return []
    found, value = _data(body)
    if found:
        return [_equal("response.json()", value)]
    if len(body) > MAX_SHOWN or body.startswith((b"{", b"[")):
        return ["    assert response.body == replay.recorded.body"]
    try:
        return [_equal("response.text", body.decode())]
    except UnicodeDecodeError:
        return ["    assert response.body == replay.recorded.body"]


def _equal(left: str, value: Any) -> str:
    start = f"assert {left} == "
    return "    " + start + layout.literal(value, 4, len(start))


def _data(body: bytes) -> tuple[bool, Any]:
    """Whether a body is an object or a list of JSON that a test can show, and that."""
    if len(body) > MAX_SHOWN or not body.lstrip().startswith((b"{", b"[")):
        return False, None
    try:
        value = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return False, None
    return _shallow(value, MAX_DEPTH), value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is equal to nothing")


def _shallow(value: Any, depth: int) -> bool:
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return False
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_shallow(item, depth - 1) for item in items)


def relative(path: Path, folder: Path) -> str:
    """The path as a module in that folder names it, with slashes."""
    try:
        return PurePosixPath(Path(os.path.relpath(path.resolve(), folder.resolve()))).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
