"""Which column each positional parameter of a statement is for, as far as its text says so plainly."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NAME: Final = r'[\w$.]+|"[^"]+"|`[^`]+`|\[[^\]]+\]'
_TOKEN: Final = re.compile(
    rf"""(?P<skip>'(?:[^']|'')*+'|--[^\n]*|/\*.*?\*/|::\s*\w+)
    |(?P<place>\?|%s|\$\d+|(?<![\w:]):\d+)
    |(?P<name>{_NAME})
    |(?P<sign><>|!=|<=|>=|[=<>(),;])""",
    re.VERBOSE | re.DOTALL,
)
_COMPARES: Final = frozenset({"=", "<>", "!=", "<", ">", "<=", ">=", "like", "ilike", "in"})
_MAX_TEXT: Final = 20_000


@lru_cache(maxsize=512)
def placeholder_names(text: str) -> tuple[str, ...]:
    """The column of each positional parameter, in order; ``""`` where the text does not say.

    Understood are ``column = ?`` and its like, and ``INSERT INTO t (a, b) VALUES (?, ?), (?, ?)``, with
    the placeholders ``?``, ``%s``, ``:1`` and ``$1``.
    """
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT]
    found: list[tuple[int, str]] = []
    columns: list[str] = []
    state, slot, depth = "", 0, 0
    name = operator = ""
    for token in _TOKEN.finditer(text):
        if token["skip"]:
            continue
        if place := token["place"]:
            column = ""
            if state == "values" and depth and slot < len(columns):
                column = columns[slot]
            elif operator in _COMPARES:
                column = name
            number = int(place[1:]) - 1 if place[1:].isdigit() else len(found)
            found.append((number, column))
        elif word := token["name"]:
            lower = word.lower()
            if lower in ("insert", "values", "returning", "select"):
                state = lower if lower != "values" or columns else ""
                depth = 0
            elif lower in _COMPARES:
                operator = lower
            elif state == "insert" and depth == 1:
                columns.append(_bare(word))
            elif lower not in ("not", "any", "all", "lower", "upper", "cast", "binary"):
                name, operator = _bare(word), ""
        else:
            sign = token["sign"]
            if sign == "(":
                depth += 1
                slot = 0 if depth == 1 else slot
            elif sign == ")":
                depth -= 1
            elif sign == "," and depth == 1:
                slot += 1
            if sign in _COMPARES:
                operator = sign
            elif sign == ")" or (sign == "," and operator != "in"):
                operator = ""
    result = [""] * min(max((number for number, _ in found), default=-1) + 1, len(text))
    for number, column in found:
        if 0 <= number < len(result):
            result[number] = result[number] or column
    return tuple(result)


def _bare(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip('"`[]')
