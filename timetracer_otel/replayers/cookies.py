"""Cookies that a client kept of earlier requests.

A client that lives as long as its process sends what other requests were given. In a replay of one of them
alone it has nothing of it, and after replays in another order it has more: neither says anything of the call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from timetracer_otel.cassette import Call
from timetracer_otel.messages import Answer, Failure, HttpRequest, HttpResponse, Request

_MAX_TRIED: Final = 500
_MAX_NAMES: Final = 10_000
_given: set[str] = set()
_lock = threading.Lock()


class Sent(NamedTuple):
    """The cookies of a recorded call.

    Attributes:
        at: its place among all calls.
        header: as they were sent; empty when there were none.
        kept: names of those that neither the request that came in nor an answer before it explains.
    """

    at: int
    header: str
    kept: frozenset[str]


def note(answer: Answer | Failure) -> None:
    """A replay gives that to a client of this process, which may keep its cookies."""
    names = set_by(answer)
    if names and len(_given) < _MAX_NAMES:
        with _lock:
            _given.update(names)


def set_by(answer: Answer | Failure | None) -> set[str]:
    """The names of the cookies that an answer sets."""
    if not isinstance(answer, HttpResponse):
        return set()
    return {_name(value) for name, value in answer.headers if name.lower() == "set-cookie"}


def sent(calls: Sequence[Call], inbound: Sequence[HttpRequest]) -> list[Sent]:
    """What each of these calls sent."""
    explained = {name for request in inbound for name in _pieces(header_of(request) or "")}
    found = []
    for at, call in enumerate(calls):
        header = header_of(call.request)
        if header is not None:
            found.append(Sent(at, header, frozenset(_pieces(header)) - explained))
            explained |= set_by(call.answer)
    return found


def header_of(request: Request | None) -> str | None:
    """The cookies of a request; ``None`` where that is not known, or said in several headers."""
    if not isinstance(request, HttpRequest) or not request.headers_recorded:
        return None
    headers = [value for name, value in request.headers if name.lower() == "cookie"]
    return None if len(headers) > 1 else "".join(headers)


def as_recorded(request: Request, recorded: Sequence[Sent], used: set[int]) -> Iterator[Request]:
    """That request with the cookies of recorded calls, wherever the difference may be what was kept.

    Args:
        request: a live one.
        recorded: what the recorded calls sent.
        used: places of those that are used up.
    """
    header = header_of(request)
    if header is None or not isinstance(request, HttpRequest):
        return
    live, tried = _pieces(header), {header}
    for one in [one for one in recorded if one.at not in used][:_MAX_TRIED]:
        theirs = _pieces(one.header)
        if (theirs.keys() - live.keys()) - one.kept or (live.keys() - theirs.keys()) - _given:
            continue
        between = "; " if "; " in one.header else ";"
        cookies = between.join(live.get(name, piece) for name, piece in theirs.items())
        if cookies not in tried:
            tried.add(cookies)
            others = [pair for pair in request.headers if pair[0].lower() != "cookie"]
            sends = [("cookie", cookies)] if theirs else []
            yield msgspec.structs.replace(request, headers=[*others, *sends])


def _pieces(header: str) -> dict[str, str]:
    """Each cookie as it stands there, by its name."""
    return {_name(piece): piece.strip() for piece in header.split(";") if piece.strip()}


def _name(piece: str) -> str:
    return piece.partition(";")[0].partition("=")[0].strip()
