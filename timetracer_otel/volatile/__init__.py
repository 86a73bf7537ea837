"""Values that cannot be the same in two runs, recognised by where they came from. Pure: data in, data out.

:class:`Origins` knows where the values of a recording were first seen; :class:`Links` what became of them
in one replay. :func:`shape` sets the values aside that look volatile, so that :meth:`Links.judge` can say
whether the rest is equal and the values may stand for each other. :func:`reconciled` does both for two
structures; :func:`followed` gives recorded data with the values of this run.
"""

from timetracer_otel.volatile.following import followed, followed_bytes, followed_text, reconciled, stands_for
from timetracer_otel.volatile.links import Links, Trial, names_identifier
from timetracer_otel.volatile.origins import Origins
from timetracer_otel.volatile.ruled import Rules
from timetracer_otel.volatile.shape import Anything, shape
from timetracer_otel.volatile.tokens import Atom, Linked

__all__ = [
    "Anything",
    "Atom",
    "Linked",
    "Links",
    "Origins",
    "Rules",
    "Trial",
    "followed",
    "followed_bytes",
    "followed_text",
    "names_identifier",
    "reconciled",
    "shape",
    "stands_for",
]
