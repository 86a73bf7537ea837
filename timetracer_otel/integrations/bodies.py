"""Bodies that pass by in pieces: a copy is kept while the app or the network sets the pace.

Nothing here reads ahead or holds a piece back; whoever moves the pieces says so to a
:class:`Watcher`, whose methods never raise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.messages import PIECE_BYTES, Failure, HttpRequest, HttpResponse


class Watcher(Protocol):
    """Is told what happens to a body as it moves."""

    def started(self) -> None:
        """Somebody begins to read it (again, for a body that can be read twice)."""
        ...

    def passed(self, piece: Any) -> None:
        """One piece moved on."""
        ...

    def ended(self) -> None:
        """That was the last piece."""
        ...

    def failed(self, error: BaseException) -> None:
        """Reading the next piece raised."""
        ...

    def closed(self) -> None:
        """Nobody will read on; says nothing new after the end."""
        ...


class Copy:
    """A copy of the pieces that passed, up to a limit.

    Args:
        limit: bytes kept; a body that is longer is dropped whole.
        start: ``time.monotonic_ns()`` at which the request began; 0 when pieces and times do not matter.
    """

    __slots__ = ("_limit", "_pieces", "_size", "_start", "_times", "lost", "over")

    def __init__(self, limit: int, start: int = 0) -> None:
        self._limit = limit
        self._start = start
        self._pieces: list[bytes | bytearray] = []
        self._times: list[int] = []
        self._size = 0
        self.over = False
        """The body is longer than the limit."""
        self.lost = False
        """A piece was no bytes (the library will say so to the app), or could not be kept."""

    def add(self, piece: Any) -> None:
        """Keep one piece."""
        if self.over or self.lost:
            return
        if not isinstance(piece, bytes | bytearray | memoryview):
            self.lost = True
            return
        kept = bytes(piece)
        self._size += len(kept) + (PIECE_BYTES if self._pieces and self._start else 0)
        if self._size > self._limit:
            self.over = True
            self._pieces.clear()
            self._times.clear()
            return
        if self._start:
            self._pieces.append(kept)
            self._times.append(time.monotonic_ns() - self._start)
        elif self._pieces:
            self._pieces[0] += kept
        else:
            self._pieces.append(bytearray(kept))

    def lose(self, problem: Exception) -> None:
        """A piece could not be kept: the copy is not the whole that passed."""
        self.lost = True
        ports.report("reading a body", problem)

    def content(self) -> bytes | None:
        """What was kept; ``None`` when it is not the whole that passed."""
        return None if self.over or self.lost else b"".join(self._pieces)

    def chunks(self) -> list[list[int]] | None:
        """Size and time of each piece, where there was more than one."""
        if len(self._pieces) < 2:
            return None
        return [[len(piece), at] for piece, at in zip(self._pieces, self._times, strict=True)]

    def frozen(self) -> Copy:
        """The same as it is now; asked while another thread may add pieces."""
        copy = Copy(self._limit, self._start)
        copy._times = list(self._times)  # a piece is added before its time
        copy._pieces = self._pieces[: len(copy._times)]
        copy.over, copy.lost = self.over, self.lost  # said before pieces are dropped
        return copy


class RequestBody:
    """Fills in a request's body once the library has read all of it from the app.

    A body that was not read to its end (the connection failed first, say) stays ``None``.
    """

    __slots__ = ("_copy", "_limit", "_message", "error")

    def __init__(self, message: HttpRequest, limit: int) -> None:
        self._message = message
        self._limit = limit
        self._copy = Copy(limit)
        self.error: BaseException | None = None
        """What the app's own body raised."""

    def whole(self, body: bytes) -> None:
        """The body is there at once."""
        if len(body) <= self._limit and type(body) is bytes:
            self._message.body = body
        else:
            self._copy.add(body)
            self.ended()

    def started(self) -> None:
        """The library begins to read."""
        try:
            self._message.body = self.error = None
            self._copy = Copy(self._limit)
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            self._copy.lose(problem)

    def passed(self, piece: Any) -> None:
        """The library has read this piece."""
        try:
            self._copy.add(piece)
        except Exception as problem:  # noqa: BLE001  # as above
            self._copy.lose(problem)

    def ended(self) -> None:
        """The library has read all of it."""
        try:
            self._message.body = self._copy.content()
        except Exception as problem:  # noqa: BLE001  # as above
            self._copy.lose(problem)

    def failed(self, error: BaseException) -> None:
        """The app's body raised: what came before is all there is."""
        try:
            if isinstance(error, Exception):
                self.error = error
                self.ended()
        except Exception as problem:  # noqa: BLE001  # as above
            self._copy.lose(problem)

    def closed(self) -> None:
        """The library stopped reading."""

    def note_gap(self, exchange: ports.Exchange) -> None:
        """Write down why there is no body, if there is none."""
        if self._copy.over:
            exchange.gap(
                "body over limit", f"request body of {self._message.title()}: over {self._limit} bytes"
            )
        elif self._message.body is None:
            exchange.gap("body not read", f"request body of {self._message.title()} was not sent to its end")


