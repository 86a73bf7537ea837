"""Secrets in values: what databases and functions are asked and answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from operator import is_
from typing import Any, Final

import msgspec

from timetracer_otel.messages import (
    Failure,
    FunctionCall,
    FunctionResult,
    SqlResult,
    SqlStatement,
)
from timetracer_otel.messages.sql import DriverValue
from timetracer_otel.redaction.binary import is_text
from timetracer_otel.redaction.json_text import json_edits, looks_like_json
from timetracer_otel.redaction.mask import MASK, apply, note
from timetracer_otel.redaction.names import SensitiveNames
from timetracer_otel.redaction.placeholders import placeholder_names
from timetracer_otel.redaction.urls import mask_said, with_texts
from timetracer_otel.span import Attributes

_OPENING: Final = frozenset("{[")
_SCALARS: Final = frozenset({int, float, bool, type(None)})
_WRITTEN_NAME: Final = re.compile(r'\{(?:\s|\\[ntr])*+\\*"(?!\$)')
_MARKS: Final = (b"://", b"eyJ", b"PRIVATE KEY", b"Bearer ")
"""One of them is in each text that holds a secret of URLs, or one of a known form."""
_SCHEMA_ID: Final = 5
"""Bytes that name the schema of a record, before it."""
_MAX_DEPTH: Final = 32
_MAX_STATEMENTS: Final = 512
_SAID: Final = re.compile(
    r"""(?P<name>[\w-]{1,100})["')\]]{0,2}\s{0,8}(?:=>|[=:])\s{0,8}(?P<value>\([^)]*\)|"[^"]*"|'[^']*'|[^\s,;]+)"""
)
"""A name and its value in a sentence: ``password=x``, ``Key (token)=(x)``, ``"secret": "x"``."""


