"""Whose a call or a span is where several recorders are at work: a service's, and those of blocks.

A trace stays with the recorder that it began with: a request that is in flight when a block begins is not the
block's, and one that came in during a block is the block's after its end.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

from timetracer_otel import ports
from timetracer_otel.exporters.bound import BoundEntry

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from timetracer_otel.exporters.recorder import Recorder

_recorders: tuple[weakref.ref[Recorder], ...] = ()
"""Those that record, the oldest first."""
_lock = threading.Lock()


def _renew() -> None:
    """Another thread may have held it when this process was forked."""
    global _lock  # as above
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew)


def add(recorder: Recorder) -> None:
    """One more records."""
    global _recorders  # one process, one list of them
    with _lock:
        _recorders = (*(one for one in _recorders if one() is not None), weakref.ref(recorder))


def remove(recorder: Recorder) -> None:
    """It takes nothing new."""
    global _recorders  # as above
    with _lock:
        _recorders = tuple(one for one in _recorders if one() not in (None, recorder))


def owner_of(span: Any, asked: Recorder) -> Recorder:
    """Who records the call that is made with that span current.

    Args:
        span: it is current, or was opened for the call.
        asked: who was asked, and records it where nobody else does.
    """
    if len(_recorders) < 2:
        return asked
    context = span.get_span_context()
    if _holds(asked, context):
        return asked
    others = [one for one in _others(asked) if one.exclusive or asked.exclusive]
    for recorder in others:
        if _holds(recorder, context):
            return recorder
    entry = ports.current_entry()
    if isinstance(entry, BoundEntry) and entry.recorder in others:
        return entry.recorder
    return asked


def is_anothers(span: Any, asked: Recorder) -> bool:
    """True when a span, the first that a recorder sees of its trace, is for another one to keep.

    Args:
        span: it has just started.
        asked: the recorder.
    """
    entry = ports.current_entry()
    expects = isinstance(entry, BoundEntry) and entry.recording is None and not entry.excluded
    if expects and isinstance(entry, BoundEntry) and (entry.recorder is asked or asked.exclusive):
        return entry.recorder is not asked
    parent = span.parent
    if parent is not None and not parent.is_remote and len(_recorders) > 1:
        for recorder in _others(asked):
            if (recorder.exclusive or asked.exclusive) and _holds(recorder, parent):
                return True
    standing = ports.process_port()
    # a block takes all that begins meanwhile
    return asked.retired or (standing is not asked and getattr(standing, "exclusive", False))


def _others(asked: Recorder) -> list[Recorder]:
    found = [one() for one in reversed(_recorders)]
    return [one for one in found if one is not None and one is not asked]


def _holds(recorder: Recorder, context: SpanContext) -> bool:
    found = recorder.assembler.find(context.trace_id, context.span_id)
    return found is not None and not found.excluded


class Standing:
    """Who stands behind the ports of the process for the time of a block.

    Blocks that run at once may end in any order: who stands below one that ended stands below the next.

    Args:
        port: takes calls.
    """

    _all: list[Standing] = []  # noqa: RUF012  # one process, one list of them

    def __init__(self, port: ports.Port) -> None:
        self._port = port
        with _lock:
            self._all.append(self)
            self._before = ports.set_process_ports(port, None)

    def take_requests(self, entries: ports.EntryPort) -> None:
        """Requests that come in are for these, too."""
        with _lock:
            if ports.process_port() is self._port:
                ports.set_process_ports(self._port, entries)

    def end(self) -> None:
        """The block is over."""
        with _lock:
            place = self._all.index(self)
            del self._all[place]
            if ports.process_port() is self._port:
                ports.set_process_ports(*self._before)
            elif place < len(self._all):
                self._all[place]._before = self._before
