"""An app that starts up within a replay block of one cassette: what it says then was recorded beside that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from timetracer_otel import ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest, Request
from timetracer_otel.nondeterminism import drawing_from
from timetracer_otel.replayers.drawing import is_startup
from timetracer_otel.replayers.faults import Faults
from timetracer_otel.replayers.session import Session


def startup_session(block: Session, outside: Sequence[Cassette]) -> Session | None:
    """What answers an app that starts up in a block, as a process in replay does; ``None`` where no start-up
    was recorded.

    Args:
        block: answers what the start-ups do not.
        outside: what was recorded outside requests beside the block's cassette.
    """
    if not any(map(is_startup, outside)):
        return None
    return Session(outside, block.settings, fallback=block, reuse=True, faults=Faults(()))


class BlockEntries:
    """Sees an app start up while a block replays, and nothing else.

    See :class:`~timetracer_otel.ports.EntryPort`.

    Args:
        starting: answers what it says then.
    """

    wants_body = False

    def __init__(self, starting: Session) -> None:
        self._starting = starting

    def open(
        self, framework: str, head: HttpRequest, route: str | None, *, traced: bool
    ) -> ports.Entry | None:
        """A request of the block's own."""
        return None

    def receive(
        self, caller: ports.Caller, message: Request, *, traced: bool, headers: Mapping[str, str]
    ) -> ports.Inbound | None:
        """The same."""
        return None

    def deliver(
        self, caller: ports.Caller, accepts: Callable[[Request], bool], timeout: float | None
    ) -> Request | None:
        """Nothing waits to be delivered: the block sends what comes in."""
        return None

    def startup(self, framework: str) -> ports.Startup | None:
        """Calls are answered from the recorded start-up."""
        return BlockStartup(self._starting)

    def stopping(self) -> None:
        """Nothing to write."""


class BlockStartup:
    """An app that starts up in a block; see :class:`~timetracer_otel.ports.Startup`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """What it draws in this context is what was drawn then, and so is what it is answered."""
        with self._session.activate(), drawing_from(self._session.starting()):
            yield

    def done(self) -> None:
        """Nothing to note."""
