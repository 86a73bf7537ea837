"""What is said of a call that nothing recorded answers."""

from __future__ import annotations

import re
from typing import Final

from timetracer_otel.comparison.parts import Difference
from timetracer_otel.messages import Request
from timetracer_otel.replayers.matching import Nearest

_DRAWN: Final = re.compile(r"(?<![0-9A-Za-z])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[0-9A-Za-z]{6,40}(?![0-9A-Za-z])")
"""Words of letters and digits."""
_ADVICE: Final = (
    ". If the app draws this value anew each time: what it draws as a module is imported is not given again;"
    " draw it while the app starts (lifespan) or in the request, or give it a rule"
    " (docs/volatile-values.md#rules)"
)


def explain(request: Request, nearest: Nearest | None, names: str) -> str:
    """What a miss says: the call, the nearest recorded one, and where they differ."""
    title = request.title()[:300]
    if nearest is None or nearest.call.request is None:
        return f"{title}: nothing like it was recorded" + (f" in {names}" if names else " outside requests")
    call = nearest.call.request.title()[:300]
    if not nearest.differences:
        return f"{title}: it was recorded fewer times than it is now called (in {names})"
    shown = "; ".join(str(difference) for difference in nearest.differences[:4])
    more = len(nearest.differences) - 4
    used = " (already used by an earlier call)" if nearest.used else ""
    advice = _ADVICE if all(map(_by_chance, nearest.differences)) else ""
    return (
        f"{title}: no recorded call answers it. Nearest is {call}{used}; it differs in {shown}"
        + (f"; and {more} more" if more > 0 else "")
        + advice
    )


def _by_chance(difference: Difference) -> bool:
    """True where both sides say the same but for words such as ``7f3a90c1``, which somebody draws."""
    was, now = difference.recorded, difference.live
    words = _DRAWN.findall(was)
    if not words or list(map(len, words)) != list(map(len, _DRAWN.findall(now))):
        return False
    return _DRAWN.sub("#", was) == _DRAWN.sub("#", now)
