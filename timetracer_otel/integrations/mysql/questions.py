"""What Django asks of a server when it has connected: nobody's call, wherever it happens to fall.

It sets up each connection, and asks once in a thread what kind of server it has. With connections that
outlive a request, both are in the first one alone: no other could be replayed by itself if they were calls.
"""

from __future__ import annotations

import re
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations.mysql import replies
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.messages import SqlResult

KNOWN = "questions"
"""Where the replies are, in what a connection learned of its server: by the question."""

_LEVEL = r"SET SESSION TRANSACTION ISOLATION LEVEL (?:READ (?:UN)?COMMITTED|REPEATABLE READ|SERIALIZABLE)"
_SETS_UP = re.compile(
    rf"SET SQL_AUTO_IS_NULL = 0(?:; {_LEVEL})?|{_LEVEL}|SET @@session\.autocommit = (?:ON|OFF)"
)
_QUESTION = re.compile(
    r"\s*SELECT VERSION\(\),\s*@@sql_mode,\s*@@default_storage_engine,\s*@@sql_auto_is_null,"
    r"\s*@@lower_case_table_names,\s*CONVERT_TZ\('2001-01-01 01:00:00', 'UTC', 'UTC'\) IS NOT NULL\s*"
)
_MOST = 1000


def sets_up(statement: str) -> bool:
    """True for what Django sets on each connection, and ``autocommit`` where it is set by a statement."""
    return _SETS_UP.fullmatch(statement) is not None


def is_question(statement: str) -> bool:
    """True for what Django asks about the server."""
    return _QUESTION.fullmatch(statement) is not None


class Questions:
    """Replies to such questions, by the database's name: each further connection knows them as well."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, list[replies.Part]]] = {}

    def of(self, namespace: str) -> dict[str, Any]:
        """What is known of one, as a part of what its connections have learned."""
        known = self._known.get(namespace)
        return {KNOWN: dict(known)} if known else {}

    def answered(self, namespace: str, question: str, result: SqlResult) -> None:
        """The server has answered."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known.setdefault(namespace, {})[question] = replies.parts_of(result)


def known_reply(learned: dict[str, Any], question: str) -> list[replies.Part] | None:
    """The recorded reply to a question, if there is one."""
    known = learned.get(KNOWN)
    found = known.get(question) if isinstance(known, dict) else None
    return found if isinstance(found, list) else None


class Listening:
    """Takes the place of a call's exchange: hears the reply to a question, and lets the connection know it.

    Args:
        questions: where it is kept.
        line: the connection.
        driver: whose it is.
        question: what is asked.
    """

    def __init__(self, questions: Questions, line: Line, driver: str, question: str) -> None:
        self._questions = questions
        self._line = line
        self._driver = driver
        self._question = question

    def gap(self, what: str, detail: str) -> None:
        """Not all of it could be heard: then nothing is known."""
        self._question = ""

    def finish(self, result: SqlResult | None) -> None:
        """It was read."""
        if result is None or not self._question:
            return
        line = self._line
        try:
            self._questions.answered(line.namespace, self._question, result)
            line.server_facts(self._driver, line.learned | self._questions.of(line.namespace))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"{self._driver}: what is asked about the server", error)
