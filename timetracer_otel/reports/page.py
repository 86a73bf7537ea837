"""One page with everything in it: no file beside it, nothing loaded, no script but its own.

What cassettes hold was written by others. Jinja2 escapes all of it, and the page's own policy
(Content-Security-Policy) lets nothing run but the one script that is in the template, named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from timetracer_otel import __version__
from timetracer_otel.durations import duration
from timetracer_otel.reports.items import Item

if TYPE_CHECKING:
    from jinja2 import Template

_OUTCOMES: Final = ("error", "different", "updated", "same")
_UNSEEN: Final = {code: f"\\x{code:02x}" for code in (*range(9), 11, 12, *range(14, 32), 127)}
_UNSEEN.update({code: f"\\u{code:04x}" for code in (0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F))})
_UNSEEN.update({code: f"\\u{code:04x}" for code in (*range(0x2060, 0x206A), 0xFEFF)})


def html_page(title: str, items: Sequence[Item]) -> bytes:
    """The page.

    Args:
        title: what was done: ``Replay``.
        items: what was compared.
    """
    counts = Counter(item.outcome for item in items)
    style, script = _asset("report.css"), _asset("report.js")
    page = _template().render(
        title=title,
        items=sorted(items, key=lambda item: _OUTCOMES.index(item.outcome)),
        counts=[(outcome, counts[outcome]) for outcome in _OUTCOMES if counts[outcome]],
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        took=duration(sum(item.seconds for item in items) * 1e9),
        version=__version__,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    return page.encode("utf-8", "backslashreplace")


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = files("timetracer_otel.reports") / "templates"
    environment = Environment(
        loader=FileSystemLoader(str(folder)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = _plain
    environment.filters["duration"] = duration
    return environment.get_template("report.html")


def _plain(text: str) -> str:
    """The text with what cannot be seen, or turns what is seen around, written as its escape."""
    return text.translate(_UNSEEN)


@cache
def _asset(name: str) -> str:
    return (files("timetracer_otel.reports") / "templates" / name).read_text("utf-8").rstrip("\n")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
