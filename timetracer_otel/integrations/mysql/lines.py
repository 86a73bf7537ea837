"""One connection of a driver: the call that is being made on it, and what it is plugged into."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator
from typing import Any

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.core import no_session
from timetracer_otel.integrations.dbapi.links import Link, written
from timetracer_otel.integrations.mysql import packets, replies
from timetracer_otel.integrations.mysql.replies import Reply
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, ReplayedServer
from timetracer_otel.integrations.mysql.told import Told


class Talk:
    """The replies to one call, as they come in.

    Args:
        limit: how many bytes of rows are kept.
        deaf: why nothing can be heard of it, if so.
        short: results end as :class:`Reply` says of that.
    """

    def __init__(self, limit: int, *, deaf: str = "", short: bool = False) -> None:
        self._deaf = deaf
        self.short = short
        self.replies: list[Reply | Told] = []
        self.exchange: Any = None
        """Where it is reported, once the call has returned."""
        self.limit = limit

    def command(self, number: int) -> None:
        """The driver sends a command."""
        self.replies.append(Reply(number, self.limit, short=self.short))

    def packet(self, payload: bytes) -> None:
        """The server replies."""
        if self.replies and isinstance(reply := self.replies[-1], Reply):
            reply.take(payload)
            self.heard()

    def told(self) -> Told:
        """A driver in C sends a command: what it will tell of the reply."""
        self.replies.append(reply := Told(self.limit))
        return reply

    def heard(self) -> None:
        """Something of a reply came in."""
        if self.exchange is not None:
            self.returned(self.exchange)

    def lose(self) -> None:
        """A reply could not be read: this call's result is not known."""
        self._deaf = self._deaf or "a reply could not be read"
        if self.exchange is not None:
            self.finish()

    @property
    def complete(self) -> bool:
        """True when nothing of the replies is still to come."""
        return bool(self._deaf) or all(reply.complete for reply in self.replies)

    def returned(self, exchange: Any) -> None:
        """The call has returned: report its result now, or when the rest of it was read."""
        self.exchange = exchange
        if self.complete:
            self.finish()

    def finish(self) -> None:
        """Report what there is."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        try:
            if self._deaf:
                exchange.gap("unwatched connection", self._deaf)
                exchange.finish(None)
                return
            result = replies.read(self.replies)
            if any(reply.local_file for reply in self.replies):
                exchange.gap("LOAD DATA LOCAL INFILE", "the file that was sent is not recorded")
            elif any(reply.cut for reply in self.replies):
                exchange.gap("rows over the limit", f"{len(result.rows)} rows of a result are kept")
            exchange.finish(result)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysql: reading a result", error)
            exchange.finish(None)

    def state(self) -> list[Any]:
        """The replies to a call that failed, for a replay: what it had got before."""
        return [part for reply in self.replies for part in reply.parts()]


class Line(Link, eq=False, weakref=True):
    """What is known of one connection.

    Attributes:
        asking: the call being made.
        reading: the call whose replies come in.
        answering: the server of a replay.
        given: what it still has to say of the call being replayed.
        failing: what comes after that.
        current: the database after the app has chosen another one.
        deaf: why nothing that passes can be read, if so.
        unplugged: what the driver's object was plugged into before.
        short: results end as :class:`Reply` says of that.
        next_command: the command that the next bytes begin, where the driver says so.
        hang_up: closes the connection that was made for calls let through.
        beneath: what a replayed connection is plugged into when a call let through has been read.
        status: of the connection, see the protocol, where the driver does not say it.
    """

    asking: Talk | None = None
    reading: Talk | None = None
    answering: ReplayedServer | None = None
    given: list[list[Any]] | None = None
    failing: BaseException | None = None
    current: str = ""
    deaf: str = ""
    unplugged: Any = None
    short: bool = False
    next_command: int | None = None
    beneath: Any = None
    status: int = AUTOCOMMIT
    hang_up: Callable[[Any], Any] = operator.methodcaller("close")

    def server_facts(self, driver: str, learned: dict[str, Any]) -> None:
        """That is what the connection learned of its server."""
        self.learned = learned
        self.server = written(driver, self.namespace, learned)

    # -- what passes, live

    def sent(self, data: bytes) -> None:
        """The driver sends one packet."""
        try:
            if len(data) > packets.HEADER and data[3] == 0:
                reading = self.begin()
                if reading is not None:
                    reading.command(data[packets.HEADER])
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysql: watching a connection", error)

    def heard(self, incoming: packets.Deframer, data: bytes | memoryview) -> None:
        """The server sends something.

        Args:
            incoming: takes it apart.
            data: what was read.
        """
        try:
            if self.reading is not None or incoming.begun:
                for _, payload in incoming.feed(bytes(data)):
                    if self.reading is not None:
                        self.reading.packet(payload)
        except Exception as error:  # noqa: BLE001  # as above
            ports.report("mysql: watching a connection", error)
            self.lose()

    def lose(self) -> None:
        """A reply could not be read, which was said: the call's result is not known. Never raises."""
        for talk in (self.reading, self.asking):
            if talk is not None:
                with contextlib.suppress(Exception):
                    talk.lose()
        self.reading = None

    def begin(self) -> Talk | None:
        """A command is sent: what was not read by now never will be. The call it belongs to, if any."""
        if self.reading is not None and self.reading is not self.asking:
            self.reading.finish()
        self.reading = self.asking
        return self.reading

    def ended(self) -> None:
        """The connection is closed, and so is one that was made for calls let through."""
        reading, self.reading = self.reading, None
        if reading is not None:
            reading.finish()
        real, self.real = self.real, None
        if real is not None:
            with ports.inside():
                self.hang_up(real)

    async def go_live_awaited(self) -> None:
        """Make the connection that :meth:`go_live` gives, of a driver that awaits it."""
        if self.real is None:
            if self.open is None:
                raise no_session()
            with ports.inside():
                self.real = await self.open()

    @contextlib.contextmanager
    def speaking(self, talk: Talk) -> Iterator[None]:
        """A call is being made on this connection."""
        before, self.asking = self.asking, talk
        try:
            yield
        finally:
            self.asking = before

    # -- what is given back

    def serve(self) -> ReplayedServer:
        """Who answers here in a replay."""
        if self.answering is None:
            self.answering = ReplayedServer(self.learned, self.next_reply)
            self.answering.failure = self.beyond
        return self.answering

    @contextlib.contextmanager
    def giving(self, answers: list[list[Any]] | None, failing: BaseException | None = None) -> Iterator[None]:
        """A call is answered with those replies, and that; without any, as one that no call belongs to."""
        self.given, self.failing = answers, failing
        try:
            yield
        finally:
            self.given = None

    def next_reply(self) -> list[Any] | None:
        """The recorded reply to the next command, empty where there is none; ``None``: it belongs to no call.

        Raises:
            NoSessionError: nothing replays here.
        """
        if self.given is None:
            self.failing = None
            if ports.current() is None and not ports.is_inside():
                raise no_session()
            return None
        return self.given.pop(0) if self.given else []

    def leave(self, unwanted: Callable[[Any], bool]) -> bool:
        """Leave out the next recorded reply if it is one of those; true where it was."""
        if not self.given or not unwanted(self.given[0]):
            return False
        self.given.pop(0)
        return True

    def beyond(self) -> BaseException | None:
        """What reading beyond the last recorded reply raises, if it does."""
        if self.failing is not None:
            return self.failing if isinstance(self.failing, OSError) else None
        return ReplayError(
            "the app reads more of a result than it did when this was recorded (or than was kept);"
            " record again"
        )


Reading = Callable[[int], bytes]


class WatchedFile:
    """The file of a socket, what is read from it passed on.

    Args:
        file: the driver's.
        line: its connection.
    """

    def __init__(self, file: Any, line: Line) -> None:
        self._file = file
        self._read: Reading = file.read
        self._line = line
        self._incoming = packets.Deframer()

    def read(self, size: int) -> bytes:
        """Read."""
        data = self._read(size)
        self._line.heard(self._incoming, data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class WatchedSocket:
    """A socket, what passes on it passed on.

    Args:
        socket: the driver's.
        line: its connection.
    """

    def __init__(self, socket: Any, line: Line) -> None:
        self._socket = socket
        self._line = line
        self._incoming = packets.Deframer()

    def sendall(self, data: Any, *args: Any) -> None:
        """Send one packet."""
        self._line.sent(data)
        self._socket.sendall(data, *args)

    def recv_into(self, buffer: Any, size: int = 0, *args: Any) -> int:
        """Read into a buffer."""
        read: int = self._socket.recv_into(buffer, size, *args)
        self._line.heard(self._incoming, memoryview(buffer)[:read])
        return read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
