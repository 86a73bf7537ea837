"""Recorded answers: what they hold, and how they are with the values of this run."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from timetracer_otel.messages import (
    Answer,
    Failure,
    GrpcReply,
    HttpResponse,
    MongoReply,
    RedisCommand,
    RedisReply,
    Request,
    SqlResult,
)
from timetracer_otel.messages.http import body_content
from timetracer_otel.redaction import codings
from timetracer_otel.redaction.http import fix_length, scaled
from timetracer_otel.volatile import Links, followed, followed_bytes, followed_text

A = TypeVar("A")

_NUMBERING: Final = frozenset({"INCR", "INCRBY", "HINCRBY", "DECR", "DECRBY"})
"""Commands whose reply is often the number of something new."""


def answer_content(answer: Answer | Failure | None, request: Request | None = None) -> Any:
    """What an answer holds, as nested dicts, lists and scalars, fields by their names.

    Args:
        answer: what came back, or was raised.
        request: what it answers, where that is known.
    """
    if answer is None:
        return None
    if isinstance(answer, HttpResponse):
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name.lower(), []).append(value)
        return {
            "status": answer.status,
            "headers": headers,
            "body": body_content(plain_body(answer), answer.header("content-type") or ""),
        }
    if isinstance(answer, SqlResult):
        columns = [str(column[0]) for column in answer.columns or ()]
        rows = [dict(zip(columns, row, strict=False)) for row in answer.rows]
        return {"rows": rows, "lastrowid": answer.lastrowid, "extra": answer.extra}
    if isinstance(answer, RedisReply):
        command = str(request.arguments[0]).upper() if isinstance(request, RedisCommand) else ""
        return {"id" if command in _NUMBERING else "reply": answer.value}
    if isinstance(answer, MongoReply):
        return {"reply": answer.document}
    if isinstance(answer, Failure):
        return {"args": answer.args, "fields": answer.fields}
    return msgspec.structs.asdict(answer) if isinstance(answer, msgspec.Struct) else None


def plain_body(message: HttpResponse) -> bytes | None:
    """The body without its content coding; as it is where that cannot be taken off."""
    coding = (message.header("content-encoding") or "identity").strip().lower()
    if not message.body or coding in ("identity", ""):
        return message.body
    try:
        return codings.decode(message.body, coding)
    except codings.UndecodableError:
        return message.body


def followed_answer(answer: A, links: Links) -> A:
    """A recorded answer with the values of this run where they follow their source.

    Args:
        answer: read anew, not shared.
        links: what became of the recorded values.
    """
    if not links.active:
        return answer
    given: Any = answer
    if isinstance(given, HttpResponse):
        return _followed_response(given, links)  # type: ignore[return-value]  # of the same type
    if isinstance(given, SqlResult):
        names = [str(column[0]) for column in given.columns or ()]
        given.rows = [_followed_row(row, names, links) for row in given.rows]
        given.lastrowid = followed(given.lastrowid, links, "lastrowid")
    elif isinstance(given, GrpcReply):
        given.messages = given.messages and [_same_size(message, links) for message in given.messages]
    elif isinstance(given, MongoReply):
        given.reply = followed(given.document, links)
    elif isinstance(given, RedisReply):
        given.value = followed(given.value, links, "id")
    elif isinstance(given, Failure):
        given.args, given.fields = followed(given.args, links), followed(given.fields, links)
    elif isinstance(given, msgspec.Struct):
        changed = {
            name: followed(value, links, name) for name, value in msgspec.structs.asdict(given).items()
        }
        given = msgspec.structs.replace(given, **changed)
    return given  # type: ignore[no-any-return]  # of the same type


def _followed_row(row: Any, names: list[str], links: Links) -> Any:
    items = [followed(value, links, name) for value, name in zip(row, names, strict=True)]
    return tuple(items) if isinstance(row, tuple) else items


def _same_size(message: bytes, links: Links) -> bytes:
    """A protobuf message says how long its parts are, so only what is as long can be put into it."""
    changed = followed_bytes(message, links)
    return changed if len(changed) == len(message) else message


def _followed_response(response: HttpResponse, links: Links) -> HttpResponse:
    headers = [(name, followed_text(value, links, name)) for name, value in response.headers]
    body, chunks = response.body, response.chunks
    if body:
        body = _followed_body(response, body, links)
        if chunks is not None and len(body) != len(response.body or b""):
            sizes = scaled([size for size, _ in chunks], len(body))
            chunks = [[size, at] for size, (_, at) in zip(sizes, chunks, strict=True)]
    headers = fix_length(headers, response.body, body)
    return msgspec.structs.replace(response, headers=headers, body=body, chunks=chunks)


def _followed_body(response: HttpResponse, body: bytes, links: Links) -> bytes:
    coding = (response.header("content-encoding") or "identity").strip().lower()
    if coding in ("identity", ""):
        return followed_bytes(body, links)
    try:
        plain = codings.decode(body, coding)
        changed = followed_bytes(plain, links)
        return body if changed == plain else codings.encode(changed, coding)
    except codings.UndecodableError:
        return body
