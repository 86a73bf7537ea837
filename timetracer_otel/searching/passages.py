"""Where in a text the words stand that were looked for."""

from __future__ import annotations

import re
from collections.abc import Sequence


def passage(text: str, words: Sequence[str], width: int = 60) -> str:
    """The text around the first of the words that is in it as it was typed, on one line.

    Args:
        text: in which they are.
        words: what was looked for, as :class:`~timetracer_otel.searching.Query` has them.
        width: characters, at most.

    Returns:
        Empty where none is (accents make no difference to a search, but do here).
    """
    for word in words:
        parts = [re.escape(part) for part in re.split(r"[\W_]+", word) if part]
        end = "" if word.endswith("*") else r"(?![^\W_])"
        found = re.search(r"(?<![^\W_])" + r"[\W_]+".join(parts) + end, text, re.IGNORECASE)
        if found is not None:
            start = text.rfind("\n", 0, found.start()) + 1
            start = max(start, found.start() - max(0, width - len(found[0])) // 2)
            return " ".join(text[start:].partition("\n")[0].split())[:width]
    return ""
