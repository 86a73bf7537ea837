"""Where two structures differ: the smallest parts that do, each named by its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from typing import Any, Final, TypeAlias

import msgspec

from timetracer_otel.redaction import masked_equal

Equal: TypeAlias = Callable[[Any, Any], bool]
"""Whether two values say the same."""

Words: TypeAlias = tuple[str, str]
"""What the two sides are called."""

NOTHING: Final = "nothing"
REPLAY: Final[Words] = ("recorded", "live")
"""The two sides of a replay."""
_SHOWN: Final = 120
_LEAD: Final = 40
"""Characters shown before the first that differs, where a text is cut."""
_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]*")
_ALIGNED: Final = 2_000
"""Items of a list that are aligned; longer ones are compared place by place."""


class Difference(msgspec.Struct, frozen=True):
    """One part in which something is not as it was recorded.

    Attributes:
        part: its path: ``query[0][1]``, ``$.order.id``.
        recorded: what was there, as Python writes it.
        live: what is there now.
    """

    part: str
    recorded: str
    live: str

    def __str__(self) -> str:
        return self.said(REPLAY)

    def said(self, words: Words) -> str:
        """The difference in one line, each side called by its word."""
        return f"{self.part}: {words[0]} {self.recorded}, {words[1]} {self.live}"


def differences(
    recorded: Any, live: Any, part: str = "", equal: Equal = masked_equal
) -> Iterator[Difference]:
    """Where two structures of dicts, lists and scalars differ, part by part, the smallest parts that do.

    In lists of different lengths what was put in or taken out is one difference, and moves nothing else.

    Args:
        recorded: what it was.
        live: what it is.
        part: the path of both.
        equal: whether two scalars, or two whole structures, say the same.
    """
    if isinstance(recorded, dict) and isinstance(live, dict):
        for key in [*recorded, *(key for key in live if key not in recorded)]:
            name = _below(part, key)
            if key not in recorded:
                yield Difference(name, NOTHING, show(live[key]))
            elif key not in live:
                yield Difference(name, show(recorded[key]), NOTHING)
            else:
                yield from differences(recorded[key], live[key], name, equal)
    elif _is_list(recorded) and _is_list(live):
        yield from _of_lists(recorded, live, part, equal)
    elif not equal(recorded, live):
        yield Difference(part or "value", *show_both(recorded, live))


def _of_lists(recorded: Any, live: Any, part: str, equal: Equal) -> Iterator[Difference]:
    if len(recorded) == len(live) or max(len(recorded), len(live)) > _ALIGNED:
        for index, (left, right) in enumerate(zip(recorded, live, strict=False)):
            yield from differences(left, right, f"{part}[{index}]", equal)
        first, second, at = recorded, live, min(len(recorded), len(live))
        if len(first) != len(second):
            yield Difference(f"{part}[{at}:]", _items(first[at:]), _items(second[at:]))
        return
    for kind, low, high, low_now, high_now in aligned(list(recorded), list(live), equal):
        if kind == "equal":
            continue
        pairs = min(high - low, high_now - low_now)
        for step in range(pairs):
            name = f"{part}[{low + step}]"
            yield from differences(recorded[low + step], live[low_now + step], name, equal)
        for index in range(low + pairs, high):
            yield Difference(f"{part}[{index}]", show(recorded[index]), NOTHING)
        for index in range(low_now + pairs, high_now):
            yield Difference(f"{part}[{index}]", NOTHING, show(live[index]))


def aligned(recorded: list[Any], live: list[Any], equal: Equal) -> list[tuple[str, int, int, int, int]]:
    """How to make one list of the other, as :meth:`difflib.SequenceMatcher.get_opcodes` says it.

    Args:
        recorded: what it was.
        live: what it is.
        equal: whether two items say the same.
    """
    # items are numbered, equal ones alike, because they need not be hashable
    known: list[Any] = []
    names: dict[str, int] = {}

    def number(item: Any) -> int:
        text = repr(item)
        found = names.get(text)
        if found is None:
            found = next((at for at, one in enumerate(known) if equal(one, item)), len(known))
            if found == len(known):
                known.append(item)
            names[text] = found
        return found

    left, right = [number(item) for item in recorded], [number(item) for item in live]
    return [(*code,) for code in SequenceMatcher(None, left, right, autojunk=False).get_opcodes()]


def show(value: Any) -> str:
    """A value as Python writes it, cut where it is long."""
    return _cut(repr(value))


def show_both(recorded: Any, live: Any) -> tuple[str, str]:
    """Two values as Python writes them, where they are long cut so that the first difference is seen."""
    texts = repr(recorded), repr(live)
    if max(map(len, texts)) <= _SHOWN:
        return texts
    pairs = zip(*texts, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), min(map(len, texts)))
    from_ = same - _LEAD if same > _SHOWN * 2 // 3 else 0
    if not from_:
        return show(recorded), show(live)
    first, second = ("..." + text[from_:] for text in texts)
    return _cut(first), _cut(second)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _items(items: Any) -> str:
    return show(list(items)) if items else NOTHING


def _below(part: str, key: Any) -> str:
    if part.endswith(" "):
        return f"{part}{key}"
    if isinstance(key, str) and _PLAIN.fullmatch(key):
        return f"{part}.{key}" if part else key
    return f"{part}[{key!r}]" if part else str(key)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
