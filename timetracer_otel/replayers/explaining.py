"""What is said of a call that nothing recorded answers."""

from __future__ import annotations

from timetracer_otel.messages import Request
from timetracer_otel.replayers.matching import Nearest


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
    return f"{title}: no recorded call answers it. Nearest is {call}{used}; it differs in {shown}" + (
        f"; and {more} more" if more > 0 else ""
    )
