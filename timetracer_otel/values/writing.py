"""Values to JSON text: one pass to what a JSON encoder writes, containers copied only where needed."""

from __future__ import annotations

import base64
from collections.abc import Collection
from itertools import chain
from math import isfinite
from typing import Any, Final

import msgspec

from timetracer_otel.values.registry import (
    CONTAINERS,
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_INT_BITS,
    Kind,
    TooLargeError,
    Unsupported,
    by_type,
    simplify,
    unsupported_value,
)

_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})
_LISTS: Final = frozenset({list})
_STRINGS: Final = frozenset({str})
_SCALARS: Final = _AS_THEY_ARE | {float}
_HEX_FROM_BITS: Final = 1024
_FEW: Final = 10_000

unsupported_met: Final[list[str]] = []
"""The name of the first type that this process could not write; empty as long as it wrote everything."""

_json: Final = msgspec.json.Encoder()
_sorted_json: Final = msgspec.json.Encoder(order="deterministic")


def encode(value: Any, *, ordered: bool = False) -> tuple[bytes, list[str]]:
    """The value as JSON, and the names of the types in it that could not be written.

    Args:
        value: anything.
        ordered: set the order of dicts aside.
    """
    encoder = _sorted_json if ordered else _json
    try:
        plain = _as_json(value)
        if plain is not None or value is None:
            return encoder.encode(plain), []
    except (UnicodeEncodeError, OverflowError, ValueError):
        pass  # as below
    text, problems = _written(value, encoder, ordered)
    if problems and not unsupported_met:
        unsupported_met.append(problems[0])
    return text, problems


def _as_json(value: Any) -> Any:
    """What JSON has for the value, where that can be told at a glance; else ``None``, as for ``None``."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is list:
        kinds = set(map(type, value))
        if kinds <= _AS_THEY_ARE:
            return value
        if kinds == _LISTS and len(value) < _FEW:  # rows, and what describes their columns
            return value if _AS_THEY_ARE.issuperset(map(type, chain.from_iterable(value))) else None
    elif kind is tuple and _AS_THEY_ARE.issuperset(map(type, value)):
        return {"$tuple": value}
    return None


def _written(value: Any, encoder: msgspec.json.Encoder, ordered: bool) -> tuple[bytes, list[str]]:
    reason = ""
    for careful in (False, True):
        writer = _Writer(ordered=ordered, careful=careful)
        try:
            return encoder.encode(writer.write(value, 0)), writer.problems
        except (UnicodeEncodeError, OverflowError, ValueError):
            continue  # a lone surrogate or a giant integer somewhere: look at each string and number
        except Exception as error:  # noqa: BLE001  # too large, or changed by another thread meanwhile
            reason = str(error) if isinstance(error, TooLargeError) else type(error).__name__
            break
    marker = unsupported_value(value, f"<{reason}>")
    return encoder.encode(_marker(marker)), [marker.type_name]


def _plain(items: Collection[Any]) -> bool:
    """True when JSON has all of them as they are."""
    if _AS_THEY_ARE.issuperset(map(type, items)):
        return True
    if not _SCALARS.issuperset(map(type, items)):
        return False
    return all(map(isfinite, [item for item in items if type(item) is float]))


def _json_keys(keys: Collection[Any]) -> bool:
    """True when a JSON object can have these keys, and none could be mistaken for a tag."""
    if not _STRINGS.issuperset(map(type, keys)):
        return False
    return "$" not in "".join(keys) or not any(key[:1] == "$" for key in keys)


def _encodable(text: str) -> bool:
    """False for text with lone surrogates, which UTF-8 cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _marker(value: Unsupported) -> dict[str, str]:
    name, text = (part.encode("utf-8", "backslashreplace").decode() for part in (value.type_name, value.text))
    return {"$unsupported": name, "repr": text}


class _Writer:
    __slots__ = ("careful", "containers", "ordered", "path", "problems")

    def __init__(self, *, ordered: bool, careful: bool) -> None:
        self.ordered = ordered
        self.careful = careful
        self.problems: list[str] = []
        self.path: set[int] = set()
        self.containers = 0

    def write(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return self._careful(value) if self.careful else value
        if kind is float:
            return value if isfinite(value) else {"$float": repr(value)}
        if kind in CONTAINERS:
            return self._container(kind, value, depth)
        if kind is Unsupported:
            return self._unsupported(value)
        known = by_type.get(kind)
        if known is None:
            known, value = simplify(value)
        return self.write(value, depth) if known is None else self._registered(known, value, depth)

    def _container(self, kind: type, value: Any, depth: int) -> Any:
        self.containers += 1
        if self.containers > MAX_CONTAINERS:
            raise TooLargeError(f"more than {MAX_CONTAINERS:,} containers")
        if depth > MAX_DEPTH:
            return self._unsupported(unsupported_value(value, f"<nested deeper than {MAX_DEPTH}>"))
        if not self.careful:
            # what holds only scalars cannot hold itself: most containers are done here
            if kind is dict:
                if _json_keys(value) and _plain(value.values()):
                    return value
            elif kind is not set and kind is not frozenset and _plain(value):
                return value if kind is list else {"$tuple": value}
        key = id(value)
        if key in self.path:
            return self._unsupported(unsupported_value(value, "<contains itself>"))
        self.path.add(key)
        # few Python frames a level, so that the limit of depth is met before the interpreter's own
        below = depth + 1
        try:
            if kind is dict:
                items = list(value.items())
                written = [self.write(item, below) for _, item in items]
                keys = [self.write(name, below) for name, _ in items]
                return (
                    dict(zip(keys, written, strict=True)) if _json_keys(keys) else self._pairs(keys, written)
                )
            written = [self.write(item, below) for item in list(value)]
            if kind is list:
                return written
            # sets are sorted, so that the text does not depend on the hash seed
            return {
                f"${kind.__name__}": written if kind is tuple else sorted(written, key=_sorted_json.encode)
            }
        finally:
            self.path.discard(key)

    def _pairs(self, keys: list[Any], items: list[Any]) -> dict[str, Any]:
        pairs = [[key, item] for key, item in zip(keys, items, strict=True)]
        return {"$dict": sorted(pairs, key=_sorted_json.encode) if self.ordered else pairs}

    def _registered(self, known: Kind, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH + 1:
            return self._unsupported(unsupported_value(value))
        before = len(self.problems)
        try:
            payload = self.write(known.encode(value), depth + 1)
        except Exception:  # noqa: BLE001  # an integration's function met an odd value
            self.problems.append(known.tag)
        else:
            if len(self.problems) == before:
                return {f"${known.tag}": payload}
        # a payload with a hole in it could not be read back
        del self.problems[before:]
        return self._unsupported(unsupported_value(value))

    def _unsupported(self, value: Unsupported) -> dict[str, str]:
        self.problems.append(value.type_name)
        return _marker(value)

    def _careful(self, value: Any) -> Any:
        if type(value) is str and not _encodable(value):
            return {"$str": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")}
        if type(value) is int and value.bit_length() > _HEX_FROM_BITS:
            if value.bit_length() > MAX_INT_BITS:
                return self._unsupported(unsupported_value(value, f"<{value.bit_length()} bits>"))
            return {"$int": hex(value)}
        return value
