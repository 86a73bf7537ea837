"""Requests and messages that come in while a process records."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from timetracer_otel import ports
from timetracer_otel.exporters.entry import RecordedEntry, RecordedStartup
from timetracer_otel.exporters.inbound import RecordedMessage
from timetracer_otel.messages import HttpRequest, Request
from timetracer_otel.messages.paths import path_excluded

if TYPE_CHECKING:
    from timetracer_otel.exporters.bound import BoundEntry
    from timetracer_otel.exporters.recorder import Recorder


class IncomingRequests:
    """Has those recorded that come in. Implements :class:`~timetracer_otel.ports.EntryPort`.

    Args:
        recorder: records what they call, and the requests themselves.

    Attributes:
        serving: those that the app has not returned from.
    """

    wants_body = False

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._excluded = recorder.settings.exclude_paths
        self.serving: set[BoundEntry] = set()

    def open(
        self, framework: str, head: HttpRequest, route: str | None, *, traced: bool
    ) -> ports.Entry | None:
        """A request came in; see :class:`~timetracer_otel.ports.EntryPort`."""
        recorder = self._recorder
        if not recorder.active:
            return None
        recorder.ensure_attached()
        excluded = path_excluded(head.url, self._excluded)
        return RecordedEntry(recorder, framework, head, route, traced=traced, excluded=excluded)

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """A message came in; see :class:`~timetracer_otel.ports.EntryPort`."""
        recorder = self._recorder
        if not recorder.active or not is_instrumentation_enabled():
            return None
        recorder.ensure_attached()
        return RecordedMessage(recorder, caller.name, message, traced=traced, headers=headers)

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """Nothing: this is no replay."""
        return None

    def startup(self, framework: str) -> ports.Startup | None:
        """The app starts up; see :class:`~timetracer_otel.ports.EntryPort`."""
        return RecordedStartup(self._recorder, framework) if self._recorder.active else None

    def stopping(self) -> None:
        """Write what is finished before the server ends the process."""
        self._recorder.flush(5.0)
        self._recorder.outbox.sum_up()

    def wait_for_sent(self, timeout: float) -> None:
        """The process ends: wait for requests whose response is sent whole, whose caller takes them for
        finished. After that time they are taken as they are.
        """
        deadline = time.monotonic() + timeout
        own: object = ports.current_entry()
        for entry in list(self.serving):
            # the request that ends the process is not going to return
            while entry.sent() and entry in self.serving and entry is not own:
                if time.monotonic() >= deadline:
                    break
                time.sleep(0.002)
            if entry in self.serving and entry.sent():
                entry.cut_off()
