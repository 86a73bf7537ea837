"""Requests in which the order of a list says nothing: ids out of a set come in another order in each process.

``WHERE id IN (?, ?)``, ``= ANY(?)``, MongoDB's ``$in``, ``DEL a b``. What is a list of places (``ORDER BY
FIELD(id, ?, ?)``, a row of values) is compared as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any, Final

from timetracer_otel import values
from timetracer_otel.messages.base import Answer, Failure, Request
from timetracer_otel.messages.mongodb import MongoCommand
from timetracer_otel.messages.redis import RedisCommand, RedisReply
from timetracer_otel.messages.sql import SqlStatement

_QUOTED: Final = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) | '(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z)
      | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?:(?P=dollar)|\Z) | --[^\n]*(?:\n|$) | /\*.*?(?:\*/|\Z)""",
    re.X | re.S,
)
_BINDS: Final = (re.compile(r"\$(\d{1,5})\b"), re.compile(r"(?<![:\w]):(\d{1,5})\b"))
"""Numbered ones; named ones are numbered in the canonical form."""
_MARKS: Final = (re.compile(r"%s"), re.compile(r"\?"))
"""Those that are counted."""
_CAST: Final = r"(?:::[A-Za-z_][\w ]*(?:\(\d+(?:,\s?\d+)?\))?(?:\[\])?)?"
_BIND: Final = rf"(?:\$\d{{1,5}}|:\d{{1,5}}|%s|\?){_CAST}"
_IN: Final = re.compile(rf"\bIN\s?\(\s?({_BIND}(?:\s?,\s?{_BIND})+)\s?\)", re.I)
_ANY: Final = re.compile(rf"(?:=\s?ANY|(?:<>|!=)\s?ALL)\s?\(\s?\(?\s?({_BIND})\s?\)?\s?\)", re.I)

_SETS: Final = {
    "DEL": 1, "EXISTS": 1, "PFCOUNT": 1, "SINTER": 1, "SUNION": 1, "TOUCH": 1, "UNLINK": 1,
    "HDEL": 2, "PFADD": 2, "SADD": 2, "SREM": 2, "ZREM": 2,
}  # fmt: skip
"""Commands of Redis, and where the list begins whose order says nothing."""
_LISTS: Final = {"HMGET": 2, "MGET": 1, "SMISMEMBER": 2}
"""The same, where the reply has one item for each in that order."""
_FILTERS: Final = frozenset({"filter", "query", "q", "$match"})
_AMONG: Final = frozenset({"$in", "$nin"})


def unordered(request: Request) -> Hashable | None:
    """Equal for two requests that differ in the order of such lists alone; ``None`` where there is none.

    Args:
        request: what is asked.
    """
    if isinstance(request, SqlStatement):
        return _statement(request)
    if isinstance(request, RedisCommand):
        return _command(request)
    if isinstance(request, MongoCommand):
        found: list[bool] = []
        form = _document(request.canonical(), found, within=False)
        return ("mongodb", values.canonical(form)) if found else None
    return None


def in_order_of(answer: Answer | Failure, was: Request, now: Request) -> Answer | Failure | None:
    """The answer of a request as it is of another that differs in the order of such a list.

    Args:
        answer: of the recorded one; read anew, not shared.
        was: the recorded request.
        now: the live one.

    Returns:
        ``None`` where that cannot be told.
    """
    if not isinstance(was, RedisCommand) or not isinstance(now, RedisCommand) or _name(was) not in _LISTS:
        return answer
    if isinstance(answer, Failure):
        return answer
    asked, asks = _items(was), _items(now)
    value = answer.value if isinstance(answer, RedisReply) and not answer.extra else None
    if not isinstance(value, list) or not len(set(asked)) == len(asked) == len(value):
        return None
    reply = dict(zip(asked, value, strict=True))
    return RedisReply([reply[item] for item in asks]) if reply.keys() == set(asks) else None


def _statement(request: SqlStatement) -> Hashable | None:
    if request.executemany or request.step:
        return None
    form = request.canonical()
    given = form["parameters"]
    if not isinstance(given, list) or not given:
        return None
    text = _QUOTED.sub(lambda found: "_" * len(found[0]), form["statement"])
    places = _places(text, len(given))
    if places is None:
        return None
    changed = list(given)
    for found in _IN.finditer(text):
        at = [place for start, place in places.items() if found.start(1) <= start < found.end(1)]
        casts = {re.sub(r"^(?:\$\d+|:\d+|%s|\?)", "", one.strip()) for one in _binds_of(found[1])}
        if len(casts) == 1:
            for place, value in zip(at, _sorted([given[place] for place in at]), strict=True):
                changed[place] = value
    lists = False
    for found in _ANY.finditer(text):
        array = places.get(found.start(1))
        if array is not None and isinstance(given[array], list | tuple):
            changed[array], lists = _sorted(given[array]), True
    if not lists and not _IN.search(text):
        return None
    return "db", form["statement"], values.canonical(changed)


def _binds_of(text: str) -> list[str]:
    return [found[0] for found in re.finditer(_BIND, text)]


def _places(text: str, count: int) -> dict[int, int] | None:
    """Where in the text each parameter is, and which it is; ``None`` where one is there twice, or that is not
    known.

    Args:
        text: without what is quoted.
        count: how many parameters there are.
    """
    ways: list[dict[int, int]] = []
    for pattern in _BINDS:
        found = {one.start(): int(one[1]) - 1 for one in pattern.finditer(text)}
        if sorted(found.values()) == list(range(count)):
            ways.append(found)
    for pattern in _MARKS:
        found = {one.start(): number for number, one in enumerate(pattern.finditer(text.replace("%%", "__")))}
        if len(found) == count:
            ways.append(found)
    return ways[0] if len(ways) == 1 else None


def _sorted(items: Sequence[Any]) -> list[Any]:
    return sorted(items, key=values.canonical)


def _name(request: RedisCommand) -> str:
    first = request.arguments[0] if request.arguments and not request.pipeline else ""
    return first.upper() if isinstance(first, str) else ""


def _items(request: RedisCommand) -> list[Any]:
    """The items of the list, as they go over the wire."""
    words: list[Any] = request.canonical()["command"]
    return words[_LISTS[_name(request)] :]


def _command(request: RedisCommand) -> Hashable | None:
    name = _name(request)
    begins = _SETS.get(name) or _LISTS.get(name)
    if begins is None or len(request.arguments) < begins + 2:
        return None
    words: list[Any] = request.canonical()["command"]
    return "redis", *words[:begins], *sorted(words[begins:], key=repr)


def _document(value: Any, found: list[bool], *, within: bool) -> Any:
    """The document, its lists of what a field may be in one order.

    Args:
        value: a part of it.
        found: told of each such list.
        within: in a filter, and not in an expression, where ``$in`` has an item and a list.
    """
    if isinstance(value, dict):
        changed = {}
        for key, item in value.items():
            if within and key in _AMONG and isinstance(item, list) and len(item) > 1:
                changed[key] = _sorted(item)
                found.append(True)
            else:
                inside = key in _FILTERS or (within and key != "$expr")
                changed[key] = _document(item, found, within=inside)
        return changed
    if isinstance(value, list):
        return [_document(item, found, within=within) for item in value]
    return value
