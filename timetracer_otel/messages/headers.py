"""The headers of a message as attributes, and back: names, order and case as they were."""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from timetracer_otel.errors import CodecError
from timetracer_otel.span import Attributes, AttributeValue

_NOT_IN_HEADERS: Final = re.compile(r"[\0\r\n]|[^\0-\xff]")
_MAX_KEYS: Final = 1024
_MAX_NAME: Final = 200


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
        at = len(self._prefix)
        grouped: dict[str, list[str]] = {}
        for key, value in attributes.items():
            if key.startswith(self._prefix):
                grouped[key[at:]] = list(map(str, value)) if isinstance(value, list) else [str(value)]
        headers = _in_order(grouped, attributes.get(self._names_key))
        if _NOT_IN_HEADERS.search("".join(chain.from_iterable(headers))):
            for name, text in headers:
                sendable(name, "header name")
                sendable(text, f"value of header {name}")
        return headers


def sendable(text: str, what: str) -> str:
    """Text of a header line, where it is one line: another could end the head of a response that an app
    passes on.

    Raises:
        CodecError: it is not; the text says ``what``.
    """
    if _NOT_IN_HEADERS.search(text):
        raise CodecError(f"the recorded {what} {text[:60]!r} cannot be sent: HTTP allows no such character")
    return text


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
