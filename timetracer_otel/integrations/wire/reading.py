"""HTTP/1 read while it passes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from timetracer_otel import ports
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.bodies import RequestBody, ResponseBody
from timetracer_otel.integrations.wire.framing import (
    GARBAGE,
    MISSING,
    Dechunker,
    has_body,
    head_end,
    header,
    parse_head,
)
from timetracer_otel.messages import Failure, HttpRequest, HttpResponse

_MAX_HEAD = 1024 * 1024


class RequestReader:
    """Reads a request while it is sent.

    Args:
        message: gets method and headers; its URL is known before.
        body: gets the body, without transfer coding.
    """

    __slots__ = ("_body", "_chunked", "_head", "_message", "awaits_continue")

    def __init__(self, message: HttpRequest, body: RequestBody) -> None:
        self._message = message
        self._body = body
        self._head: bytearray | None = bytearray()
        self._chunked: Dechunker | None = None
        self.awaits_continue = False
        """The sender asks before it sends the body."""

    @property
    def has_head(self) -> bool:
        """True when the headers are known."""
        return self._head is None

    def feed(self, data: bytes) -> None:
        """These bytes are sent."""
        if self._head is not None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            _, self._message.headers = parse_head(bytes(self._head[:end]))
            data = bytes(self._head[end + 4 :])
            self._head = None
            self._body.started()
            if header(self._message.headers, "transfer-encoding").lower() == "chunked":
                self._chunked = Dechunker()
            elif header(self._message.headers, "content-length") in ("", "0"):
                self._body.ended()
            self.awaits_continue = header(self._message.headers, "expect").lower() == "100-continue"
        if data:
            self.awaits_continue = False
            for piece in [data] if self._chunked is None else self._chunked.feed(data):
                self._body.passed(piece)

    def ended(self) -> None:
        """All of it is sent."""
        if self._head is None:
            self._body.ended()


class ResponseReader:
    """Reads a response while it comes in.

    Args:
        method: of the request: an answer to ``HEAD`` has no body.
    """

    __slots__ = (
        "_body", "_chunked", "_head", "_left", "_method", "_then", "_waiting",
        "describe_as", "ended", "response",
    )  # fmt: skip

    def __init__(self, method: str) -> None:
        self._method = method
        self._head = bytearray()
        self._waiting: list[bytes] = []
        self._then: Callable[[], None] | None = None  # what came before anybody wanted the body
        self._body: ResponseBody | None = None
        self._chunked: Dechunker | None = None
        self._left: int | None = None
        self.describe_as: Callable[[BaseException], Failure] = exceptions.describe
        """Reads an exception into a message."""
        self.response: HttpResponse | None = None
        """Status and headers, once they are there."""
        self.ended = False
        """The response is whole, or nothing more of it can be read."""

    def feed(self, data: bytes) -> None:
        """These bytes came in."""
        if self.ended:
            return
        if self.response is None:
            data = self._feed_head(data)
            if self.response is None:
                return
        if self._body is None:
            self._waiting.append(data)
        else:
            self._feed_body(self._body, data)

    def into(self, body: ResponseBody) -> None:
        """Hand the body to that one from here on, what came in before included."""
        self._body = body
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._feed_body(body, data)
        if not waiting:
            self._feed_body(body, b"")
        if self._then is not None:
            self._then()

    def eof(self) -> None:
        """The connection ended."""
        if self.ended or self._body is None:
            self._then = self._then or self.eof
            return
        if self._chunked is None and self._left is None:
            self._end(self._body)
        else:
            self.failed(EOFError("the connection ended before the response did"))

    def failed(self, error: BaseException) -> None:
        """Reading on raised."""
        if self.ended or self._body is None:
            self._then = self._then or functools.partial(self.failed, error)
            return
        self.ended = True
        if self._chunked is not None and (part := self._chunked.rest()[0]):
            self._body.passed(part)
        self._body.failed(error)

    def closed(self) -> None:
        """Nobody reads on."""
        if self.ended or self._body is None:
            self._then = self._then or self.closed
            return
        self.ended = True
        self._body.closed()

    def describe(self, error: BaseException) -> Failure:
        """What was raised in the body, with how far the chunk was."""
        failure = self.describe_as(error)
        if self._chunked is not None:
            if self._chunked.garbage is not None:
                failure.fields[GARBAGE] = self._chunked.garbage
            failure.fields[MISSING] = self._chunked.rest()[1]
        return failure

    def _feed_head(self, data: bytes) -> bytes:
        self._head += data
        while (end := head_end(self._head)) is not None:
            line, headers = parse_head(bytes(self._head[:end]))
            rest = bytes(self._head[end:])
            version, _, status_and_reason = line.partition(" ")
            status, _, reason = status_and_reason.strip().partition(" ")
            if not version.startswith("HTTP/") or not status.isdecimal() or len(status) != 3:
                break
            if status.startswith("1") and status != "101":
                self._head = bytearray(rest)
                continue
            self.response = HttpResponse(int(status), headers, None, None, reason.strip(), version)
            self._frame(self.response)
            return rest
        self.ended = len(self._head) > _MAX_HEAD
        return b""

    def _frame(self, response: HttpResponse) -> None:
        if not has_body(self._method, response.status):
            self._left = 0
        elif header(response.headers, "transfer-encoding").lower() == "chunked":
            self._chunked = Dechunker()
        elif (length := header(response.headers, "content-length")).isdecimal():
            self._left = int(length)

    def _feed_body(self, body: ResponseBody, data: bytes) -> None:
        if self._chunked is not None:
            for piece in self._chunked.feed(data):
                body.passed(piece)
            if self._chunked.garbage is not None:
                self.failed(EOFError("what should be the size of a chunk is none"))
            elif self._chunked.done:
                self._end(body)
            return
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data:
            body.passed(data)
        if self._left == 0:
            self._end(body)

    def _end(self, body: ResponseBody) -> None:
        self.ended = True
        body.ended()


def watch_body(
    reader: ResponseReader, exchange: ports.Exchange, request: HttpRequest, limit: int, start: int
) -> None:
    """Have the response reported to the exchange when its body was read.

    Args:
        reader: has read the head.
        exchange: the call that the response answers.
        request: the call's request.
        limit: bytes kept of the body.
        start: ``time.monotonic_ns()`` at which the request began.
    """
    assert reader.response is not None
    if reader.response.status == 101:
        exchange.gap("upgraded connection", f"what follows {request.title()} is not recorded")
    reader.into(ResponseBody(exchange, reader.response, request, limit, start, reader.describe))


def now() -> int:
    """The time that :func:`watch_body` counts from."""
    return time.monotonic_ns()
