"""The headers of a message as attributes, and back: names, order and case as they were."""

from __future__ import annotations

import re
from itertools import chain
from typing import Final, TypeAlias

from timetracer_otel.errors import CodecError
from timetracer_otel.span import Attributes, AttributeValue

_NOT_IN_HEADERS: Final = re.compile(r"[\0\r\n]|[^\0-\xff]")
_MAX_KEYS: Final = 1024
_MAX_NAME: Final = 200
_MAX_TEXT: Final = 4096
_Shape: TypeAlias = "tuple[tuple[str, ...], tuple[AttributeValue, ...] | None]"
"""The names of all attributes, and the order of the headers where it is said."""


class _Keys(dict[str, str]):
    """The attribute of each header's name; made once for the few that a service meets again and again.

    ``lower`` are those of the names that have no capitals.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.lower: set[str] = set()

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        key = self._prefix + lower
        if len(self) < _MAX_KEYS and len(name) < _MAX_NAME:  # whoever sends headers chooses their names
            self[name] = key
            if lower == name:
                self.lower.add(name)
        return key


class HeaderAttributes:
    """One attribute a name, as semantic conventions have it; order and case beside them where those are lost.

    Args:
        prefix: of each attribute: ``http.request.header.``
        names_key: the attribute for order and case.
    """

    def __init__(self, prefix: str, names_key: str) -> None:
        self._prefix = prefix
        self._names_key = names_key
        self._keys = _Keys(prefix)
        self._plans: dict[_Shape, tuple[tuple[str, str], ...]] = {}

    def write(self, headers: list[tuple[str, str]], data: Attributes) -> None:
        """Add headers to attributes."""
        keys = self._keys
        grouped: dict[str, list[AttributeValue]] = {keys[name]: [text] for name, text in headers}
        given = [name for name, _ in headers]
        if len(grouped) != len(headers):
            grouped = {key: [] for key in grouped}
            for name, text in headers:
                grouped[keys[name]].append(text)
        if len(grouped) != len(headers) or not keys.lower.issuperset(given):
            at = len(self._prefix)
            if given != [key[at:] for key, group in grouped.items() for _ in group]:
                data[self._names_key] = [*given]
        data.update(grouped)

    def read(self, attributes: Attributes) -> list[tuple[str, str]]:
        """The headers that those attributes carry.

        Raises:
            CodecError: a name or a value that no message could have.
        """
        order = attributes.get(self._names_key)
        shape = (tuple(attributes), tuple(order) if isinstance(order, list) else None)
        try:
            plan = self._plans.get(shape)
        except TypeError:  # what is no text cannot be looked up
            plan = None
        headers: list[tuple[str, str]] = []
        for name, key in plan or ():
            group = attributes[key]
            if type(group) is not list or len(group) != 1 or type(group[0]) is not str:
                break
            headers.append((name, group[0]))
        else:
            if plan is not None:
                texts = "".join([text for _, text in headers])
                if _is_plain(texts) or not _NOT_IN_HEADERS.search(texts):
                    return headers
        return self._read(attributes, order, shape)

    def _read(self, attributes: Attributes, order: AttributeValue, shape: _Shape) -> list[tuple[str, str]]:
        """The headers, whatever they are; and how they are read where they stand as these do."""
        at = len(self._prefix)
        grouped: dict[str, list[str]] = {}
        for key, value in attributes.items():
            if key.startswith(self._prefix):
                grouped[key[at:]] = list(map(str, value)) if isinstance(value, list) else [str(value)]
        headers = _in_order(grouped, order)
        if _NOT_IN_HEADERS.search("".join(chain.from_iterable(headers))):
            for name, text in headers:
                sendable(name, "header name")
                sendable(text, f"value of header {name}")
        known, given = shape
        every = [name for name in (*known, *(given or ())) if isinstance(name, str)]
        if (
            len(self._plans) < _MAX_KEYS
            and len(headers) == len(grouped)
            and all(len(group) == 1 for group in grouped.values())
            and len(every) == len(known) + len(given or ())
            and sum(map(len, every)) < _MAX_TEXT
        ):
            self._plans[shape] = tuple(
                (name, self._prefix + (name if given is None else name.lower())) for name, _ in headers
            )
        return headers


def sendable(text: str, what: str) -> str:
    """Text of a header line, where it is one line: another could end the head of a response that an app
    passes on.

    Raises:
        CodecError: it is not; the text says ``what``.
    """
    if not _is_plain(text) and _NOT_IN_HEADERS.search(text):
        raise CodecError(f"the recorded {what} {text[:60]!r} cannot be sent: HTTP allows no such character")
    return text


def _is_plain(text: str) -> bool:
    """The quick answer, for most."""
    return text.isascii() and text.isprintable()


def _in_order(grouped: dict[str, list[str]], order: AttributeValue) -> list[tuple[str, str]]:
    if not isinstance(order, list):
        return [(name, value) for name, group in grouped.items() for value in group]
    left = {name: iter(group) for name, group in grouped.items()}
    headers: list[tuple[str, str]] = []
    for name in map(str, order):
        text = next(left.get(name.lower(), iter(())), None)
        if text is not None:
            headers.append((name, text))
    return headers