class ResponseBody:
    """Reports a response once its body was read, left or failed.

    Args:
        exchange: the call it answers.
        response: status and headers; body, chunks and failure are filled in.
        request: what was asked, for gaps.
        limit: bytes kept.
        start: ``time.monotonic_ns()`` at which the request began.
        describe: reads an exception of the library into a message.
    """

    __slots__ = ("_copy", "_done", "_told")

    def __init__(
        self,
        exchange: ports.Exchange,
        response: HttpResponse,
        request: HttpRequest,
        limit: int,
        start: int,
        describe: Callable[[BaseException], Failure],
    ) -> None:
        self._told: _Told | None = _Told(exchange, response, request, limit, describe)
        self._copy = Copy(limit, start)
        self._done = False
        exchange.reading(self._so_far)

    def started(self) -> None:
        """The app begins to read."""

    def passed(self, piece: Any) -> None:
        """The app gets this piece."""
        try:
            self._copy.add(piece)
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            self._copy.lose(problem)

    def ended(self) -> None:
        """The app has read all of it."""
        self._finish(complete=True)

    def failed(self, error: BaseException) -> None:
        """The library raised while the app was reading."""
        self._finish(complete=False, error=error)

    def closed(self) -> None:
        """The app reads no further."""
        self._finish(complete=False)

    def _finish(self, *, complete: bool, error: BaseException | None = None) -> None:
        try:
            told = self._told
            if self._done or told is None:
                return
            self._done = True
            if error is not None:
                told.response.failure = told.describe(error)
            told.exchange.finish(told.answer(self._copy, complete=complete))
            # the library's response holds this, often in a cycle: the trace must not wait for the collector
            self._told, self._copy = None, _NOTHING_MORE
        except Exception as problem:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("reading a response body", problem)

    def _so_far(self) -> HttpResponse | None:
        copy, told = self._copy, self._told  # asked in another thread
        return None if told is None else told.answer(copy.frozen(), complete=False)


class _Told(NamedTuple):
    """What a response is reported with; let go once it was."""

    exchange: ports.Exchange
    response: HttpResponse
    request: HttpRequest
    limit: int
    describe: Callable[[BaseException], Failure]

    def answer(self, copy: Copy, *, complete: bool) -> HttpResponse:
        body = copy.content()
        if copy.lost:
            self.exchange.gap("body not read", f"response body of {self.request.title()}")
        elif body is None:
            self.exchange.gap(
                "body over limit", f"response body of {self.request.title()}: over {self.limit} bytes"
            )
        return msgspec.structs.replace(self.response, body=body, chunks=copy.chunks(), complete=complete)


_NOTHING_MORE: Final = Copy(0)
"""Keeps no piece."""
_NOTHING_MORE.lost = True


class RecordedBody:
    """The pieces of a recorded response, and what came after the last.

    Args:
        response: what was recorded.
        title: the request on one line, for errors.
        failure: what the library raised while the app was reading, if it did.
        paced: wait between pieces as long as the network did.
    """

    __slots__ = ("_failure", "_paced", "_response", "_start", "_title")

    def __init__(
        self, response: HttpResponse, title: str, failure: BaseException | None = None, *, paced: bool = False
    ) -> None:
        self._response = response
        self._title = title
        self._failure = failure
        self._paced = paced
        self._start = time.monotonic_ns()

    def pieces(self) -> Iterator[tuple[bytes, float]]:
        """Each piece with the seconds to wait before it.

        Raises:
            ReplayError: the app reads further than was recorded.
            BaseException: the library's own, where the recorded read failed.
        """
        response = self._response
        if response.body and response.chunks is None and response.complete and self._failure is None:
            yield response.body, 0.0
            return
        if response.body is None:
            raise ReplayError(
                f"the response body of {self._title} was not recorded: it was over the limit;"
                " record again with a larger TIMETRACER_MAX_BODY_KB"
            )
        pieces = response.pieces()
        timed = self._paced and response.chunks is not None and len(response.chunks) == len(pieces)
        for index, piece in enumerate(pieces):
            yield piece, self._wait(response.chunks[index][1]) if timed and response.chunks else 0.0
        if self._failure is not None:
            raise self._failure
        if not response.complete:
            raise ReplayError(
                f"the response body of {self._title} was recorded up to byte {len(response.body)}, where the"
                " app stopped reading (or the trace was written, see its gaps); it now reads on: record again"
            )

    def _wait(self, at: int) -> float:
        return max(0.0, (self._start + at - time.monotonic_ns()) / 1e9)
