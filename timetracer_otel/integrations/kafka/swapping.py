"""A class of ours in the place of one of C's: where it is looked up, and beneath the classes made of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

PACKAGES: Final = ("confluent_kafka.cimpl", "confluent_kafka")
"""Where the classes are looked up: C's module first."""
_INSTRUMENTATION: Final = "opentelemetry.instrumentation.confluent_kafka"


class Swap:
    """One class of C's, and what stands in its place.

    Classes that were derived from C's before (the standard instrumentation's, those of serializers, an app's)
    get ours as their base, and C's again when it is undone. So whoever came first, ours is innermost.

    Args:
        name: its name: ``Producer``.
        remembered: where the standard instrumentor keeps what it puts back when it is undone.
        make: makes ours of C's; it holds no fields (``__slots__``), else it could not be another's base.
    """

    def __init__(self, name: str, remembered: str, make: Callable[[Any], Any]) -> None:
        self.name = name
        self._remembered = remembered
        self._make = make
        self._theirs: Any = None
        self._ours: Any = None

    def put(self, present: Any) -> Any:
        """Put ours everywhere; what is to stand where ``present`` stood."""
        if self._ours is None:
            self._theirs = getattr(sys.modules[PACKAGES[0]], self.name)
            derived = self._theirs.__subclasses__()
            self._ours = _named(self._make(self._theirs), self._theirs)
            _rebase(derived, self._theirs, self._ours)
            self._replace(self._theirs, self._ours)
        return self._ours if present is self._theirs else present

    def undo(self) -> None:
        """Put C's back everywhere; objects that are in use stay what they are, and pass everything on."""
        if self._ours is not None:
            _rebase(self._ours.__subclasses__(), self._ours, self._theirs)
            self._replace(self._ours, self._theirs)
            self._theirs = self._ours = None

    def _replace(self, one: Any, other: Any) -> None:
        for package in PACKAGES:
            module = sys.modules.get(package)
            if module is not None and vars(module).get(self.name) is one:
                setattr(module, self.name, other)
        instrumentation = sys.modules.get(_INSTRUMENTATION)
        instrumentor = getattr(
            getattr(instrumentation, "ConfluentKafkaInstrumentor", None), "_instance", None
        )
        if instrumentor is not None and vars(instrumentor).get(self._remembered) is one:
            setattr(instrumentor, self._remembered, other)


def _rebase(kinds: Iterable[Any], one: Any, other: Any) -> None:
    for kind in kinds:
        bases = tuple(other if base is one else base for base in kind.__bases__)
        # one that has a class of another layout beside it stays as it is
        with contextlib.suppress(TypeError):
            kind.__bases__ = bases


def _named(kind: Any, base: Any) -> Any:
    kind.__name__, kind.__qualname__, kind.__module__ = base.__name__, base.__qualname__, base.__module__
    kind.__doc__ = base.__doc__
    return kind