class DataRules:
    """Masks what is secret in messages that are made of values: SQL, functions.

    Args:
        names: which names of columns, parameters and fields are secret.
    """

    def __init__(self, names: SensitiveNames) -> None:
        self.names = names
        # a service has its few statements
        self._columns = lru_cache(maxsize=_MAX_STATEMENTS)(self._secret_columns)

    def _secret_columns(self, text: str) -> tuple[str, ...]:
        """The columns of a statement's positional parameters; none where none of them is secret."""
        columns = placeholder_names(text)
        return columns if any(map(self.names.may_hide, columns)) else ()

    def statement(self, message: SqlStatement, masked: list[str]) -> SqlStatement:
        """The statement without secret parameters; the same object when it has none."""
        columns = self._columns(message.text)

        def one(parameters: Any) -> Any:
            if isinstance(parameters, dict):
                named = self._mapping(parameters, "SQL parameter", masked)
                if not any(map(may_hold_names, named.values())):
                    return named
                deep = {key: self.tree(value, masked, what="SQL") for key, value in named.items()}
                return deep if any(deep[key] is not value for key, value in named.items()) else named
            if isinstance(parameters, list | tuple) and (columns or any(map(may_hold_names, parameters))):
                return rebuilt(parameters, lambda at, value: self._named(columns, at, value, masked))
            return parameters

        given = message.parameters
        if given is None:
            return message
        if message.executemany and isinstance(given, list | tuple):
            clean = rebuilt(given, lambda _, parameters: one(parameters))
        else:
            clean = one(given)
        return message if clean is given else msgspec.structs.replace(message, parameters=clean)

    def _named(self, columns: tuple[str, ...], at: int, value: Any, masked: list[str]) -> Any:
        name = columns[at] if at < len(columns) else ""
        if self.names.hide(name, value):
            return self.secret(value, f"SQL parameter {name}", masked)
        return self.tree(value, masked, what="SQL")

    def result(self, message: SqlResult, masked: list[str]) -> SqlResult:
        """The result without the values of secret columns, and secret keys of JSON in others; the same object
        when it has none.
        """
        return self._result(message, masked, deep=True)

    def attributes(self, message: SqlResult, masked: list[str]) -> tuple[SqlResult, Attributes]:
        """:meth:`result` and its attributes. Most rows hold no JSON: that is told from what they are
        written as, which is quicker than a look at every value.
        """
        clean = self._result(message, masked, deep=False)
        written = clean.attributes()
        if any(isinstance(text, str) and _written_with_names(text) for text in written.values()):
            deep = self._result(clean, masked, deep=True)
            if deep is not clean:
                return deep, deep.attributes()
        return clean, written

    def _result(self, message: SqlResult, masked: list[str], *, deep: bool) -> SqlResult:
        rows = self._rows(message.columns, message.rows, masked, deep)
        extra = message.extra
        further = extra.get("more")  # the other result sets of the statement
        if isinstance(further, list):
            clean = rebuilt(further, lambda _, part: self._result_set(part, masked, deep))
            extra = extra if clean is further else {**extra, "more": clean}
        notices = extra.get("notices")  # what the server said beside its answer
        if isinstance(notices, list):
            clean = rebuilt(notices, lambda _, notice: self._notice(notice, masked))
            extra = extra if clean is notices else {**extra, "notices": clean}
        if rows is message.rows and extra is message.extra:
            return message
        return msgspec.structs.replace(message, rows=rows, extra=extra)

    def _notice(self, notice: Any, masked: list[str]) -> Any:
        """What a server says in prose: the values that follow secret names."""
        if not isinstance(notice, dict):
            return notice
        changed = {
            key: clean
            for key, text in notice.items()
            if isinstance(text, str) and (clean := self._prose(text, masked)) != text
        }
        return {**notice, **changed} if changed else notice

    def _prose(self, text: str, masked: list[str]) -> str:
        def one(found: re.Match[str]) -> str:
            if found["name"] not in self.names or MASK in found["value"]:
                return found[0]
            note(f"SQL notice {found['name']}", masked)
            return found[0][: found.start("value") - found.start()] + MASK

        clean = self._json(text.encode("utf-8", "surrogatepass"), masked, "SQL notice", readable=True)
        text = text if clean is None else clean.decode("utf-8", "surrogatepass")
        return _SAID.sub(one, text)

    def failure(self, message: Failure, masked: list[str]) -> Failure:
        """What was raised, without passwords and secret parameters of URLs, and ``password=...``; the same
        object when it has none. All else in its texts explains what failed.
        """

        def said(value: Any, depth: int = 0) -> Any:
            if isinstance(value, str):
                clean, found = mask_said(value, self.names)
                for name in found:
                    note(f"{message.type_name} {name}", masked)
                return clean if found else value
            if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
                return rebuilt(value, lambda _, one: said(one, depth + 1))
            if isinstance(value, Failure):
                return self.failure(value, masked)
            return value

        changes: dict[str, Any] = {
            "args": said(message.args),
            "cause": said(message.cause),
            "context": said(message.context),
        }
        fields = {name: said(value) for name, value in message.fields.items()}
        if any(fields[name] is not value for name, value in message.fields.items()):
            changes["fields"] = fields
        if all(new is getattr(message, name) for name, new in changes.items()):
            return message
        return msgspec.structs.replace(message, **changes)

    def _result_set(self, part: Any, masked: list[str], deep: bool) -> Any:
        """Columns, rows, and what else its integration keeps of one."""
        if not (isinstance(part, list | tuple) and len(part) > 1 and isinstance(part[1], list | tuple)):
            return part
        columns = part[0] if isinstance(part[0], list | tuple) else ()
        return rebuilt(part, lambda at, one: self._rows(columns, one, masked, deep) if at == 1 else one)

    def _rows(self, columns: Any, rows: Any, masked: list[str], deep: bool) -> Any:
        secret = {
            at: str(column[0])
            for at, column in enumerate(columns or ())
            if isinstance(column, list | tuple) and column and self.names.may_hide(str(column[0]))
        }
        if not (secret or deep):
            return rows

        def cell(at: int, value: Any) -> Any:
            if at in secret and self.names.hide(secret[at], value):
                return self.secret(value, f"SQL column {secret[at]}", masked)
            return self.tree(value, masked, what="SQL") if deep else value

        return rebuilt(rows, lambda _, row: rebuilt(row, cell) if isinstance(row, list | tuple) else row)

    def _mapping(self, value: dict[Any, Any], where: str, masked: list[str]) -> dict[Any, Any]:
        changed = False
        result: dict[Any, Any] = {}
        for key, item in value.items():
            name = text_of(key)
            clean = self.secret(item, f"{where} {name}", masked) if self.names.hide(name, item) else item
            changed = changed or clean is not item
            result[key] = clean
        return result if changed else value

    def function_call(self, message: FunctionCall, masked: list[str]) -> FunctionCall:
        """The call without secret keywords and fields; the same object when it has none."""
        arguments = self.tree(message.arguments, masked, what="argument")
        keywords = self.tree(message.keywords, masked, what="argument")
        if arguments is message.arguments and keywords is message.keywords:
            return message
        return msgspec.structs.replace(message, arguments=arguments, keywords=keywords)

    def function_result(self, message: FunctionResult, masked: list[str]) -> FunctionResult:
        """The result without secret fields; the same object when it has none."""
        clean = self.tree(message.value, masked, what="result")
        return message if clean is message.value else FunctionResult(clean)

    def tree(self, value: Any, masked: list[str], depth: int = 0, what: str = "Redis") -> Any:
        """Replies and arguments: dicts of fields, and JSON documents in strings, at any depth."""
        if not may_hold_names(value):
            return value
        if isinstance(value, str):
            clean = self._json(value.encode("utf-8", "surrogatepass"), masked, what, readable=True)
            return value if clean is None else clean.decode("utf-8", "surrogatepass")
        if isinstance(value, bytes):
            clean = self._json(value, masked, what)
            return value if clean is None else clean
        if depth > _MAX_DEPTH:
            return value
        if isinstance(value, dict):
            fields = self._mapping(value, f"{what} field", masked)
            tree = {key: self.tree(item, masked, depth + 1, what) for key, item in fields.items()}
            return tree if any(tree[key] is not item for key, item in fields.items()) else fields
        if isinstance(value, list | tuple):
            return rebuilt(value, lambda _, item: self.tree(item, masked, depth + 1, what))
        if isinstance(value, DriverValue):  # a document, say
            below = self.tree(value.data, masked, depth + 1, what)
            return value if below is value.data else DriverValue(value.kind, below)
        return value

    def _json(self, text: bytes, masked: list[str], what: str, *, readable: bool = False) -> bytes | None:
        # what is binary (pickled, protobuf) holds lengths: nothing in its midst is changed
        like_json = looks_like_json(text)
        edits = json_edits(text, self.names) if like_json else []
        if readable or edits or like_json or (any(mark in text for mark in _MARKS) and is_text(text)):
            edits = with_texts(text, edits, self.names)
        elif text[:1] == b"\0" and looks_like_json(text[_SCHEMA_ID:]):  # as Confluent's serializers write it
            begin, body = text[:_SCHEMA_ID], text[_SCHEMA_ID:]
            clean = self._json(body, masked, what, readable=True)
            return None if clean is None else begin + clean
        for edit in edits:
            note(f"{what} value {edit.name}", masked)
        return apply(text, edits) if edits else None

    def secret(self, value: Any, place: str, masked: list[str]) -> Any:
        """A value of a secret name, masked: its texts and bytes; the type of all else matters to the app."""
        mask: str | bytes
        if isinstance(value, str):
            mask = MASK
        elif isinstance(value, bytes | bytearray | memoryview):
            mask = MASK.encode()
        elif isinstance(value, list | tuple):
            return rebuilt(value, lambda _, one: self.secret(one, place, masked))
        elif isinstance(value, dict):
            below = {key: self.secret(one, place, masked) for key, one in value.items()}
            return below if any(below[key] is not one for key, one in value.items()) else value
        else:
            return value  # a number or a date, whose type the app relies on
        if not len(value) or value == mask:
            return value
        note(place, masked)
        return type(value)(mask) if isinstance(value, bytearray | memoryview) else mask  # type: ignore[arg-type]  # bytes there


def rebuilt(items: Any, change: Callable[[int, Any], Any]) -> Any:
    """The list or tuple with each item changed; the same object when none did."""
    clean = [change(at, item) for at, item in enumerate(items)]
    if all(map(is_, clean, items)):
        return items
    return tuple(clean) if isinstance(items, tuple) else clean


def may_hold_names(value: Any) -> bool:
    """False for what certainly is neither a container nor JSON, and holds no URL and no token."""
    kind = type(value)
    if kind is str:
        return (
            value[:64].lstrip()[:1] in _OPENING
            or "://" in value
            or "eyJ" in value
            or "Bearer " in value
            or "PRIVATE KEY" in value
        )
    return kind not in _SCALARS


def _written_with_names(text: str) -> bool:
    """False for encoded values that :func:`may_hold_names` says nothing of."""
    return (
        "://" in text
        or "eyJ" in text
        or "Bearer " in text
        or "PRIVATE KEY" in text
        or ("{" in text and _WRITTEN_NAME.search(text) is not None)
    )


def text_of(part: Any) -> str:
    """A name or a word of a command, which may be bytes."""
    return bytes(part).decode("utf-8", "replace") if isinstance(part, bytes | memoryview) else str(part)
