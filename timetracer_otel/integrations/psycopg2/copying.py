"""COPY: what an app's file gives is part of the request, what it gets is the answer."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import wrapt

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.held import COPIED
from timetracer_otel.messages import SqlResult

_SENDS = re.compile(r"\bfrom\s+(stdin|program|')", re.I)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.S)


def sends(text: str) -> bool:
    """True for ``COPY ... FROM``, which reads the app's file."""
    return _SENDS.search(_QUOTED.sub("''", text)) is not None


def place(table: str, columns: Any) -> str:
    """The table, with its columns."""
    return f"{table} ({', '.join(columns)})" if columns else table


class _Reading(wrapt.ObjectProxy):  # type: ignore[type-arg]  # generic for type checkers only
    """An app's file, what is read of it copied."""

    def __init__(self, file: Any, kept: list[Any], limit: int) -> None:
        super().__init__(file)
        self._self_kept = kept
        self._self_room = limit

    def read(self, *args: Any) -> Any:
        """Read, and copy as far as there is room."""
        data = self.__wrapped__.read(*args)
        if data:
            self._self_room -= len(data)
            if self._self_room >= 0:
                self._self_kept.append(data)
        return data


class _Writing(wrapt.ObjectProxy):  # type: ignore[type-arg]  # as above
    """An app's file, what is written to it copied."""

    def __init__(self, file: Any, kept: list[Any], limit: int) -> None:
        super().__init__(file)
        self._self_kept = kept
        self._self_room = limit

    def write(self, data: Any) -> Any:
        """Copy, as far as there is room, and write."""
        self._self_room -= len(data)
        self._self_kept.append(data if self._self_room >= 0 else None)
        if self._self_room < 0:
            del self._self_kept[:-1]
        return self.__wrapped__.write(data)


def send(cursor: Any, text: str, parameters: list[Any] | None, file: Any, copy: Callable[[Any], Any]) -> None:
    """``COPY ... FROM``."""
    link = cursor.timetracer_link()
    port = ports.current()
    if link is None or port is None:
        copy(file)
        return
    options = parameters or []
    kept: list[Any] = []
    asked: list[Any] = [*options, None]
    if link.replayed or link.integration.mocks():
        asked[-1] = _joined(_all_of(file))
    else:
        file = _Reading(file, kept, port.body_limit)

    def live(_text: Any, _parameters: Any) -> None:
        try:
            copy(file)
        finally:
            message.parameters[-1] = _joined(kept)

    message: Any = None

    def see(statement: Any) -> Any:
        nonlocal message
        message = statement
        return statement

    cursor.timetracer_copy(text, asked, live, see)


def receive(
    cursor: Any, text: str, parameters: list[Any] | None, file: Any, copy: Callable[[Any], Any]
) -> None:
    """``COPY ... TO``."""
    kept: list[Any] = []
    port = ports.current()
    limit = 0 if port is None else port.body_limit

    def live(_text: Any, _parameters: Any) -> None:
        copy(_Writing(file, kept, limit))

    def finish(result: SqlResult) -> None:
        if result.columns is None:  # as rows, where masking looks
            result.columns, result.rows = [[COPIED]], [[piece] for piece in kept]
            return
        if [None] in result.rows:
            raise ReplayError("what this COPY wrote was over the limit when it was recorded; record again")
        for (piece,) in result.rows:
            file.write(piece)

    cursor.timetracer_copy(text, parameters, live, finish=finish)


def _all_of(file: Any) -> list[Any]:
    pieces = []
    while piece := file.read(8192):
        pieces.append(piece)
    return pieces


def _joined(pieces: list[Any]) -> Any:
    if pieces and isinstance(pieces[0], str):
        return "".join(pieces)
    whole = io.BytesIO()
    for piece in pieces:
        whole.write(piece)
    return whole.getvalue()
