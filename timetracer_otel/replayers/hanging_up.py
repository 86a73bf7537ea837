"""When the recorded client hung up, so that the one that replays it does the same."""

from __future__ import annotations

import time

from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.replayers.pace import CANCELLATION_SECONDS, seconds_of
from timetracer_otel.replayers.session import Session

LEAST_SECONDS = 1.0
"""A replayed app is given so long to come where the recorded one was, however fast that was."""
WHOLE_SECONDS = 30.0
"""How much longer than the recorded request the client waits for an answer that was recorded whole: an app
may wait for its client to leave, and answer then, to nobody.
"""


class HangUp:
    """Says when to hang up on an app that is replayed.

    A recording does not say who ended an exchange early, the client or the app; to hang up where the recorded
    one ended is right for both.

    Args:
        session: the replay.
    """

    def __init__(self, session: Session) -> None:
        cassette = session.cassettes[0]
        request, response = cassette.inbound_request, cassette.inbound_response
        self._response = response if isinstance(response, HttpResponse) else None
        self.within_request = isinstance(request, HttpRequest) and not request.complete
        """The request was not read to its end."""
        self.within_response = self._response is not None and not self._response.complete
        """The response was not sent to its end."""
        self.possible = self.within_request or self.within_response or self._response is None
        self._fails = recorded_exception(cassette)
        took = seconds_of(cassette)
        self.after = took + WHOLE_SECONDS
        """Seconds after which to hang up at the latest."""
        if self.within_request or self.within_response:
            self.after = max(took, LEAST_SECONDS)
        self.patience = took + CANCELLATION_SECONDS
        """Seconds that the app then has to end."""
        self._began = time.monotonic()

    def over(self, size: int) -> bool:
        """True when so many bytes of the response are more than were recorded."""
        response = self._response
        known = self.within_response and response is not None and response.body is not None
        return known and response is not None and size > len(response.body or b"")

    def reached(self, size: int) -> bool:
        """True when a server that is pulled has given all that was recorded, and nothing failed then."""
        if not self.within_response or self._fails:
            return False
        response = self._response
        if response is not None and response.body is not None:
            return size >= len(response.body)
        return time.monotonic() - self._began > self.after


def recorded_exception(cassette: Cassette) -> bool:
    """True when the app raised while it was recorded, too."""
    return any(event.name == "exception" for event in cassette.entry.events)
