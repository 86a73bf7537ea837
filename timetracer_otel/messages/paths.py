"""Which paths of a service are of no interest: health checks and the like."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache

from timetracer_otel.messages.http import split_url


def path_excluded(url: str, globs: tuple[str, ...]) -> bool:
    """True when the path of the URL, or one above it, matches one of the globs."""
    return bool(globs) and _any_of(globs).match(split_url(url).path) is not None


@cache
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(form) for glob in globs for form in (glob, f"{glob}/*")))
