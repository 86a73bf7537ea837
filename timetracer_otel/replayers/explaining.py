"""What is said of a call that nothing recorded answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.parts import Difference
from timetracer_otel.messages import Request
from timetracer_otel.redaction import MASK
from timetracer_otel.replayers.matching import Nearest

_DRAWN: Final = re.compile(r"(?<![0-9A-Za-z])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[0-9A-Za-z]{6,40}(?![0-9A-Za-z])")
"""Words of letters and digits."""
_ADVICE: Final = (
    ". If the app draws this value anew each time: what its own modules draw at import, and what it draws"
    " while it starts (lifespan), is that of the first process that was recorded; what threads and installed"
    " packages draw there is not given again. Draw it in the request, or give it a rule"
    " (docs/volatile-values.md#rules)"
)


MADE_OF_A_MASK: Final = "what the app makes of a mask is another"
_DIGEST: Final = re.compile(
    r"(?<![0-9A-Za-z+/_-])(?:[0-9a-fA-F]{32,128}|[0-9A-Za-z+/_-]{43,88}={0,2})(?![0-9A-Za-z+/_-])"
)
"""A digest in hex, or one of SHA-256 or more in base64."""
_PIECE: Final = 4
"""Characters of a mask that are no chance."""


def explain(request: Request, nearest: Nearest | None, names: str, cassettes: Sequence[Cassette] = ()) -> str:
    """What a miss says: the call, the nearest recorded one, where they differ, and what may help.

    Args:
        request: the call.
        nearest: the recorded call that is most like it.
        names: of what was looked in.
        cassettes: the same, to say what came in masked.
    """
    title = request.title()[:300]
    if nearest is None or nearest.call.request is None:
        return f"{title}: nothing like it was recorded" + (f" in {names}" if names else " outside requests")
    call = nearest.call.request.title()[:300]
    if not nearest.differences:
        return f"{title}: it was recorded fewer times than it is now called (in {names})"
    shown = "; ".join(str(difference) for difference in nearest.differences[:4])
    more = len(nearest.differences) - 4
    used = " (already used by an earlier call)" if nearest.used else ""
    advice = _of_masks(nearest.differences, cassettes)
    if not advice and drawn_anew(nearest):
        advice = _ADVICE
    return (
        f"{title}: no recorded call answers it. Nearest is {call}{used}; it differs in {shown}"
        + (f"; and {more} more" if more > 0 else "")
        + advice
    )


def _of_masks(differences: Sequence[Difference], cassettes: Sequence[Cassette]) -> str:
    """What to do where the app made a part, or a digest, of what is masked in the request; "" elsewhere."""
    places = [
        gap.detail.removeprefix("inbound ")
        for cassette in cassettes
        for gap in cassette.gaps
        if gap.kind == "masked" and gap.detail.startswith("inbound request")
    ]
    if not places or not any(map(_made_of_a_mask, differences)):
        return ""
    listed = ", ".join(dict.fromkeys(places[:3])) + (", ..." if len(places) > 3 else "")
    return (
        f". Masked in the recording: {listed}; {MADE_OF_A_MASK}, as a part or a digest of it is. Give the"
        " credential (--header, in pytest timetracer_headers), or record where nothing has to be masked"
        " (TIMETRACER_REDACT=false)"
    )


def _made_of_a_mask(difference: Difference) -> bool:
    was, now = difference.recorded, difference.live
    pieces = (MASK[:_PIECE], MASK[-_PIECE:])
    if any(piece in now and piece not in was for piece in pieces):
        return True
    return was != now and _DIGEST.search(was) is not None and _DIGEST.sub("#", was) == _DIGEST.sub("#", now)


def drawn_anew(nearest: Nearest | None) -> bool:
    """True where the nearest recorded call is another in nothing but words that somebody draws."""
    return nearest is not None and bool(nearest.differences) and all(map(_by_chance, nearest.differences))


def _by_chance(difference: Difference) -> bool:
    """True where both sides say the same but for words such as ``7f3a90c1``, which somebody draws."""
    was, now = difference.recorded, difference.live
    words = _DRAWN.findall(was)
    if not words or list(map(len, words)) != list(map(len, _DRAWN.findall(now))):
        return False
    return _DRAWN.sub("#", was) == _DRAWN.sub("#", now)
