"""Recorded HTTP/1 written again as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from timetracer_otel.integrations.bodies import RecordedBody
from timetracer_otel.integrations.wire.framing import GARBAGE, MISSING, has_body, header
from timetracer_otel.messages import Failure, HttpResponse

HUNG_UP = "EOFError"
"""The kind of a failure that is the end of the connection, where more was to come."""


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
    chunked = header(response.headers, "transfer-encoding").lower() == "chunked"
    # a body that came in one piece came with the head
    together = bool(response.body) and not (paced or chunked or response.chunks)
    if not together:
        yield head, 0.0
    missing, left = _integer(fields.get(MISSING)), len(response.pieces())
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
        if isinstance(garbage := fields.get(GARBAGE), bytes):
            yield garbage, 0.0
        return
    if chunked:
        yield b"0\r\n\r\n", 0.0


class _HungUpError(Exception):
    """Ends the pieces of a body where the connection ended."""


def _written_head(response: HttpResponse) -> bytes:
    reason = f" {response.reason}" if response.reason else " "
    lines = [f"{response.http_version or 'HTTP/1.1'} {response.status}{reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _integer(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
