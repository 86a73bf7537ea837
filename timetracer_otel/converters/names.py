"""Which files there were before: to ask for each of many new ones takes as long as writing some."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

_BITS: Final = 2**23
MAX_LISTED: Final = 200_000
"""Names of one folder that are listed; of one that holds more each file is asked for."""


class Names:
    """The names that folders held when they were first asked for: a megabyte, however many there are.

    It is sure of what was not there. Of what may have been, it is for the caller to look.

    Args:
        names: those in a folder, in any order.
        most: names of one folder that are listed.
    """

    def __init__(self, names: Callable[[str], Iterable[str]], most: int = MAX_LISTED) -> None:
        self._names = names
        self._most = most
        self._bits = bytearray()
        self._listed: dict[str, bool] = {}

    def may_hold(self, places: Sequence[str]) -> bool:
        """Whether one of those files may have been there.

        Args:
            places: in one folder.

        Raises:
            OSError: the folder cannot be read.
        """
        folder = os.path.dirname(places[0])
        listed = self._listed.get(folder)
        if listed is None:
            listed = self._listed[folder] = self._list(folder)
        if not listed:
            return True
        bits = self._bits
        return bool(bits) and any(bits[at >> 3] >> (at & 7) & 1 for at in map(_place, places))

    def _list(self, folder: str) -> bool:
        found = iter(self._names(folder))
        for name in islice(found, self._most):
            if not self._bits:
                self._bits = bytearray(_BITS // 8)
            at = _place(f"{folder}/{name}")
            self._bits[at >> 3] |= 1 << (at & 7)
        return next(found, None) is None


def _place(path: str) -> int:
    return hash(path) % _BITS
