"""When garbage is collected.

Up to 3.11 CPython collects in the middle of ``ContextVar.set``, too, and ends with a segmentation fault when
a finalizer then sets a context variable itself: that of a generator with a span in it does, with and without
us. From 3.12 on it collects between two steps of the program only. Before, these apps do so themselves.
"""

from __future__ import annotations

import gc
import itertools
import sys

_BY_HAND = sys.version_info < (3, 12)
_EVERY = 200
"""Requests between two collections."""
_requests = itertools.count(1)

if _BY_HAND:
    gc.disable()


def collect() -> None:
    """Called in each request, where no context variable is being set."""
    if _BY_HAND and next(_requests) % _EVERY == 0:
        gc.collect()
