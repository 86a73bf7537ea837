"""Data with the values of this run in place of the recorded ones."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final
from uuid import UUID

from timetracer_otel.volatile.links import Links
from timetracer_otel.volatile.shape import shape
from timetracer_otel.volatile.tokens import Atom, of_value, parts

_FIELD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)(?:"((?:[^"\\]|\\.)*)"|(-?\d+)(?![\d.eE]))')
_DEPTH: Final = 200


def followed(data: Any, links: Links, name: str = "", depth: int = 0) -> Any:
    """A recorded answer as it would be now: each value that follows its source is what that is now.

    Args:
        data: nested dicts, lists, tuples and scalars; not changed.
        links: what became of the recorded values.
        name: of the field that holds the data.
        depth: how deep it is nested.
    """
    kind = type(data)
    if kind is str:
        return followed_text(data, links, name)
    if data is None or kind is bool or depth > _DEPTH:
        return data
    if kind is dict:
        return {
            followed(key, links, "", depth + 1): followed(
                value, links, key if isinstance(key, str) else "", depth + 1
            )
            for key, value in data.items()
        }
    if kind is list or kind is tuple:
        return kind(followed(item, links, name, depth + 1) for item in data)
    if kind is bytes:
        return followed_bytes(data, links)
    if kind is int and (now := links.now(str(data), name)) is not None and now.lstrip("-").isdigit():
        return int(now)
    atom = of_value(data)
    text = None if atom is None else links.text_of(atom.key, atom.form)
    return data if text is None else _made(kind, data, text)


def followed_text(text: str, links: Links, name: str = "") -> str:
    """As :func:`followed`, of text, JSON or any other."""
    whole = links.now(text, name)
    if whole is not None:
        return whole
    found = parts(text, links.linked, name)
    if len(found) > 1:
        text = "".join(one if isinstance(one, str) else _written(one, links) for one in found)
    if links.linked is not None and text[:1] in ("{", "["):
        text = _FIELD.sub(lambda match: _field(match, links), text)
    return text


def followed_bytes(data: bytes, links: Links) -> bytes:
    """As :func:`followed`, of a body."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return followed_text(data.decode("latin-1"), links).encode("latin-1", "replace")
    return followed_text(text, links).encode()


def reconciled(recorded: Any, live: Any, links: Links, depth: int = 0) -> Any:
    """The recorded data with the live value wherever that stands for the recorded one: what still differs
    from the live data, differs.

    Args:
        recorded: nested dicts, lists and scalars; not changed.
        live: the same, of this run.
        links: what became of the recorded values; values that are first seen here are bound.
        depth: how deep they are nested.
    """
    if depth > _DEPTH:
        return recorded
    if isinstance(recorded, dict) and isinstance(live, dict):
        return _reconciled_dict(recorded, live, links, depth + 1)
    if isinstance(recorded, list | tuple) and isinstance(live, list | tuple):
        items = [reconciled(was, now, links, depth + 1) for was, now in zip(recorded, live, strict=False)]
        return type(recorded)([*items, *recorded[len(items) :]])
    if type(recorded) is not type(live):
        return recorded
    stands = stands_for(recorded, live, links)
    if not stands and isinstance(recorded, str) and "\n" in recorded:
        was_lines, now_lines = recorded.split("\n"), live.split("\n")
        if len(was_lines) == len(now_lines):
            pairs = zip(was_lines, now_lines, strict=True)
            return "\n".join(now if stands_for(was, now, links) else was for was, now in pairs)
    return live if stands else recorded


def _reconciled_dict(recorded: dict[Any, Any], live: dict[Any, Any], links: Links, depth: int) -> Any:
    missing = [key for key in live if key not in recorded]
    result = {}
    for key, value in recorded.items():
        now = key
        if key not in live and isinstance(key, str):
            now = next((other for other in missing if stands_for(key, other, links)), key)
        result[now] = reconciled(value, live[now], links, depth) if now in live else value
    return result


def stands_for(recorded: Any, live: Any, links: Links) -> bool:
    """True when the live data is the recorded with the values of this run; new ones are bound."""
    if recorded == live:
        return True
    was_shape, was = shape(recorded, links.linked)
    now_shape, now = shape(live, links.linked)
    if was_shape != now_shape:
        return False
    trial = links.judge(was, now)
    if trial is None:
        return False
    links.commit(trial)
    return True


def _written(atom: Atom, links: Links) -> str:
    if atom.kind == "linked":
        text = str(atom.key[1]) if isinstance(atom.key, tuple) else str(atom.key)
        return links.now(text, atom.name) or text
    return links.text_of(atom.key, atom.form) or links.recorded_text(atom.key, atom.form)


def _field(match: re.Match[str], links: Links) -> str:
    name, colon, text, number = match.groups()
    now = links.now(text if number is None else number, name)
    if now is None:
        return match[0]
    return f'"{name}"{colon}' + (f'"{now}"' if number is None else now)


def _made(kind: type, data: Any, text: str) -> Any:
    """The value of that type that the text says."""
    try:
        if kind is UUID:
            return UUID(text)
        if kind is dt.datetime:
            return dt.datetime.fromisoformat(text)
        if kind is dt.date:
            return dt.date.fromisoformat(text)
        return kind(text)
    except (ValueError, TypeError):
        return data
