"""Where messages of HTTP/1 and their chunks begin and end."""

from __future__ import annotations

from timetracer_otel.messages import HttpResponse

MISSING, GARBAGE = "__missing__", "__garbage__"
"""Of a failure within a body: bytes that the chunk lacked; what stood where a chunk's size should."""
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


def address(host: str, port: int | None, scheme: str) -> str:
    """Scheme, host and port, the port where it is not the usual one."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    usual = 443 if scheme in ("https", "wss") else 80
    return f"{scheme}://{shown}" + ("" if port in (None, usual) else f":{port}")


def ends_itself(method: str, response: HttpResponse) -> bool:
    """False where the end of the connection is the end of the response."""
    return (
        not has_body(method, response.status)
        or header(response.headers, "transfer-encoding").lower() == "chunked"
        or header(response.headers, "content-length").isdecimal()
    )


def has_body(method: str, status: int) -> bool:
    """False where HTTP knows none (RFC 9112, section 6.3)."""
    return method.upper() != "HEAD" and status >= 200 and status not in (204, 304)


def head_end(data: bytearray) -> int | None:
    """Where the blank line ends; clients take a bare line feed for an end of line."""
    ends = [end + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (end := data.find(mark)) >= 0]
    return min(ends) if ends else None


def parse_head(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """The first line of a message's head, and its headers."""
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


def header(headers: list[tuple[str, str]], wanted: str) -> str:
    """The value of the first header of that name (in lower case); empty where there is none."""
    return next((value for name, value in headers if name.lower() == wanted), "")
