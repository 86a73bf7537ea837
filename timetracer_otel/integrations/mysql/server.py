"""What answers a driver in a replay: the server's side of the protocol, with the recorded replies."""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Callable
from typing import Any

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.mysql import packets

AUTOCOMMIT, IN_TRANSACTION = 0x0002, 0x0001
NOT_HERE = (1 << 11) | (1 << 28)
"""TLS and authentication by several factors: nothing is sent that would need them."""
_PLUGIN = b"mysql_native_password"
_SALT = b"timetracer" * 2
_SETS_AUTOCOMMIT = re.compile(
    rb"\s*set\s+(?:@@(?:session\.)?|session\s+)?autocommit\s*=\s*'?(on|off|0|1|true|false)", re.I
)
_HARMLESS = re.compile(rb"\s*(set|use|begin|start\s+transaction|commit|rollback|savepoint|release)\b", re.I)
_BEGINS = re.compile(rb"\s*(begin|start\s+transaction)\b", re.I)
_ENDS = re.compile(rb"\s*(commit|rollback(?!\s+to))\b", re.I)
# a server of a cassette that says nothing of it
_VERSION, _CAPABILITIES, _CHARSET = "8.0.0", 0x00BFF7FF, 45


def status_after(text: bytes, status: int, *, set_up: bool) -> int:
    """The status of a connection after a statement that no recorded call made.

    Args:
        text: the statement.
        status: before it.
        set_up: the connection is set up, so only statements that ask nothing can be answered.

    Raises:
        ReplayError: it asks something.
    """
    if set_up and not _HARMLESS.match(text):
        shown = text[:200].decode("utf-8", "replace")
        raise ReplayError(f"mysql: a statement that was not recorded cannot be answered: {shown}")
    if (found := _SETS_AUTOCOMMIT.match(text)) is not None:
        on = found[1].lower() in (b"on", b"1", b"true")
        return status | AUTOCOMMIT if on else status & ~AUTOCOMMIT
    if _BEGINS.match(text):
        return status | IN_TRANSACTION
    return status & ~IN_TRANSACTION if _ENDS.match(text) else status


class ReplayedServer:
    """Takes what a driver sends, and has ready what it reads.

    Args:
        learned: what the recorded connection had learned of its server.
        next_reply: the packets of the recorded reply to a command; ``None`` where the command belongs to no
            recorded call, and so is one that sets up the connection.
    """

    def __init__(self, learned: dict[str, Any], next_reply: Callable[[], list[bytes] | None]) -> None:
        self._next_reply = next_reply
        self._incoming = packets.Deframer()
        self._ready = bytearray()
        self._greeted = False
        self.set_up = False
        self.failure: Callable[[], BaseException | None] = lambda: None
        """What reading beyond the last packet raises; nothing comes where it is ``None``."""
        self.read_out: Callable[[], None] | None = None
        """To be called once all that is ready was read."""
        status = learned.get("status")
        self.status = status if isinstance(status, int) else AUTOCOMMIT
        self._greet(learned)

    def _greet(self, learned: dict[str, Any]) -> None:
        def known(name: str, otherwise: int) -> int:
            value = learned.get(name)
            return value if isinstance(value, int) else otherwise

        capabilities = known("capabilities", _CAPABILITIES) & ~NOT_HERE
        self._send(
            b"\x0a" + str(learned.get("version") or _VERSION).encode() + b"\0"
            + struct.pack("<I", known("thread", 1) & 0xFFFFFFFF) + _SALT[:8] + b"\0"
            + struct.pack("<HBH", capabilities & 0xFFFF, known("charset", _CHARSET) & 0xFF, self.status)
            + struct.pack("<HB", capabilities >> 16 & 0xFFFF, 21) + bytes(6)
            + struct.pack("<I", known("extended", 0) & 0xFFFFFFFF) + _SALT[8:20] + b"\0"
            + _PLUGIN + b"\0",
            number=0,
        )  # fmt: skip

    def connected(self) -> None:
        """The driver has done what it does when it connects."""
        self.set_up = self._greeted = True
        self._ready.clear()

    @property
    def pending(self) -> bool:
        """True where something of a reply was not read yet."""
        return bool(self._ready)

    # -- what the driver's socket does

    def sent(self, data: bytes) -> None:
        """The driver sends."""
        for number, payload in self._incoming.feed(bytes(data)):
            if self._greeted:
                self._command(payload)
            else:
                self._greeted = True
                self._send(packets.ok_packet([0, 0, self.status, 0, ""]), number=number + 1)

    def read(self, size: int) -> bytes:
        """The driver reads; fewer bytes where the connection ended.

        Raises:
            BaseException: what reading raised when it was recorded.
        """
        if len(self._ready) < size and (error := self.failure()) is not None:
            raise error
        data = bytes(self._ready[:size])
        del self._ready[:size]
        if self.read_out is not None and not self._ready:
            read_out, self.read_out = self.read_out, None
            read_out()
        return data

    # -- commands

    def _command(self, payload: bytes) -> None:
        command = payload[0]
        if command in packets.SILENT:
            return
        reply = None if command == packets.PING else self._next_reply()
        self._ready.clear()
        if reply is None:
            reply = [self._of_its_own(command, payload[1:])]
        number = 1
        for packet in reply:
            number = self._send(packet, number=number)

    def _of_its_own(self, command: int, text: bytes) -> bytes:
        if command == packets.QUERY:
            self.status = status_after(packets.query(text), self.status, set_up=self.set_up)
        elif command not in packets.HARMLESS:
            raise ReplayError(f"mysql: a command that was not recorded cannot be answered: number {command}")
        return packets.ok_packet([0, 0, self.status, 0, ""])

    def _send(self, packet: bytes, *, number: int) -> int:
        framed, following = packets.framed(packet, number % 256)
        self._ready += framed
        return following


class ReplayedSocket:
    """Stands where a driver's socket would be.

    Args:
        server: who answers.
    """

    def __init__(self, server: ReplayedServer) -> None:
        self._server = server
        self._closed = False

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send."""
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._server.sent(data)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send, all of it."""
        self.sendall(data)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read what there is."""
        return self._server.read(size)

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """Read what there is into a buffer."""
        data = self._server.read(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int) -> bytes:
        """Read, as from the file of the socket."""
        return self._server.read(size)

    def makefile(self, *args: Any, **kwargs: Any) -> ReplayedSocket:
        """The file of the socket."""
        return self

    def settimeout(self, timeout: Any) -> None:
        """Nothing is waited for."""

    def gettimeout(self) -> None:
        """Nothing is waited for."""

    def setsockopt(self, *args: Any) -> None:
        """There are no options."""

    def shutdown(self, how: int) -> None:
        """Nothing to shut."""

    def close(self) -> None:
        """Nothing is sent any more."""
        self._closed = True

    def fileno(self) -> int:
        """There is none."""
        return -1
