"""The registry of classes that have a tag, and how to look at any object without trusting it."""

from __future__ import annotations

import enum
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

MAX_DEPTH: Final = 200
"""Containers within containers; deeper ones are unsupported on writing, refused on reading."""

MAX_CONTAINERS: Final = 500_000
"""Lists, tuples, dicts and sets in one value. More (a value that holds itself many times over), and it
is unsupported as a whole."""

MAX_INT_BITS: Final = 1 << 18
"""Larger integers are unsupported: some 79,000 decimal digits."""

MAX_REPR: Final = 200
"""Characters kept of the repr of an unsupported value, and of anything quoted in an error."""

CONTAINERS: Final = frozenset({list, dict, tuple, set, frozenset})
RESERVED: Final = frozenset({"tuple", "set", "frozenset", "dict", "int", "float", "str", "unsupported"})
"""Tags that the codec reads and writes itself."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


class Unsupported(msgspec.Struct, frozen=True):
    """Stands in a recording where a value was that the codec does not know.

    Attributes:
        type_name: ``module.QualName`` of the value's class.
        text: its repr, shortened and without memory addresses, so that two runs agree on it.
    """

    type_name: str
    text: str


class TooLargeError(Exception):
    """A value holds more containers than anybody would replay."""


class Kind(msgspec.Struct, frozen=True):
    """A registered class; the fields are the arguments of :func:`register`."""

    tag: str
    type: type
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    copy: Callable[[Any], Any] | None = None


by_type: dict[type, Kind] = {}
by_tag: dict[str, Kind] = {}


def register(
    tag: str,
    kind: type[T],
    encode: Callable[[T], Any],
    decode: Callable[[Any], T],
    *,
    copy: Callable[[T], T] | None = None,
) -> None:
    """Teach the codec a class. Integrations call this when their library is loaded.

    Args:
        tag: its name in the text, without ``$``. A library's own types begin with the library's
            name: ``psycopg.range``.
        kind: the class. Subclasses are written by it too, unless they are registered themselves.
        encode: an instance as data that the codec knows, nested as needed.
        decode: the reverse. It gets whatever a file says: check it, and raise anything when it
            is not what ``encode`` writes. It must not import, evaluate or open what it reads.
        copy: makes a copy, for a class whose instances can change.

    Raises:
        ValueError: the tag belongs to another class.
    """
    known = by_tag.get(tag)
    if tag in RESERVED or (known is not None and known.type is not kind):
        raise ValueError(f"the tag {tag!r} is taken; choose another")
    by_tag[tag] = by_type[kind] = Kind(tag, kind, encode, decode, copy)


BASES: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
    OrderedDict: lambda value: dict(OrderedDict.items(value)),
    dict: lambda value: dict(dict.items(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
"""An instance of a subclass as the built-in class itself, running no code of the subclass."""


def simplify(value: Any) -> tuple[Kind | None, Any]:
    """A value of no class that is known exactly, as one that is.

    Returns:
        The registered class to treat it as, or ``None``, and the value: an Enum member's value,
        an instance of a subclass as its base, or an :class:`Unsupported`.
    """
    if isinstance(value, enum.Enum):
        return None, value._value_
    for base in type(value).__mro__:
        to_base = BASES.get(base)
        if to_base is not None:
            return None, to_base(value)
        known = by_type.get(base)
        if known is not None:
            return known, value
    return None, unsupported_value(value)


def unsupported_value(value: Any, text: str | None = None) -> Unsupported:
    """The marker for that value; its repr is the text unless one is given."""
    return Unsupported(qualified_name(type(value)), _repr(value) if text is None else text)


def qualified_name(kind: type) -> str:
    """``module.QualName``; the bare name for a built-in class."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _repr(value: Any) -> str:
    try:
        text = _ADDRESS.sub("", str.__str__(repr(value))[: 4 * MAX_REPR])
    except Exception as error:  # noqa: BLE001  # the app's own method, which may do anything
        return f"<repr() raised {type(error).__name__}>"
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 3] + "..."
