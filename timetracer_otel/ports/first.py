"""The entry port until the first request: then the app is imported."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from timetracer_otel.messages import HttpRequest, Request
from timetracer_otel.ports.failing import report
from timetracer_otel.ports.protocols import Caller, Entry, EntryPort, Inbound, Startup
from timetracer_otel.ports.standing import process_entry_port, process_port, set_process_ports


class UntilFirst:
    """Stands before an entry port, says when the first request comes in or the app starts up, and leaves.

    Args:
        port: takes the requests.
        first: called once, before the first is taken.
    """

    def __init__(self, port: EntryPort, first: Callable[[], object]) -> None:
        self._port = port
        self._first: Callable[[], object] | None = first
        self.wants_body = port.wants_body

    @classmethod
    def stand(cls, port: EntryPort, first: Callable[[], object]) -> None:
        """Take the place of that port, which is the process's."""
        set_process_ports(process_port(), cls(port, first))

    def open(self, framework: str, head: HttpRequest, route: str | None, *, traced: bool) -> Entry | None:
        """A request came in."""
        return self._leave().open(framework, head, route, traced=traced)

    def receive(
        self, caller: Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> Inbound | None:
        """A message came in."""
        return self._leave().receive(caller, message, traced=traced, headers=headers)

    def deliver(
        self, caller: Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """An app fetches its messages."""
        return self._leave().deliver(caller, accepts, timeout)

    def startup(self, framework: str) -> Startup | None:
        """The app starts up; in another thread it is a pool that does, while the app is imported still."""
        main = threading.get_ident() == threading.main_thread().ident
        return (self._leave() if main else self._port).startup(framework)

    def stopping(self) -> None:
        """The server ends the process."""
        self._port.stopping()

    def _leave(self) -> EntryPort:
        first, self._first = self._first, None
        try:
            if process_entry_port() is self:
                set_process_ports(process_port(), self._port)
            if first is not None:
                first()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            report("the first request", error)
        return self._port
