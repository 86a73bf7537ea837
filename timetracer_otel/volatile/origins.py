"""Where the values of a recording came from."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from timetracer_otel.volatile.shape import shape

INBOUND, ANSWER, ASKED = "inbound", "answer", "asked"


class Origins:
    """Where each value that looks volatile was first seen in a recording.

    Fill it in the order in which things happened: the inbound request, then each call's request and its
    answer. What the app was given it must give back; what it said before anybody gave it, it made itself.
    """

    def __init__(self) -> None:
        self._first: dict[Hashable, str] = {}
        self._asked: dict[Hashable, set[int]] = {}

    def inbound(self, data: Any) -> None:
        """The request that came in held this."""
        self._note(_keys(data), INBOUND)

    def asked(self, index: int, data: Any) -> None:
        """The call at that place asked this."""
        keys = list(_keys(data))
        self._note(keys, ASKED)
        for key in keys:
            self._asked.setdefault(key, set()).add(index)

    def answered(self, data: Any) -> None:
        """The app was answered this."""
        self._note(_keys(data), ANSWER)

    def of(self, key: Hashable) -> str | None:
        """Where a value was first seen; ``None``: nowhere, or first in the response."""
        return self._first.get(key)

    def asked_by(self, key: Hashable) -> set[int]:
        """The calls whose requests hold it."""
        return self._asked.get(key, set())

    def _note(self, keys: Iterable[Hashable], where: str) -> None:
        for key in keys:
            self._first.setdefault(key, where)


def _keys(data: Any) -> Iterable[Hashable]:
    return (atom.key for atom in shape(data)[1])
