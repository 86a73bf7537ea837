"""What stands between mysqlclient's cursors and its C library: connections that tell.

What a connection asks of the library is passed on, and the call being made is told what came of it. Where a
replay answers, a :class:`ReplayedClient` is asked instead, which was told the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.mysql.c_telling import sends_a_file
from timetracer_otel.integrations.mysql.client_classes import ANSWERS, LINE
from timetracer_otel.integrations.mysql.client_result import ToldByClient, WatchedResult, facts
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, status_after

_ASKED = (
    "affected_rows", "insert_id", "warning_count", "field_count", "info", "errno", "error", "sqlstate",
    "more_results", "get_autocommit", "character_set_name", "get_server_info", "get_host_info",
    "get_proto_info", "thread_id", "escape_string", "string_literal", "escape", "select_db", "change_user",
    "set_server_option", "kill", "shutdown", "stat", "dump_debug_info", "ping", "get_character_set_info",
    "send_query", "read_query_result", "fileno", "_get_native_connection",
)  # fmt: skip
"""What is asked of the library, and told nobody."""


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
