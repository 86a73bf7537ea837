"""``compare_digest`` of ``secrets`` and ``hmac``, by which apps compare passwords, keys, signatures.

Every comparison is made. What one came to is noted where one of both turns out to be a secret that is masked,
and given again where one of both is a mask. So a webhook's signature is compared in a replay as ever: it is
of a body that both have. Where something was masked in that body nobody can say whether the signature is
right: there what the comparison came to is given again, too. Django's ``constant_time_compare`` and passlib's
``consteq`` are this function.
"""

from __future__ import annotations

import _operator
import functools
import hmac
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.integrations.credentials.checks import is_masked, within
from timetracer_otel.nondeterminism import callers, references
from timetracer_otel.nondeterminism.comparisons import COMPARES, Comparison, Recorded, restored
from timetracer_otel.nondeterminism.source import Draw, Fallback, current_source, idle
from timetracer_otel.redaction.digests import is_digest_of_mask

_LONGEST: Final = 8192
"""What is longer is no credential, and would be held in memory."""

_lock = threading.Lock()
_replaced: list[references.Replaced] | None = None


class _Comparing(Draw[Recorded | None]):
    """One comparison that was made.

    Args:
        good: what it came to.
        operands: of what.
    """

    __slots__ = ("_good", "_operands")

    def __init__(self, good: bool, operands: tuple[object, ...]) -> None:
        super().__init__(COMPARES)
        self._good = good
        self._operands = operands

    def live(self) -> Recorded | None:
        """What it came to."""
        return Recorded(self._good, signed=False)

    def invent(self, fallback: Fallback) -> None:
        """Nobody can say what a comparison would have come to."""
        return

    def note(self, value: Recorded | None) -> object:
        """Both, until it is known which was masked."""
        short = all(isinstance(one, str | bytes) and len(one) <= _LONGEST for one in self._operands)
        return Comparison(self._good, self._operands if short else ())

    def restore(self, noted: object) -> Recorded | None:
        """What was noted; ``None``: nothing, it was of no secret."""
        return None if noted is None else restored(noted)


def _comparing(real: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    @functools.wraps(real)
    def compare_digest(a: Any, b: Any, /) -> bool:
        good = real(a, b)
        try:
            return good if idle() else _decided(good, (a, b), sys._getframe(1))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("looking at a comparison", error)
            return good

    return compare_digest


def _decided(good: bool, operands: tuple[object, ...], frame: FrameType) -> bool:
    """What the comparison came to, here or in the recording."""
    port = ports.current()
    source = current_source()
    if port is None or source is None or within() or callers.package_of(frame) is None:
        return good
    recorded = source.draw(_Comparing(good, operands))
    if not port.replaying or recorded is None:
        return good
    return recorded.good if recorded.signed or any(map(_of_mask, operands)) else good


def _of_mask(operand: object) -> bool:
    return is_masked(operand) or (isinstance(operand, str | bytes) and is_digest_of_mask(operand))


def install() -> None:
    """Look at the comparisons of this process, by whatever name a module has for them; once is enough."""
    global _replaced  # one process, one set of functions
    with _lock:
        if _replaced is None:
            real = {hmac.compare_digest, _operator._compare_digest}
            _replaced = references.replace([(one, _comparing(one)) for one in real])


def uninstall() -> None:
    """Give the functions back."""
    global _replaced  # as above
    with _lock:
        if _replaced is not None:
            references.restore(_replaced)
            _replaced = None
