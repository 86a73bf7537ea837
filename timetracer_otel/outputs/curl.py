"""The request that began a cassette, as a command line of curl."""

from __future__ import annotations

import re
import shlex
from typing import Final

from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a method and a header's name may be (RFC 9110, section 5.6.2); curl takes others for something
else."""
_NOT_SENT: Final = frozenset({"content-length", "connection", "transfer-encoding", "keep-alive", "expect"})
"""Headers that curl writes itself."""
_PRINTED: Final = frozenset(range(0x20, 0x7F)) - set(b"'\\%-")


def command(cassette: Cassette) -> str | None:
    """A line for a POSIX shell; ``None`` where no HTTP request began it, or curl could not send it.

    Nothing in it is read as anything but text: by the shell, by curl, or by printf, which makes a body that
    is no text.

    Raises:
        CodecError: the request cannot be read.
    """
    request = cassette.inbound_request
    return None if request is None else _command(request)


def _command(request: HttpRequest) -> str | None:
    if not _TOKEN.fullmatch(request.method) or not request.url.startswith(("http://", "https://")):
        return None
    words = ["curl", "--globoff", "--request", request.method, "--url", request.url]
    host = request.url.split("/", 3)[2]
    for name, value in request.headers:
        lower = name.lower()
        if lower in _NOT_SENT or (lower == "host" and value == host) or not _TOKEN.fullmatch(name):
            continue
        # curl takes a header without a value only with a semicolon
        words += ["--header", f"{name}: {value}" if value.strip() else f"{name};"]
    body = request.body or b""
    if not body:
        return shlex.join(words)
    text = _as_text(body)
    if text is not None:
        return shlex.join([*words, "--data-raw", text])
    return f"printf '{_octal(body)}' | {shlex.join([*words, '--data-binary', '@-'])}"


def _as_text(body: bytes) -> str | None:
    """The body as one argument; ``None`` where it cannot be one."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if "\0" not in text else None


def _octal(body: bytes) -> str:
    return "".join(chr(byte) if byte in _PRINTED else f"\\{byte:03o}" for byte in body)
