"""HTTP/1 as it goes over a connection: read while it passes, and written again for a replay.

Clients that speak HTTP/1 through a socket or a transport (``http.client`` and everything upon it,
aiohttp) are seen there. In replay their own parsers read the same bytes again, so everything
above (redirects, decoding, cookies, exceptions) is the library's own work.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.bodies import RecordedBody, RequestBody, ResponseBody
from timetracer_otel.messages import Failure, HttpRequest, HttpResponse

HUNG_UP = "EOFError"
"""The kind of a failure that is the end of the connection, where more was to come."""

_MISSING, _GARBAGE = "__missing__", "__garbage__"
"""Of a failure within a body: bytes that the chunk lacked; what stood where a chunk's size should."""
_MAX_HEAD = 1024 * 1024
_MAX_LINE = 64 * 1024


class Dechunker:
    """Takes the chunked transfer coding off, chunk by chunk."""

    __slots__ = ("_buffer", "_left", "_part", "_trailer", "done", "garbage")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._part = bytearray()
        self._left: int | None = None
        self._trailer = False
        self.done = False
        self.garbage: bytes | None = None
        """What stood where the size of a chunk should."""

    def feed(self, data: bytes) -> list[bytes]:
        """The chunks that are whole now."""
        whole: list[bytes] = []
        self._buffer += data
        while not self.done and self.garbage is None and self._step(whole):
            pass
        return whole

    def _step(self, whole: list[bytes]) -> bool:
        if self._left is not None and not self._trailer:
            part = self._buffer[: self._left]
            del self._buffer[: len(part)]
            self._part += part
            self._left -= len(part)
            if self._left:
                return False
            whole.append(bytes(self._part))
            self._part.clear()
            self._left = None
            return True
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_LINE:
                self.garbage = bytes(self._buffer[:100])
            return False
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if self._trailer:
            self.done = not line.strip()
        elif line.strip():  # else it ends the chunk before
            try:
                self._left = int(line.split(b";", 1)[0], 16)
            except ValueError:
                self.garbage = line[:100]
            else:
                self._trailer = self._left == 0
        return True

    def rest(self) -> tuple[bytes, int]:
        """What there is of a chunk that is not whole, and how much it lacks."""
        return bytes(self._part), 0 if self._trailer else self._left or 0


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
            _, self._message.headers = _parse_head(bytes(self._head[:end]))
            data = bytes(self._head[end + 4 :])
            self._head = None
            self._body.started()
            if _header(self._message.headers, "transfer-encoding").lower() == "chunked":
                self._chunked = Dechunker()
            elif _header(self._message.headers, "content-length") in ("", "0"):
                self._body.ended()
            self.awaits_continue = _header(self._message.headers, "expect").lower() == "100-continue"
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
                failure.fields[_GARBAGE] = self._chunked.garbage
            failure.fields[_MISSING] = self._chunked.rest()[1]
        return failure

    def _feed_head(self, data: bytes) -> bytes:
        self._head += data
        while (end := _head_end(self._head)) is not None:
            line, headers = _parse_head(bytes(self._head[:end]))
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
        elif _header(response.headers, "transfer-encoding").lower() == "chunked":
            self._chunked = Dechunker()
        elif (length := _header(response.headers, "content-length")).isdecimal():
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


def written(
    response: HttpResponse,
    method: str,
    title: str,
    *,
    paced: bool,
    failure: Callable[[Failure], BaseException],
) -> Iterator[tuple[bytes, float]]:
    """A recorded response as it came over the connection: pieces, and the seconds before each.

    Ends where the connection ended, or no more is to come.

    Args:
        response: what was recorded.
        method: of its request.
        title: the request on one line, for errors.
        paced: wait between pieces as long as the network did.
        failure: makes the exception that reading raised.

    Raises:
        ReplayError: the reader goes on where the recorded one stopped.
        BaseException: what reading raised.
    """
    head = _written_head(response)
    if not has_body(method, response.status):
        yield head, 0.0
        return
    failed = response.failure
    hung_up = failed is not None and failed.type_name == HUNG_UP
    raised: BaseException | None = None
    if failed is not None:
        raised = _HungUpError() if hung_up else failure(failed)
    fields = {} if failed is None else failed.fields
    chunked = _header(response.headers, "transfer-encoding").lower() == "chunked"
    # a body that came in one piece came with the head
    together = bool(response.body) and not (paced or chunked or response.chunks)
    if not together:
        yield head, 0.0
    missing, left = _integer(fields.get(_MISSING)), len(response.pieces())
    try:
        for piece, wait in RecordedBody(response, title, raised, paced=paced).pieces():
            left -= 1
            if together:
                together = False
                yield head + piece, wait
            elif not chunked:
                yield piece, wait
            elif left or not missing:
                yield b"%x\r\n%b\r\n" % (len(piece), piece), wait
            else:
                yield b"%x\r\n%b" % (len(piece) + missing, piece), wait
                missing = 0
    except _HungUpError:
        if missing:
            yield b"%x\r\n" % missing, 0.0
        if isinstance(garbage := fields.get(_GARBAGE), bytes):
            yield garbage, 0.0
        return
    if chunked:
        yield b"0\r\n\r\n", 0.0


def address(host: str, port: int | None, scheme: str) -> str:
    """Scheme, host and port, the port where it is not the usual one."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    usual = 443 if scheme in ("https", "wss") else 80
    return f"{scheme}://{shown}" + ("" if port in (None, usual) else f":{port}")


def ends_itself(method: str, response: HttpResponse) -> bool:
    """False where the end of the connection is the end of the response."""
    return (
        not has_body(method, response.status)
        or _header(response.headers, "transfer-encoding").lower() == "chunked"
        or _header(response.headers, "content-length").isdecimal()
    )


def has_body(method: str, status: int) -> bool:
    """False where HTTP knows none (RFC 9112, section 6.3)."""
    return method.upper() != "HEAD" and status >= 200 and status not in (204, 304)


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
    reader.into(ResponseBody(exchange, reader.response, request.title(), limit, start, reader.describe))


def now() -> int:
    """The time that :func:`watch_body` counts from."""
    return time.monotonic_ns()


class _HungUpError(Exception):
    """Ends the pieces of a body where the connection ended."""


def _head_end(data: bytearray) -> int | None:
    """Where the blank line ends; clients take a bare line feed for an end of line."""
    ends = [end + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (end := data.find(mark)) >= 0]
    return min(ends) if ends else None


def _parse_head(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    first, *lines = head.decode("latin-1").replace("\r\n", "\n").strip("\n").split("\n")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and headers:  # a value that goes on (obsolete)
            name, value = headers[-1]
            headers[-1] = name, f"{value} {line.strip()}"
            continue
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" \t\r")))
    return first.strip("\r"), headers


def _written_head(response: HttpResponse) -> bytes:
    reason = f" {response.reason}" if response.reason else " "
    lines = [f"{response.http_version or 'HTTP/1.1'} {response.status}{reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _header(headers: list[tuple[str, str]], wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


def _integer(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
