"""Values as JSON text and back: one codec, one registry, data only.

What JSON has is written as it is. What it lacks is written as an object with one key, a tag:
``{"$decimal": "1.25"}``. A mapping that is not plain JSON (other keys than strings, or a key that
begins with ``$``) is ``{"$dict": [[key, value], ...]}``, so data cannot be mistaken for a tag.

Simplified by design: an Enum member is written as its value; an instance of a subclass (a named
tuple, a ``str`` with a class of its own, an ``OrderedDict``) as its base, unless an integration registered
that class; a time zone that is neither a ``ZoneInfo`` nor a ``timezone`` as the offset it gives. Everything
else that has no tag is written as ``{"$unsupported": "module.QualName", "repr": "..."}`` and read back as
:class:`Unsupported`.

Nothing that is read is imported by name, unpickled or executed: a tag selects one of the functions
that were given to :func:`register`, or it is refused.
"""

from __future__ import annotations

import re
from typing import Any, Final

from timetracer_otel.values import bson, copying, reading, standard, writing
from timetracer_otel.values.registry import MAX_DEPTH, MAX_REPR, Unsupported, register

__all__ = [
    "MAX_DEPTH",
    "MAX_REPR",
    "Unsupported",
    "all_supported",
    "canonical",
    "dumps",
    "dumps_checked",
    "loads",
    "register",
    "snapshot",
    "unsupported",
    "unsupported_in",
]

_UNSUPPORTED: Final = re.compile(r'"\$unsupported":"((?:[^"\\]|\\.)*)"')


def dumps(value: Any) -> str:
    """The value as compact JSON text.

    Never raises: what cannot be written becomes an :class:`Unsupported` (:func:`dumps_checked`
    tells of it).
    """
    return writing.encode(value)[0].decode()


def dumps_checked(value: Any) -> tuple[str, list[str]]:
    """The text, and the name of the type at each place that could not be written."""
    text, problems = writing.encode(value)
    return text.decode(), problems


def unsupported(value: Any) -> list[str]:
    """The name of the type at each place of the value that cannot be written."""
    return writing.encode(value)[1]


def unsupported_in(text: str) -> list[str]:
    """As :func:`unsupported`, of text that :func:`dumps` wrote; costs next to nothing."""
    # a quote inside a JSON string is escaped, so what is found can only be a key
    return _UNSUPPORTED.findall(text)


def all_supported() -> bool:
    """True as long as this process wrote every value: then no text of its own says ``$unsupported``."""
    return not writing.unsupported_met


def loads(text: str) -> Any:
    """The value that :func:`dumps` wrote.

    Raises:
        CodecError: the text is not JSON, nested too deep, or holds an unknown or malformed tag.
    """
    return reading.decode(text)


def snapshot(value: Any) -> Any:
    """A copy that later changes by the app cannot reach; cheap where nothing can change.

    What the codec does not know is replaced by :class:`Unsupported`. Never raises.
    """
    return copying.copy(value)


def canonical(value: Any) -> bytes:
    """Bytes that are equal exactly when the values are equal and of the same types.

    The order of dicts and sets is set aside; ``1``, ``1.0``, ``True`` and ``Decimal(1)`` differ, and so
    do ``0.0`` and ``-0.0``; NaN equals itself.
    """
    return writing.encode(value, ordered=True)[0]


for _kind in [*standard.KINDS, *bson.KINDS]:
    register(_kind.tag, _kind.type, _kind.encode, _kind.decode, copy=_kind.copy)
