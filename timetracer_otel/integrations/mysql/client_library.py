"""What stands between mysqlclient's cursors and its C library: connections of classes derived from the driver's.

What a connection asks of the library is passed on, and the call being made is told what came of it. Where a
replay answers, a :class:`ReplayedClient` is asked instead, which was told the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.c_telling import sends_a_file
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, status_after
from timetracer_otel.integrations.mysql.told import Told

LINE = "_timetracer_line"
"""The attribute of a connection that has what is known of it."""
ANSWERS = "_timetracer_answers"
"""The attribute that has who is asked instead of the library, if anybody."""
KEPT = "_timetracer_kept"
"""The attribute that has what a connection without a library was made with."""
_ASKED = (
    "affected_rows", "insert_id", "warning_count", "field_count", "info", "errno", "error", "sqlstate",
    "more_results", "get_autocommit", "character_set_name", "get_server_info", "get_host_info",
    "get_proto_info", "thread_id", "escape_string", "string_literal", "escape", "select_db", "change_user",
    "set_server_option", "kill", "shutdown", "stat", "dump_debug_info", "ping", "get_character_set_info",
    "send_query", "read_query_result", "fileno", "_get_native_connection",
)  # fmt: skip
"""What is asked of the library, and told nobody."""
_FIELDS = ("open", "server_capabilities", "client_flag", "port", "converter")


class ToldByClient(Told):
    """What is told of the reply to one command, columns as this driver has them."""

    how: int | None = None

    def described(self, result: Any, known: Sequence[int]) -> None:
        """A result with rows."""
        flags = result.field_flags()
        columns = [[*map(plain, one), flag] for one, flag in zip(result.describe(), flags, strict=True)]
        self.rows_of(columns, list(known))

    def taken(self, rows: Sequence[Any], how: int) -> None:
        """Rows of it: tuples, or dictionaries."""
        if how and rows and self.how is None:
            self.how = how
            self.note(how=how, keys=list(rows[0]))
        for row in rows:
            self.row(tuple(row.values()) if how else row, raw=False)

    def raised(self, error: BaseException, known: Sequence[int]) -> None:
        """Reading it failed, or the command did."""
        self.ends_with([exceptions.type_name(type(error)), plain(list(error.args))], list(known))


def facts(connection: Any, line: Line, library: Any) -> list[Any]:
    """What the library knows of a connection after a reply, or a part of it."""
    more = packets.MORE_RESULTS if library.more_results() else 0
    return [
        library.affected_rows(), library.insert_id(), library.warning_count(), library.field_count(),
        line.status & ~packets.MORE_RESULTS | more,
    ]  # fmt: skip


class Telling:
    """The part of a connection that is asked, and tells."""

    # -- who answers

    def _timetracer_answering(self) -> Any:
        """Who is asked instead of the library; ``None``: nobody is."""
        return vars(self).get(ANSWERS)

    def _timetracer_tell(self, tell: Callable[[Line], None]) -> None:
        """Tell the call being made. Never raises."""
        line: Line | None = vars(self).get(LINE)
        if line is None:
            return
        try:
            tell(line)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysqlclient: watching a connection", error)
            line.lose()

    def _timetracer_ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        answers = self._timetracer_answering()
        if answers is None:
            return getattr(super(), name)(*args, **kwargs)
        return getattr(answers, name)(*args, **kwargs)

    def _timetracer_facts(self, line: Line) -> list[Any]:
        return facts(self, line, self)

    # -- statements

    def query(self, query: Any) -> None:
        """Ask for a statement."""
        answers = self._timetracer_answering()
        replayed = hasattr(answers, "set_up")
        try:
            self._timetracer_ask("query", query)
        except BaseException as error:
            failure = error
            if not replayed:
                self._timetracer_tell(lambda line: self._timetracer_failed(line, failure, begin=True))
            raise
        if not replayed:
            self._timetracer_tell(lambda line: self._timetracer_asked(line, query))

    def _timetracer_asked(self, line: Line, query: Any) -> None:
        text = query.encode() if isinstance(query, str) else bytes(query)
        line.status = status_after(text, line.status, set_up=False)
        talk = line.begin()
        if talk is None:
            return
        reply = ToldByClient(talk.limit)
        talk.replies.append(reply)
        if sends_a_file(text):
            reply.file()
        self._timetracer_without_rows(line, reply)
        talk.heard()

    def _timetracer_without_rows(self, line: Line, reply: ToldByClient) -> None:
        known = self._timetracer_facts(line)
        if not known[3]:
            reply.done(known, str(self.info() or ""))  # type: ignore[attr-defined]  # the driver's

    def _timetracer_failed(self, line: Line, error: BaseException, *, begin: bool = False) -> None:
        talk = line.begin() if begin else line.reading
        if talk is None:
            return
        if begin:
            talk.replies.append(ToldByClient(talk.limit))
        reply = talk.replies[-1] if talk.replies else None
        if isinstance(reply, ToldByClient):
            reply.raised(error, [0, 0, 0, 0, line.status])
            talk.heard()

    def _timetracer_reply(self, line: Line) -> ToldByClient | None:
        talk = line.reading
        reply = talk.replies[-1] if talk is not None and talk.replies else None
        return reply if isinstance(reply, ToldByClient) else None

    def store_result(self) -> Any:
        """The result of the statement, all of it."""
        return self._timetracer_result("store_result")

    def use_result(self) -> Any:
        """The result of the statement, row by row."""
        return self._timetracer_result("use_result")

    def _timetracer_result(self, name: str) -> Any:
        replayed = hasattr(self._timetracer_answering(), "set_up")
        try:
            result = self._timetracer_ask(name)
        except BaseException as error:
            failure = error
            if not replayed:
                self._timetracer_tell(lambda line: self._timetracer_failed(line, failure))
            raise
        if result is None or replayed:
            return result
        watched: list[Any] = []

        def tell(line: Line) -> None:
            talk, reply = line.reading, self._timetracer_reply(line)
            if talk is not None and reply is not None:
                reply.described(result, self._timetracer_facts(line))
                watched.append(WatchedResult(result, self, line, talk, reply))

        self._timetracer_tell(tell)
        return watched[0] if watched else result

    def next_result(self, *args: Any) -> Any:
        """Go on to the next result; -1 where there is none."""
        replayed = hasattr(self._timetracer_answering(), "set_up")
        try:
            number = self._timetracer_ask("next_result", *args)
        except BaseException as error:
            failure = error
            if not replayed:
                self._timetracer_tell(lambda line: self._timetracer_failed(line, failure))
            raise

        def tell(line: Line) -> None:
            talk, reply = line.reading, self._timetracer_reply(line)
            if talk is not None and reply is not None:
                self._timetracer_without_rows(line, reply)
                talk.heard()

        if not replayed and number == 0:
            self._timetracer_tell(tell)
        return number

    def discard_result(self) -> Any:
        """Leave out a result."""
        done = self._timetracer_ask("discard_result")

        def tell(line: Line) -> None:
            talk, reply = line.reading, self._timetracer_reply(line)
            if talk is not None and reply is not None and not reply.is_complete_part:
                known = self._timetracer_facts(line)
                reply.rows_of([], known)
                reply.end(known, dropped=True)
                talk.heard()

        if not hasattr(self._timetracer_answering(), "set_up"):
            self._timetracer_tell(tell)
        return done

    # -- transactions

    def commit(self) -> Any:
        """Commit."""
        return self._timetracer_end("commit", b"COMMIT")

    def rollback(self) -> Any:
        """Roll back."""
        return self._timetracer_end("rollback", b"ROLLBACK")

    def _timetracer_end(self, name: str, text: bytes) -> Any:
        replayed = hasattr(self._timetracer_answering(), "set_up")
        try:
            done = self._timetracer_ask(name)
        except BaseException as error:
            failure = error
            if not replayed:
                self._timetracer_tell(lambda line: self._timetracer_failed(line, failure, begin=True))
            raise

        def tell(line: Line) -> None:
            line.status = status_after(text, line.status, set_up=False)
            talk = line.begin()
            if talk is not None:
                reply = ToldByClient(talk.limit)
                talk.replies.append(reply)
                reply.done([0, 0, 0, 0, line.status])
                talk.heard()

        if not replayed:
            self._timetracer_tell(tell)
        return done

    def autocommit(self, on: Any) -> None:
        """Commit by itself, or not."""
        answers = self._timetracer_answering()
        if answers is None:
            super().autocommit(on)  # type: ignore[misc]  # the driver's
        else:
            answers.autocommit(bool(on))

        def tell(line: Line) -> None:
            line.status = line.status | AUTOCOMMIT if on else line.status & ~AUTOCOMMIT

        self._timetracer_tell(tell)

    def close(self) -> Any:
        """Close it."""
        try:
            line: Line | None = vars(self).get(LINE)
            if line is not None:
                line.integration.closed(self)  # type: ignore[attr-defined]  # it is ours
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysqlclient: closing a connection", error)
        return self._timetracer_ask("close")


def _asking(name: str) -> Callable[..., Any]:
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        answers = vars(self).get(ANSWERS)
        if answers is None:
            return getattr(super(Telling, self), name)(*args, **kwargs)
        return getattr(answers, name)(*args, **kwargs)

    ask.__name__ = name
    return ask


for _name in _ASKED:
    setattr(Telling, _name, _asking(_name))


class WatchedResult:
    """A result of the C library; its rows are told.

    Args:
        result: the library's.
        connection: whose it is.
        line: the same.
        talk: the call that it belongs to.
        reply: the reply that it is a part of.
    """

    def __init__(self, result: Any, connection: Any, line: Line, talk: Any, reply: ToldByClient) -> None:
        self._result = result
        self._connection = connection
        self._line = line
        self._talk = talk
        self._reply = reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def fetch_row(self, *args: Any, **kwargs: Any) -> Any:
        """The next rows."""
        try:
            rows = self._result.fetch_row(*args, **kwargs)
        except BaseException as error:
            failure = error
            self._tell(lambda: self._reply.raised(failure, [0, 0, 0, 0, self._line.status]))
            raise
        self._tell(lambda: self._taken(rows, *args, **kwargs))
        return rows

    def _taken(self, rows: Any, maxrows: int = 1, how: int = 0) -> None:
        self._reply.taken(rows, how)
        if maxrows == 0 or len(rows) < maxrows:
            self._reply.end(facts(self._connection, self._line, self._connection))

    def discard(self) -> Any:
        """Read no more of it."""
        done = self._result.discard()
        self._tell(
            lambda: self._reply.end(facts(self._connection, self._line, self._connection), dropped=True)
        )
        return done

    def _tell(self, tell: Callable[[], None]) -> None:
        try:
            tell()
            self._talk.heard()
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("mysqlclient: reading a result", error)
            self._line.lose()


class WithoutLibrary:
    """The part of a connection that has nothing behind it."""

    def __getattribute__(self, name: str) -> Any:
        # C looks at its own field, before anything else
        return int(not is_open(self)) if name == "closed" else super().__getattribute__(name)


def is_open(connection: Any) -> bool:
    """Whether a replayed connection was not closed yet."""
    return bool(vars(connection)[ANSWERS].open)


def shim(native: type) -> type:
    """A class between the driver's connections and those of C, which connects only where nobody answers.

    Args:
        native: the class of C.
    """

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if vars(self).get(ANSWERS) is None:
            native.__init__(self, *args, **kwargs)
        else:
            vars(self)[KEPT] = {
                "converter": dict(kwargs.get("conv") or {}),
                "client_flag": kwargs.get("client_flag", 0),
                "port": kwargs.get("port") or 0,
            }

    def set_character_set(self: Any, name: str) -> Any:
        answers = vars(self).get(ANSWERS)
        if answers is None:
            return native.set_character_set(self, name)  # type: ignore[attr-defined]  # of C
        return answers.set_character_set(name)

    names: dict[str, Any] = {"__init__": __init__, "set_character_set": set_character_set}
    names |= {name: property(_reader(native, name), _writer(native, name)) for name in _FIELDS}
    return type(native.__name__, (native,), names)


def _reader(native: type, name: str) -> Callable[[Any], Any]:
    def read(self: Any) -> Any:
        line: Line | None = vars(self).get(LINE)
        if line is None or not line.replayed:
            return vars(native)[name].__get__(self)
        if name == "open":
            return int(is_open(self))
        if name == "server_capabilities":
            known = line.learned.get("capabilities")
            return known if isinstance(known, int) else 0
        return vars(self).get(KEPT, {}).get(name)

    return read


def _writer(native: type, name: str) -> Callable[[Any, Any], None]:
    def write(self: Any, value: Any) -> None:
        line: Line | None = vars(self).get(LINE)
        if line is None or not line.replayed:
            vars(native)[name].__set__(self, value)
        else:
            vars(self).setdefault(KEPT, {})[name] = value

    return write
