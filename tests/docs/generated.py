"""The parts of the pages that are written from the code: ``scripts/docs`` renews them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.canaries.places import IN_CLEAR
from tests.docs import transcript
from tests.docs.markdown import PAGES
from timetracer_otel.config import VARIABLES, Variable

_PART = re.compile(r"(?<=<!-- begin: )(\w+)( [^>]*-->\n)(.*?)(?=<!-- end: \1 -->)", re.S)


def settings() -> Iterator[str]:
    """The table of all settings."""
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for variable in VARIABLES:
        yield f"| `{variable.name}` | {_default(variable.default)} | {_meaning(variable)} |"


def _default(value: Any) -> str:
    if isinstance(value, tuple):
        value = ",".join(value)
    elif isinstance(value, bool):
        value = str(value).lower()
    return f"`{value}`" if value != "" else ""


def _meaning(variable: Variable) -> str:
    if variable.choices:
        return f"{variable.meaning}: {', '.join(f'`{choice}`' for choice in variable.choices)}"
    return variable.meaning


def in_clear() -> Iterator[str]:
    """What the canaries of the audit say that stays, each reason once."""
    reasons: dict[str, list[str]] = {}
    for area, places in IN_CLEAR.items():
        for reason in places.values():
            if area not in (areas := reasons.setdefault(reason, [])):
                areas.append(area)
    for reason, areas in reasons.items():
        yield f"- {', '.join(areas)}: {reason}."


PARTS: dict[str, Callable[[], Iterator[str]]] = {"settings": settings, "canaries": in_clear}


def renewed(page: str) -> str:
    """A page's text with its generated parts written anew."""
    return _PART.sub(lambda part: part[1] + part[2] + "\n".join(PARTS[part[1]]()) + "\n", page)


def main(pages: list[Path]) -> None:
    """Renew the pages."""
    for path in pages:
        text = path.read_text()
        if (new := renewed(text)) != text:
            path.write_text(new)
            print(f"renewed {path.name}")
    if transcript.renew():
        print("renewed the transcript of scripts/demo in README.md")


if __name__ == "__main__":
    main(PAGES)
