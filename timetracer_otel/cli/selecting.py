"""Which cassettes ``-k`` means: by endpoint, method, status, tag, or any text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from timetracer_otel.cassette import Cassette

_TAGS: Final = "timetracer.tags"
"""The attribute of the entry span, or of the resource, with the tags: a list, or words with commas."""
_STATUS: Final = re.compile(r"[1-5](\d\d|xx)", re.I)
HELP: Final = (
    "Only those with TEXT in title, URL or trace id; or method:POST, status:404, status:5xx,"
    " endpoint:'/orders/*', tag:smoke. Given again, all must hold."
)


def selecting(words: Sequence[str]) -> Callable[[Cassette], bool] | None:
    """Whether a cassette is one that all of those mean; ``None`` where none was given.

    Raises:
        click.BadParameter: a status is none.
    """
    rules = [_rule(word) for word in words]
    return (lambda cassette: all(rule(cassette) for rule in rules)) if rules else None


def _rule(word: str) -> Callable[[Cassette], bool]:
    from timetracer_otel.cli.places import matching

    name, colon, wanted = word.partition(":")
    if colon and name == "method":
        return lambda cassette: _method(cassette) == wanted.upper()
    if colon and name == "status":
        if not _STATUS.fullmatch(wanted):
            raise click.BadParameter(f"{wanted!r} is no status; give one like 404 or 5xx", param_hint="-k")
        return lambda cassette: fnmatchcase(str(cassette.status), wanted.lower().replace("xx", "??"))
    if colon and name == "endpoint":
        return lambda cassette: _endpoint(cassette, wanted)
    if colon and name == "tag":
        return lambda cassette: wanted in tags(cassette)
    return matching(word)


def _method(cassette: Cassette) -> str:
    request = cassette.inbound_request or cassette.inbound_websocket
    return "" if request is None else request.method.upper()


def _endpoint(cassette: Cassette, wanted: str) -> bool:
    """The route, or the path itself."""
    from timetracer_otel.messages.http import split_url

    request = cassette.inbound_request or cassette.inbound_websocket
    paths = {cassette.title.rpartition(" ")[2], "" if request is None else split_url(request.url).path}
    return any(fnmatchcase(path, wanted) for path in paths)


def tags(cassette: Cassette) -> set[str]:
    """The tags of a cassette."""
    found: set[str] = set()
    for attributes in (cassette.entry.attributes, cassette.resource.attributes):
        given = attributes.get(_TAGS)
        words = given if isinstance(given, list) else str(given or "").split(",")
        found |= {str(word).strip() for word in words}
    return found - {""}
