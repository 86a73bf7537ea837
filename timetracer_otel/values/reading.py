"""JSON text to values. Whatever the text says, the outcome is a value or a ``CodecError``."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from timetracer_otel.errors import CodecError
from timetracer_otel.values.registry import MAX_DEPTH, MAX_INT_BITS, MAX_REPR, Unsupported, by_tag

_NESTED: Final = frozenset({dict, list})
_HEX: Final = re.compile(r"-?0x[0-9a-f]+")
_NOT_FINITE: Final = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def decode(text: str) -> Any:
    """The value that text stands for.

    Raises:
        CodecError: the text is not JSON, nested too deep, or holds an unknown or malformed tag.
    """
    try:
        return _value(msgspec.json.decode(text), 0)
    except CodecError:
        raise
    except RecursionError:
        raise CodecError(f"the value is nested deeper than {MAX_DEPTH}") from None
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise CodecError(f"the value is not JSON: {str(error)[:MAX_REPR]}") from None


def _value(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is list:
        return _items(value, depth)
    if kind is not dict:
        return value
    if any(key[:1] == "$" for key in value):
        return _tagged(value, depth)
    _check(depth)
    below = depth + 1
    return {key: _value(item, below) if type(item) in _NESTED else item for key, item in value.items()}


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CodecError(f"the value is nested deeper than {MAX_DEPTH}")


def _items(items: Any, depth: int) -> list[Any]:
    if type(items) is not list:
        raise TypeError("not a list")
    _check(depth)
    if _NESTED.isdisjoint(map(type, items)):
        return items
    below = depth + 1
    return [_value(item, below) if type(item) in _NESTED else item for item in items]


def _tagged(value: dict[str, Any], depth: int) -> Any:
    if "$unsupported" in value:
        return _unsupported(value)
    if len(value) != 1:
        keys = ", ".join(map(repr, list(value)[:3]))[:MAX_REPR]
        raise CodecError(f"not a tagged value: it has more than one key ({keys})")
    [(tag, payload)] = value.items()
    try:
        read = _BUILT_IN.get(tag)
        if read is not None:
            return read(payload, depth)
        known = by_tag.get(tag[1:])
        if known is not None:
            _check(depth - 1)
            return known.decode(_value(payload, depth + 1))
    except (CodecError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001  # each function raises what it likes on what it cannot read
        reason = f"{type(error).__name__}: {error}"[:MAX_REPR]
        raise CodecError(f"the payload of {tag!r} is malformed ({reason})") from None
    raise CodecError(
        f"unknown tag {tag[:MAX_REPR]!r}: install the library whose values these are,"
        " or a newer timetracer-otel"
    )


def _unsupported(value: dict[str, Any]) -> Unsupported:
    name, text = value["$unsupported"], value.get("repr")
    if len(value) != 2 or type(name) is not str or type(text) is not str:
        raise CodecError("the payload of '$unsupported' is malformed: a name and a 'repr' are expected")
    return Unsupported(name, text)


def _dict(pairs: Any, depth: int) -> dict[Any, Any]:
    _check(depth)
    if type(pairs) is not list or any(type(pair) is not list for pair in pairs):
        raise TypeError("not a list of pairs")
    below = depth + 1
    return {_value(key, below): _value(item, below) for key, item in pairs}


def _int(payload: Any, _depth: int) -> int:
    if len(payload) > MAX_INT_BITS // 4 + 3 or not _HEX.fullmatch(payload):
        raise ValueError("not a hexadecimal number, or too large")
    return int(payload, 16)


def _str(payload: Any, _depth: int) -> str:
    return base64.b64decode(payload, validate=True).decode("utf-8", "surrogatepass")


_BUILT_IN: Final[dict[str, Callable[[Any, int], Any]]] = {
    "$tuple": lambda items, depth: tuple(_items(items, depth)),
    "$set": lambda items, depth: set(_items(items, depth)),
    "$frozenset": lambda items, depth: frozenset(_items(items, depth)),
    "$dict": _dict,
    "$int": _int,
    "$float": lambda payload, _depth: _NOT_FINITE[payload],
    "$str": _str,
}
