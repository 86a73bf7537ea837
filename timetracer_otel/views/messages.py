"""Requests and answers as lines below the name of their call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import Any, Final

from timetracer_otel.messages import (
    Failure,
    FunctionCall,
    FunctionResult,
    GrpcReply,
    GrpcRequest,
    HttpRequest,
    HttpResponse,
    KafkaDelivery,
    KafkaRecords,
    MailCommand,
    MailReply,
    MongoCommand,
    MongoReply,
    RedisCommand,
    RedisReply,
    SqlResult,
    SqlStatement,
    TaskMessage,
    TaskOutcome,
    graphql,
    mime,
)
from timetracer_otel.views import text
from timetracer_otel.views.bodies import SHORT, body_lines
from timetracer_otel.views.lines import Line, Piece, line, piece, spaced

ROWS: Final = 5
"""Rows, parameter sets and commands that are shown, unless everything is."""
_REFUSED: Final = 400
"""Replies of SMTP from here on say that something was not done."""
_ASKED: Final = Piece("→ ", "cyan")
_CAME: Final = Piece("← ", "green")
_RAISED: Final = Piece("✗ ", "red")


@singledispatch
def message_lines(message: object, *, full: bool) -> Iterator[Line]:
    """What a message says beyond its title.

    Args:
        message: a request or an answer.
        full: everything; else one line of each body and the first rows.
    """
    yield line(text.clip(text.printable(repr(message)), None if full else SHORT))


@message_lines.register
def _(message: HttpRequest, *, full: bool) -> Iterator[Line]:
    yield from _http(_ASKED, message.headers, message.body, message.header("content-encoding"), full=full)


@message_lines.register
def _(message: HttpResponse, *, full: bool) -> Iterator[Line]:
    yield from _http(_CAME, message.headers, message.body, message.header("content-encoding"), full=full)
    for error in graphql.errors(message.body)[: None if full else ROWS]:
        yield line(_RAISED, "GraphQL: ", text.clip(text.printable(error), None if full else SHORT))
    if message.chunks:
        took = message.chunks[-1][1] - message.chunks[0][1]
        yield line(_CAME, piece(f"in {len(message.chunks)} pieces over {text.duration(took)}", "dim"))
    if not message.complete:
        yield line(_CAME, piece("(stopped before the end)", "yellow"))
    if message.failure is not None:
        yield from message_lines(message.failure, full=full)


@message_lines.register
def _(message: SqlStatement, *, full: bool) -> Iterator[Line]:
    if full and "\n" in message.text.strip():
        yield from _headed(_ASKED, [line(row) for row in message.text.strip().splitlines()])
    if message.executemany and isinstance(message.parameters, list | tuple):
        yield from _headed(_ASKED, _rows(message.parameters, "set", full=full))
    elif message.parameters:
        yield line(_ASKED, _value(message.parameters, full=full))


@message_lines.register
def _(message: SqlResult, *, full: bool) -> Iterator[Line]:
    if message.columns is None:
        if message.rowcount >= 0:
            yield line(_CAME, text.count(message.rowcount, "row"))
    else:
        names = ", ".join(_column(column) for column in message.columns)
        more = "" if message.complete else ", more were not fetched"
        found = text.count(len(message.rows), "row")
        heading = f"{found}{more}: {names}" if names else f"{found}{more}"
        yield line(_CAME, text.clip(text.printable(heading), None if full else SHORT))
        for row in _rows(message.rows, "row", full=full):
            yield row.below("  ", "  ")
    if message.lastrowid is not None and full:
        yield line(_CAME, f"last row id {text.value(message.lastrowid)}")
    if message.extra and full:
        yield line(_CAME, text.value(message.extra))


@message_lines.register
def _(message: RedisCommand, *, full: bool) -> Iterator[Line]:
    if message.pipeline and (full or len(message.title()) > SHORT):  # else the title says it all
        yield from _headed(_ASKED, _rows(message.arguments, "command", full=full))
    elif full and not message.pipeline:
        yield line(_ASKED, text.value(message.arguments))


@message_lines.register
def _(message: RedisReply, *, full: bool) -> Iterator[Line]:
    said = text.value(message.value)
    if isinstance(message.value, list) and len(said) > SHORT:
        yield from _headed(_CAME, _rows(message.value, "value", full=full))
    else:
        yield line(_CAME, text.clip(said, None if full else SHORT))
    if message.extra and full:
        yield line(_CAME, text.value(message.extra))


@message_lines.register
def _(message: FunctionCall, *, full: bool) -> Iterator[Line]:
    if full:
        for value in message.arguments:
            yield line(_ASKED, text.value(value))
        for name, value in message.keywords.items():
            yield line(_ASKED, text.printable(f"{name}="), text.value(value))


@message_lines.register
def _(message: FunctionResult, *, full: bool) -> Iterator[Line]:
    yield line(_CAME, text.clip(text.value(message.value), None if full else SHORT))


@message_lines.register
def _(message: MongoCommand, *, full: bool) -> Iterator[Line]:
    if full:  # else the title says it all
        yield line(_ASKED, text.value(message.document))


@message_lines.register
def _(message: MongoReply, *, full: bool) -> Iterator[Line]:
    reply = message.document
    if reply is None:
        yield line(_CAME, piece("(no answer was asked for)", "dim"))
        return
    batch = _batch(reply)
    if batch is None or full:
        yield line(_CAME, _value(reply, full=full))
    else:
        yield line(_CAME, text.count(len(batch), "document"))
        for row in _rows(batch, "document", full=full):
            yield row.below("  ", "  ")


@message_lines.register
def _(message: GrpcRequest, *, full: bool) -> Iterator[Line]:
    yield from _grpc(_ASKED, message.metadata, message.messages, full=full)


@message_lines.register
def _(message: GrpcReply, *, full: bool) -> Iterator[Line]:
    yield from _grpc(_CAME, message.initial_metadata, message.messages, full=full)
    if message.code or not message.complete or full:
        said = f"status {message.code} {message.details or ''}".rstrip()
        yield line(_CAME, text.clip(text.printable(said), None if full else SHORT))
    if full:
        trailers = [line(piece(f"{name}: ", "dim"), text.value(at)) for name, at in message.trailing_metadata]
        yield from _headed(_CAME, trailers)
    if not message.complete:
        yield line(_CAME, piece("(cancelled by the client)", "yellow"))


@message_lines.register
def _(message: KafkaRecords, *, full: bool) -> Iterator[Line]:
    if full or message.batch:
        yield from _headed(_ASKED, _rows([record.plain() for record in message.records], "record", full=full))


@message_lines.register
def _(message: KafkaDelivery, *, full: bool) -> Iterator[Line]:
    if message.failure is not None:
        yield from message_lines(message.failure, full=full)
    elif message.offset is None:
        yield line(_CAME, piece("(no report of its delivery)", "dim"))
    else:
        yield line(_CAME, f"partition {message.partition}, offset {message.offset}")


@message_lines.register
def _(message: MailCommand, *, full: bool) -> Iterator[Line]:
    if message.sender:
        yield line(_ASKED, piece("from ", "dim"), text.printable(message.sender))
    if full:
        for option in (*message.options, *message.recipient_options):
            yield line(_ASKED, piece("option ", "dim"), text.printable(option))
        if message.argument:
            yield line(_ASKED, text.printable(message.argument))
    if message.message is None:
        yield line(_ASKED, piece("(message not recorded)", "yellow"))
    elif message.message:
        yield from _mail(message.message, full=full)


@message_lines.register
def _(message: MailReply, *, full: bool) -> Iterator[Line]:
    last = len(message.replies) - 1
    for at, reply in enumerate(message.replies):
        if isinstance(reply, Failure):
            yield from message_lines(reply, full=full)
            continue
        code, said = reply
        refused = code >= _REFUSED or code < 0
        if not (full or refused or at == last):
            continue  # of a mail that was taken the last one says so
        shown = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        mark = _RAISED if refused else _CAME
        yield line(mark, text.clip(text.printable(f"{code} {shown}"), None if full else SHORT))


@message_lines.register
def _(message: TaskMessage, *, full: bool) -> Iterator[Line]:
    if full:  # else the title says it all
        for value in message.arguments:
            yield line(_ASKED, text.value(value))
        for name, value in message.keywords.items():
            yield line(_ASKED, text.printable(f"{name}="), text.value(value))
        for name, value in {**message.embedded, **message.headers}.items():
            if value not in (None, [], {}, ""):
                yield line(_ASKED, piece(text.printable(f"{name}: "), "dim"), text.value(value))


@message_lines.register
def _(message: TaskOutcome, *, full: bool) -> Iterator[Line]:
    mark = _RAISED if message.state == "FAILURE" else _CAME
    shown = text.clip(text.value(message.value), None if full else SHORT)
    yield spaced(mark, piece(message.state), None if message.state == "SENT" else piece(shown))


@message_lines.register
def _(message: Failure, *, full: bool) -> Iterator[Line]:
    said = ", ".join(text.value(argument) for argument in message.args)
    yield line(_RAISED, piece(text.clip(f"{message.type_name}({said})", None if full else SHORT), "red"))
    if full and message.fields:
        yield line("  ", text.value(message.fields))
    behind = message.cause or (None if message.suppress_context else message.context)
    if behind is not None:
        yield from (below.below("  ", "  ") for below in message_lines(behind, full=full))


def _batch(reply: dict[str, Any]) -> list[Any] | None:
    """The documents that a cursor brought."""
    cursor = reply.get("cursor")
    if not isinstance(cursor, dict):
        return None
    found = cursor.get("firstBatch", cursor.get("nextBatch"))
    return found if isinstance(found, list) else None


def _http(
    mark: Piece, headers: Sequence[tuple[str, str]], body: bytes | None, coding: str | None, *, full: bool
) -> Iterator[Line]:
    if full:
        yield from _headed(mark, [line(piece(f"{name}: ", "dim"), value) for name, value in headers])
    yield from _headed(mark, list(body_lines(body, coding, full=full)))


def _grpc(
    mark: Piece, metadata: Sequence[tuple[str, str | bytes]], messages: list[bytes] | None, *, full: bool
) -> Iterator[Line]:
    if full:
        yield from _headed(mark, [line(piece(f"{name}: ", "dim"), text.value(at)) for name, at in metadata])
    if messages is None:
        yield line(mark, piece("(messages not recorded)", "yellow"))
    else:
        yield from _headed(mark, _rows(messages, "message", full=full))


def _mail(mail: bytes, *, full: bool) -> Iterator[Line]:
    """The headers, the text, and the names of what is attached."""
    whole = mime.parse(mail)
    if full:
        yield from _headed(
            _ASKED, [line(piece(f"{name}: ", "dim"), mime.readable(value)) for name, value in whole.headers]
        )
    parts = list(mime.leaves(whole))
    for at, part in enumerate(parts):
        said = mime.text_of(mail, part)
        kind = part.kind.partition(";")[0].strip()
        if not full and at and isinstance(said, str):
            continue  # the same as HTML, mostly
        if full and len(parts) > 1:
            yield line(_ASKED, piece(kind, "dim"))
        body = said.encode("utf-8", "surrogatepass") if isinstance(said, str) else said
        if isinstance(said, bytes) and not full:
            yield line(_ASKED, piece(f"{kind}, {text.count(len(said), 'byte')}", "dim"))
        else:
            yield from _headed(_ASKED, list(body_lines(body, None, full=full)))


def _headed(mark: Piece, lines: Sequence[Line]) -> list[Line]:
    """The lines, the mark before the first, the others below it."""
    if not lines:
        return []
    first = Line((mark, *lines[0].pieces), lines[0].guide, "  ")
    return [first, *(other.below("  ", "  ") for other in lines[1:])]


def _rows(rows: Sequence[Any], noun: str, *, full: bool) -> list[Line]:
    shown = rows if full else rows[:ROWS]
    lines = [line(_value(row, full=full)) for row in shown]
    if len(rows) > len(shown):
        lines.append(line(piece(f"… {text.count(len(rows) - len(shown), f'more {noun}')}", "dim")))
    return lines


def _value(data: Any, *, full: bool) -> str:
    return text.clip(text.value(data), None if full else SHORT)


def _column(column: Any) -> str:
    """The name in one entry of a cursor's description."""
    return str(column[0]) if isinstance(column, list | tuple) and column else str(column)
