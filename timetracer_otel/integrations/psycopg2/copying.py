"""COPY: what an app's file gives is part of the request, what it gets is the answer."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import wrapt

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.core import told
from timetracer_otel.integrations.dbapi.held import COPIED
from timetracer_otel.integrations.dbapi.passing import Passed, safely
from timetracer_otel.messages import SqlResult

_COPYING = "psycopg2: reading what is copied"
_SENDS = re.compile(r"\bfrom\s+(stdin|program|')", re.I)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.S)


Copy = Callable[[Any, Any], Any]
"""Copies, on a cursor, from or to a file."""


def sends(text: str) -> bool:
    """True for ``COPY ... FROM``, which reads the app's file."""
    return _SENDS.search(_QUOTED.sub("''", text)) is not None


def place(table: str, columns: Any) -> str:
    """The table, with its columns."""
    return f"{table} ({', '.join(columns)})" if columns else table


class Asked(NamedTuple):
    """A COPY.

    Attributes:
        text: stands for its statement.
        options: what else it depends on.
        sends: it reads the app's file.
    """

    text: str
    options: list[Any]
    sends: bool


def stated(text: str) -> Asked:
    """A COPY as the app states it."""
    return Asked(text, [], sends(text))


class _Reading(wrapt.ObjectProxy):  # type: ignore[type-arg]  # generic for type checkers only
    """An app's file, what is read of it copied."""

    def __init__(self, file: Any, passed: Passed) -> None:
        super().__init__(file)
        self._self_passed = passed
        self._self_keep = safely(self._timetracer_keep, _COPYING, passed.lose)

    def read(self, *args: Any) -> Any:
        """Read, and copy as far as there is room."""
        data = self.__wrapped__.read(*args)
        self._self_keep(data)
        return data

    def _timetracer_keep(self, data: Any) -> None:
        if data:
            self._self_passed.keep(data, len(data))


class _Writing(wrapt.ObjectProxy):  # type: ignore[type-arg]  # as above
    """An app's file, what is written to it copied."""

    def __init__(self, file: Any, kept: list[Any], limit: int) -> None:
        super().__init__(file)
        self._self_kept = kept
        self._self_room = limit
        self._self_keep = safely(self._timetracer_keep, _COPYING, lambda: kept.append(None))

    def write(self, data: Any) -> Any:
        """Copy, as far as there is room, and write."""
        self._self_keep(data)
        return self.__wrapped__.write(data)

    def _timetracer_keep(self, data: Any) -> None:
        self._self_room -= len(data)
        self._self_kept.append(data if self._self_room >= 0 else None)
        if self._self_room < 0:
            del self._self_kept[:-1]


def send(cursor: Any, asked: Asked, file: Any, copy: Copy, own: Any) -> None:
    """``COPY ... FROM``."""
    link = cursor.timetracer_link()
    port = ports.current()
    if link is None or port is None:
        copy(own, file)
        return
    room = port.body_limit
    passed = told(_COPYING, lambda: Passed(room), None)
    if passed is None:
        copy(own, file)
        return
    message: Any = None
    parameters = [*asked.options, None]
    pieces: list[Any] = []
    if told(_COPYING, lambda: link.replayed or link.integration.mocks(), False):
        pieces = _all_of(file)
        for piece in pieces:
            passed.keep(piece, len(piece))
        parameters[-1] = _whole(passed)
    else:
        given = file
        file = told(_COPYING, lambda: _Reading(given, passed), file)

    def see(statement: Any) -> Any:
        nonlocal message
        message = statement
        return statement

    def note(_: Any) -> None:
        if message is not None:
            message.parameters[-1] = _whole(passed)

    noted = safely(note, _COPYING)

    def live(_text: Any, _parameters: Any) -> None:
        try:
            copy(own, file)
        finally:
            noted(None)

    def through(real: Any) -> None:
        whole = _joined(pieces)
        copy(real, io.StringIO(whole) if isinstance(whole, str) else io.BytesIO(whole))

    cursor.timetracer_copy(asked.text, parameters, live, see, act=through)


def receive(cursor: Any, asked: Asked, file: Any, copy: Copy, own: Any) -> None:
    """``COPY ... TO``."""
    kept: list[Any] = []
    port = ports.current()
    limit = 0 if port is None else port.body_limit
    shown = told(_COPYING, lambda: _Writing(file, kept, limit), None)
    if shown is None:
        kept.append(None)

    def live(_text: Any, _parameters: Any) -> None:
        copy(own, file if shown is None else shown)

    def through(real: Any) -> None:
        copy(real, shown)

    def finish(result: SqlResult) -> None:
        if result.columns is None:  # as rows, where masking looks
            result.columns, result.rows = [[COPIED]], [[piece] for piece in kept]
            result.complete = None not in kept
            return
        if [None] in result.rows:
            raise ReplayError("what this COPY wrote was over the limit when it was recorded; record again")
        for (piece,) in result.rows:
            file.write(piece)

    cursor.timetracer_copy(asked.text, asked.options or None, live, finish=finish, act=through)


def _all_of(file: Any) -> list[Any]:
    pieces = []
    while piece := file.read(8192):
        pieces.append(piece)
    return pieces


def _whole(passed: Passed) -> Any:
    """What the app's file gave; its hash where that is over the limit."""
    return passed.whole() if passed.over else _joined(passed.pieces())


def _joined(pieces: list[Any]) -> Any:
    if pieces and isinstance(pieces[0], str):
        return "".join(pieces)
    whole = io.BytesIO()
    for piece in pieces:
        whole.write(piece)
    return whole.getvalue()
