"""Replies of a server to one command: read as they pass, kept as a message, and written again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.mysql import binary, packets, texts
from timetracer_otel.messages import SqlResult

Part = list[Any]
"""One result: its columns, its rows, and the rest: see :meth:`Reply.parts`."""


class Reply:
    """What a server replies to one command, packet by packet.

    Args:
        command: the command's number.
        room: how many bytes of rows may be kept.
        short: nothing follows the columns, and an OK the rows: ``CLIENT_DEPRECATE_EOF`` was agreed on.
    """

    def __init__(self, command: int, room: int, *, short: bool = False) -> None:
        self._short = short
        self.command = command
        self.complete = command in packets.SILENT
        self.cut = False
        self.local_file = False
        self._room = room
        self._parts: list[Part] = []
        self._expected = 0
        """How many packets of columns are still to come."""
        self._rows: list[bytes] | None = None
        self._prepared: list[int] = []

    def take(self, payload: bytes) -> None:
        """The next packet."""
        if self.complete or not payload:
            return
        if self._prepared:
            self._describe_statement(payload)
        elif self._expected:
            self._describe(payload)
        elif self._rows is not None:
            self._row(payload)
        else:
            self._start(payload)

    def _start(self, payload: bytes) -> None:
        kind = payload[0]
        if kind == packets.ERROR:
            self._end([[], [], {"error": packets.error(payload)}], 0)
        elif self.command == packets.PREPARE:
            reader = packets.Reader(payload, 1)
            statement, columns, parameters = reader.number(4), reader.number(2), reader.number(2)
            warnings = int.from_bytes(payload[10:12], "little")
            self._parts.append([[], [], {"prepared": [statement, warnings, [], []]}])
            self._prepared = [parameters, columns]
            self._next_of_statement()
        elif kind == packets.OK:
            said = packets.ok(payload)
            self._end([[], [], {"ok": said}], said[2])
        elif self.command == packets.CHANGE_USER:
            pass  # how it is to be known who asks; whether it worked comes after that
        elif self.command not in (packets.QUERY, packets.EXECUTE):
            self._end([[], [], {"text": packets.text(payload)}], 0)
        elif kind == packets.LOCAL_FILE:
            self.local_file = True  # what the client sends now is nowhere recorded
            self._parts.append([[], [], {"file": packets.text(payload[1:])}])
        else:
            self._parts.append([[], [], {"end": [0, 0, 0, 0]}])
            self._expected = (packets.Reader(payload).length() or 0) + (not self._short)

    def _describe(self, payload: bytes) -> None:
        self._expected -= 1
        columns, _, shape = self._parts[-1]
        if self._expected or self._short:
            columns.append(packets.column(payload))
        else:
            shape["end"][:2] = _end(payload)
        if not self._expected:
            self._rows = []

    def _describe_statement(self, payload: bytes) -> None:
        said = self._parts[-1][2]["prepared"]
        if packets.is_end(payload):
            self._prepared.pop(0)
            self._next_of_statement()
        else:
            described = said[4 - len(self._prepared)]
            described.append(packets.column(payload))
            if self._short and len(described) == self._prepared[0]:
                self._prepared.pop(0)
                self._next_of_statement()

    def _next_of_statement(self) -> None:
        while self._prepared and not self._prepared[0]:
            self._prepared.pop(0)
        # the places of the two lists are those of ``_prepared``
        self.complete = not self._prepared

    def _row(self, payload: bytes) -> None:
        assert self._rows is not None
        _, rows, shape = self._parts[-1]
        if payload[0] == packets.ERROR:
            shape["error"] = packets.error(payload)
            self._close(0)
        elif self._short and packets.is_short_end(payload):
            _, _, status, warnings, _ = packets.ok(payload)
            shape["end"] = [warnings, status, warnings, status]
            self._close(status)
        elif not self._short and packets.is_end(payload):
            shape["end"][2:] = _end(payload)
            self._close(shape["end"][3])
        elif not self.cut:
            self._room -= len(payload)
            if self._room < 0:
                self.cut = shape["cut"] = True
            else:
                rows.append(payload)

    def _close(self, status: int) -> None:
        self._rows = None
        self.complete = not status & packets.MORE_RESULTS

    def _end(self, part: Part, status: int) -> None:
        self._parts.append(part)
        self.complete = not status & packets.MORE_RESULTS

    def parts(self) -> list[Part]:
        """Each result as plain data.

        The rest of it, by name: ``ok`` (rows affected, insert id, status, warnings, message), ``error``
        (number, SQLSTATE, message), ``text`` that is neither, ``end`` (warnings and status, after the
        columns and after the rows), ``prepared`` (number, warnings, parameters, columns), ``binary`` rows,
        ``cut`` rows, ``unread`` rest.
        """
        done = []
        for at, (columns, rows, shape) in enumerate(self._parts):
            shape = dict(shape)
            if self.command == packets.EXECUTE and columns:
                shape["binary"] = True
                read = [binary.row(row, columns) for row in rows]
            else:
                read = [texts.row(row, columns) for row in rows]
            if not self.complete and at == len(self._parts) - 1:
                shape["unread"] = True
            done.append([columns, read, shape])
        return done


def _end(payload: bytes) -> list[int]:
    return [int.from_bytes(payload[1:3], "little"), int.from_bytes(payload[3:5], "little")]


class Replying(Protocol):
    """A reply that is read as it comes in."""

    @property
    def complete(self) -> bool:
        """Nothing of it is still to come."""

    @property
    def cut(self) -> bool:
        """Rows were left out."""

    def parts(self) -> list[Part]:
        """Each of its results."""


def read(replies: Iterable[Replying]) -> SqlResult:
    """Replies as a message: the first rows as its own, the other results beside them."""
    found = list(replies)
    parts = [part for reply in found for part in reply.parts()]
    if not parts:
        return SqlResult()
    at = next((at for at, part in enumerate(parts) if part[0]), len(parts) - 1)
    columns, rows, shape = parts[at]
    said = shape.get("ok")
    extra: dict[str, Any] = {"shape": shape}
    if len(parts) > 1:
        extra |= {"at": at, "more": parts[:at] + parts[at + 1 :]}
    return SqlResult(
        columns=columns or None,
        rows=rows,
        rowcount=said[0] if said else len(rows) if columns else -1,
        lastrowid=said[1] or None if said else None,
        complete=all(reply.complete and not reply.cut for reply in found),
        extra=extra,
    )


def parts_of(result: SqlResult) -> list[Part]:
    """The results that :func:`read` read."""
    shape = result.extra.get("shape")
    if shape is None:
        return []
    parts = list(result.extra.get("more", ()))
    parts.insert(result.extra.get("at", 0), [result.columns or [], result.rows, shape])
    return parts


def by_reply(parts: list[Part]) -> list[list[Part]]:
    """The results of each reply.

    Raises:
        ReplayError: one cannot be given back.
    """
    replies: list[list[Part]] = []
    begun = False
    for part in parts:
        shape = part[2]
        if "file" in shape:
            raise ReplayError(
                "LOAD DATA LOCAL INFILE is not recorded and cannot be replayed; let it go live with"
                " TIMETRACER_LIVE_PLUGINS=db"
            )
        if not begun:
            replies.append([])
        replies[-1].append(part)
        status = shape["ok"][2] if "ok" in shape else shape.get("end", [0])[-1]
        begun = bool(status & packets.MORE_RESULTS) and "error" not in shape
    return replies


def written(parts: list[Part], *, short: bool = False) -> list[list[bytes]]:
    """The packets of each reply with those results.

    Args:
        parts: the results.
        short: as :class:`Reply` says.

    Raises:
        ReplayError: they are not what a server replies.
    """
    return [
        [packet for part in reply for packet in _packets(*part, short=short)] for reply in by_reply(parts)
    ]


def _packets(columns: list[Any], rows: list[Any], shape: dict[str, Any], *, short: bool) -> list[bytes]:
    if "ok" in shape:
        return [packets.ok_packet(shape["ok"])]
    if "text" in shape:
        return [packets.data(shape["text"])]
    if "told" in shape:
        raise ReplayError(
            "this was recorded on a connection of mysql.connector's C extension, and such a one is needed to"
            " replay it: connect without use_pure, or record again"
        )
    if "prepared" in shape:
        statement, warnings, parameters, results = shape["prepared"]
        counts = len(results).to_bytes(2, "little") + len(parameters).to_bytes(2, "little")
        told = [b"\0" + statement.to_bytes(4, "little") + counts + b"\0" + warnings.to_bytes(2, "little")]
        for described in (parameters, results):
            told += map(packets.column_packet, described)
            told += [packets.end_packet(0, 0)] if described and not short else []
        return told
    if "end" not in shape:
        return [packets.error_packet(shape["error"])]
    before, status_before, after, status_after = shape["end"]
    told = [packets.length(len(columns)), *map(packets.column_packet, columns)]
    told += [] if short else [packets.end_packet(before, status_before)]
    if shape.get("binary"):
        told += [binary.row_packet(row, columns) for row in rows]
    else:
        told += map(texts.row_packet, rows)
    if "error" in shape:
        told.append(packets.error_packet(shape["error"]))
    elif not (shape.get("cut") or shape.get("unread")):
        end = packets.short_end_packet if short else packets.end_packet
        told.append(end(after, status_after))
    return told
