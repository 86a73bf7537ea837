"""Python source laid out as ruff and black would.

All text that comes from a cassette becomes a literal here: whatever it holds, it cannot become code.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

WIDTH: Final = 88
_STEP: Final = 4
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(value: str) -> str:
    """The literal of a text: printable characters as they are, all others escaped."""
    quote = '"' if value.count('"') <= value.count("'") else "'"
    return quote + "".join("\\" + char if char == quote else _escaped(char) for char in value) + quote


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def data(value: bytes) -> str:
    """The literal of bytes."""
    quote = 34 if value.count(b'"') <= value.count(b"'") else 39
    inner = "".join(
        "\\" + chr(byte)
        if byte == quote
        else _ESCAPES.get(chr(byte)) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
        for byte in value
    )
    return f"b{chr(quote)}{inner}{chr(quote)}"


def literal(value: Any, indent: int, before: int = 0, after: int = 0) -> str:
    """The literal of a value as JSON has them, on one line where it fits, else one entry a line.

    Args:
        value: None, a truth value, a number, a text, bytes, or a list, tuple or dict of such.
        indent: columns before the line that it is on.
        before: columns taken on that line already, without the indent.
        after: columns that follow on its last line.

    Raises:
        TypeError: something else.
    """
    flat = one_line(value)
    if not isinstance(value, list | dict | tuple) or not value:
        return flat
    if indent + before + width(flat) + after <= WIDTH:
        return flat
    inner = indent + _STEP
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            name = f"{one_line(key)}: "
            lines.append(f"{name}{literal(item, inner, width(name), 1)},")
    else:
        lines = [f"{literal(item, inner, 0, 1)}," for item in value]
    opening, closing = _BRACKETS[type(value)]
    margin = "\n" + " " * inner
    return f"{opening}{margin}{margin.join(lines)}\n{' ' * indent}{closing}"


_BRACKETS: Final[dict[type, tuple[str, str]]] = {list: ("[", "]"), dict: ("{", "}"), tuple: ("(", ")")}


def one_line(value: Any) -> str:
    """The literal of a value on one line.

    Raises:
        TypeError: it has none.
    """
    kind = type(value)
    if kind is str:
        return text(value)
    if kind is bytes:
        return data(value)
    if value is None or kind in (bool, int, float):
        return repr(value)
    if kind is dict:
        return "{" + ", ".join(f"{one_line(key)}: {one_line(item)}" for key, item in value.items()) + "}"
    if kind is list:
        return "[" + ", ".join(map(one_line, value)) + "]"
    if kind is tuple:
        return "(" + ", ".join(map(one_line, value)) + ("," if len(value) == 1 else "") + ")"
    raise TypeError(f"no literal: {kind.__name__}")


def call(start: str, arguments: Sequence[tuple[str, Any]], indent: int) -> str:
    """A call: on one line, else its arguments on the next, else one a line.

    Args:
        start: what comes before the bracket: ``response = replay.request``.
        arguments: keywords (empty for positional ones) and values.
        indent: columns before it.
    """
    parts = [(f"{name}=" if name else "", value) for name, value in arguments]
    flat = ", ".join(name + one_line(value) for name, value in parts)
    if indent + width(start) + 2 + width(flat) <= WIDTH:
        return f"{start}({flat})"
    inner = indent + _STEP
    margin = "\n" + " " * inner
    if inner + width(flat) <= WIDTH:
        body = margin + flat
    else:
        body = "".join(f"{margin}{name}{literal(value, inner, width(name), 1)}," for name, value in parts)
    return f"{start}({body}\n{' ' * indent})"


def width(line: str) -> int:
    """The columns that a line takes."""
    if line.isascii():
        return len(line)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in line
    )
