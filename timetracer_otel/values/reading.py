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
_MANY: Final = 1000
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


# few Python frames a level, so that the limit of depth is met before the interpreter's own


def _value(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind not in _NESTED:
        return value
    if kind is dict:
        for key in value:
            if key[:1] == "$":
                return _tagged(value, depth)
    _check(depth)
    below = depth + 1
    if kind is list:
        if _NESTED.isdisjoint(map(type, value)):
            return value
        return [_value(item, below) if type(item) in _NESTED else item for item in value]
    if _NESTED.isdisjoint(map(type, value.values())):
        return value
    return {key: _value(item, below) if type(item) in _NESTED else item for key, item in value.items()}


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CodecError(f"the value is nested deeper than {MAX_DEPTH}")


def _tagged(value: dict[str, Any], depth: int) -> Any:
    if "$unsupported" in value:
        return _unsupported(value)
    if len(value) != 1:
        keys = ", ".join(map(repr, list(value)[:3]))[:MAX_REPR]
        raise CodecError(f"not a tagged value: it has more than one key ({keys})")
    [(tag, payload)] = value.items()
    below = depth + 1
    try:
        container = _CONTAINERS.get(tag)
        if container is not None:
            _check_items(payload, depth)
            if not _NESTED.isdisjoint(map(type, payload)):
                payload = [_value(item, below) for item in payload]
            if container is not tuple:
                _check_hashes(payload)
            return container(payload)
        if tag == "$dict":
            _check_pairs(payload, depth)
            pairs = [(_value(key, below), _value(item, below)) for key, item in payload]
            _check_hashes([key for key, _ in pairs])
            return dict(pairs)
        scalar = _SCALARS.get(tag)
        if scalar is not None:
            return scalar(payload)
        known = by_tag.get(tag[1:])
        if known is not None:
            _check(depth - 1)
            return known.decode(_value(payload, below))
    except (CodecError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001  # each function raises what it likes on what it cannot read
        reason = f"{type(error).__name__}: {error}"[:MAX_REPR]
        raise CodecError(f"the payload of {tag!r} is malformed ({reason})") from None
    raise CodecError(
        f"unknown tag {tag[:MAX_REPR]!r}: install the library whose values these are,"
        " or a newer timetracer-otel"
    )


def _check_items(payload: Any, depth: int) -> None:
    _check(depth)
    if type(payload) is not list:
        raise TypeError("not a list")


def _check_pairs(payload: Any, depth: int) -> None:
    _check_items(payload, depth)
    if any(type(pair) is not list for pair in payload):
        raise TypeError("not a list of pairs")


def _check_hashes(keys: list[Any]) -> None:
    """Refuse keys chosen to have one hash: putting n of them into a set takes n times n steps."""
    if len(keys) > _MANY and len(set(map(hash, keys))) < len(keys) // 10:  # those written are all different
        raise ValueError("most of its items have the same hash")


def _unsupported(value: dict[str, Any]) -> Unsupported:
    name, text = value["$unsupported"], value.get("repr")
    if len(value) != 2 or type(name) is not str or type(text) is not str:
        raise CodecError("the payload of '$unsupported' is malformed: a name and a 'repr' are expected")
    return Unsupported(name, text)


def _int(payload: Any) -> int:
    if len(payload) > MAX_INT_BITS // 4 + 3 or not _HEX.fullmatch(payload):
        raise ValueError("not a hexadecimal number, or too large")
    return int(payload, 16)


def _str(payload: Any) -> str:
    return base64.b64decode(payload, validate=True).decode("utf-8", "surrogatepass")


_CONTAINERS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
}
_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "$int": _int,
    "$float": lambda payload: _NOT_FINITE[payload],
    "$str": _str,
}
