"""Passing questions on to mysql.connector's C library, and telling the call being made what came of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.mysql import told
from timetracer_otel.integrations.mysql.c_rows import NOT_NOW
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.told import Told

_FILE = re.compile(
    rb"(?:^|;)\s*(?:/\*.*?\*/\s*)*load\s+(?:data|xml)\s+(?:low_priority\s+|concurrent\s+)?local\s+infile\b",
    re.I | re.S,
)
Tell = Callable[[Told, Any, Any], None]
"""Tells a reply of it what the C library returned; it is given the library's object, too."""


class Telling:
    """What one connection tells.

    Args:
        line: the connection.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    def command(
        self,
        library: Any,
        ask: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tell: Tell,
        text: Any = None,
    ) -> Any:
        """Send a command.

        Args:
            library: the C library's object of the connection.
            ask: sends it.
            args: of that.
            kwargs: likewise.
            tell: tells of the reply.
            text: the statement, if it is one.
        """
        try:
            done = ask(*args, **kwargs)
        except BaseException as error:
            self._begin(_failed, error, library)
            raise
        self._begin(tell, done, library, text)
        return done

    def more(self, library: Any, ask: Callable[[], Any], tell: Tell) -> Any:
        """Ask for more of the reply that is being read.

        Args:
            library: the C library's object of the connection.
            ask: asks for it.
            tell: tells of it.
        """
        try:
            done = ask()
        except BaseException as error:
            self._go_on(_failed, error, library)
            raise
        self._go_on(tell, done, library)
        return done

    def _begin(self, tell: Tell, done: Any, library: Any, text: Any = None) -> None:
        try:
            # a command that was refused leaves what is being read
            refused = getattr(done, "errno", None) == NOT_NOW
            talk = self._line.asking if refused else self._line.begin()
            if talk is None:
                return
            reply = talk.told()
            if text is not None and sends_a_file(text.encode() if isinstance(text, str) else text):
                reply.file()
            tell(reply, done, library)
            talk.heard()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            self._lose(error)

    def _go_on(self, tell: Tell, done: Any, library: Any) -> None:
        try:
            talk = self._line.reading
            if talk is not None and talk.replies and isinstance(reply := talk.replies[-1], Told):
                tell(reply, done, library)
                talk.heard()
        except Exception as error:  # noqa: BLE001  # as above
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        ports.report("mysqlconnector: watching a connection", error)
        self._line.lose()


def sends_a_file(text: bytes) -> bool:
    """Whether a statement takes a file of the client's."""
    return _FILE.search(text) is not None


def _failed(reply: Told, error: Any, library: Any) -> None:
    reply.failed(error, told.facts(library))


def ended(reply: Told, done: Any, library: Any) -> None:
    """A command without rows."""
    reply.done(told.facts(library))


def result(reply: Told, done: Any, library: Any) -> None:
    """A statement."""
    if library.have_result_set:
        count = library.num_rows() if library.buffered() else None
        reply.result(library.fetch_fields(), told.facts(library), count, text=bool(library.use_unicode()))
    else:
        reply.done(told.facts(library))


def further_result(reply: Told, done: Any, library: Any) -> None:
    """The next result of it, if there was one."""
    if done:
        result(reply, done, library)


def row(reply: Told, values: Any, library: Any) -> None:
    """A row of it."""
    if values is None:
        reply.end(told.facts(library))
    else:
        reply.row(values, raw=bool(library.raw()))


def dropped(reply: Told, done: Any, library: Any) -> None:
    """No more of its rows are read."""
    reply.end(told.facts(library), dropped=True)


def prepared(reply: Told, statement: Any, library: Any) -> None:
    """A statement was prepared."""
    reply.prepared(statement.param_count, told.facts(library))


def prepared_row(reply: Told, values: Any, library: Any) -> None:
    """A row of a prepared statement, which is never as the server sent it."""
    if values is None:
        reply.end(told.facts(library))
    else:
        reply.row(values, raw=False)
