"""What a call comes to that is made to fail, or to answer otherwise than it did."""

from __future__ import annotations

import http
import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from timetracer_otel import values
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Integration, Wrappable
from timetracer_otel.integrations.dbapi.core import DriverIntegration
from timetracer_otel.messages import (
    Answer,
    Failure,
    GrpcReply,
    HttpResponse,
    MongoReply,
    RedisReply,
    Request,
    SqlResult,
)

_SAID = "made to fail by timetracer-otel"


def kinds(caller: object) -> list[str]:
    """The kinds of failure that an integration knows."""
    return sorted(caller.faults()) if isinstance(caller, Wrappable) else []


def is_loaded(caller: Wrappable) -> bool:
    """True once what the library raises is known; before it is loaded only the kinds are."""
    return bool(_classes(caller))


def failure(caller: object, name: str, recorded: Answer | Failure | None) -> Answer | Failure | None:
    """What the library raises, or is answered, by kind or by the name of an exception.

    Args:
        caller: the integration.
        name: ``timeout``; ``ConnectionError``; ``redis.exceptions.ConnectionError``.
        recorded: what was answered when the call was recorded.

    Returns:
        ``None`` where the library has nothing of that name.
    """
    if not isinstance(caller, Wrappable):
        return None
    known = {_plain(kind): found for kind, found in caller.faults().items()}
    found = known.get(_plain(name))
    if found is None:
        return _named(caller, name)
    if isinstance(found, GrpcReply) and isinstance(recorded, GrpcReply):
        # the status comes when it came
        return msgspec.structs.replace(found, after=recorded.after[-1:], initial_metadata=[])
    return _with_fields(caller, found) if isinstance(found, Failure) else found


def _with_fields(caller: Wrappable, found: Failure) -> Failure:
    """The failure with the fields that the library's exception sets when it is made."""
    kind = _classes(caller).get(found.type_name)
    if kind is None or isinstance(caller, DriverIntegration):  # drivers know their fields by themselves
        return found
    try:
        described = exceptions.describe(kind(*found.args))
    except Exception:  # noqa: BLE001  # it wants to be made in a way of its own
        return found
    fields = {
        name: value for name, value in described.fields.items() if not isinstance(value, values.Unsupported)
    }
    return msgspec.structs.replace(found, args=described.args, fields={**fields, **found.fields})


def _classes(caller: Wrappable) -> Mapping[str, type[BaseException]]:
    if not isinstance(caller, Integration):
        return {}
    try:
        return caller.exception_classes()
    except (KeyError, AttributeError):
        return {}  # the library is not loaded


def _named(caller: Wrappable, name: str) -> Failure | None:
    """The exception of that name, of the library's own before Python's."""
    classes = _classes(caller)
    full = [known for known in classes if known == name or known.rpartition(".")[2] == name]
    if full:
        nearest = min(full, key=lambda known: (known.count("."), len(known)))
        return _with_fields(caller, Failure(nearest, [_SAID]))
    error = getattr(__import__("builtins"), name, None)
    if isinstance(error, type) and issubclass(error, OSError):
        return Failure(name, [_SAID])
    return None


def changed(
    effect: str, value: str, body: str, request: Request, recorded: Answer | Failure | None
) -> Answer | None:
    """Another answer than the recorded one.

    Args:
        effect: ``status``, ``answer`` or ``empty``.
        value: the status, or the answer as text.
        body: of a status.
        request: what is asked.
        recorded: what was answered when it was recorded.

    Returns:
        ``None`` where the family has nothing of the kind.
    """
    if request.family == "http":
        before = recorded if isinstance(recorded, HttpResponse) else HttpResponse(200)
        if effect == "status":
            return _response(before, int(value), body)
        return _response(before, before.status, value) if effect == "answer" else _response(before, 204, "")
    if isinstance(recorded, SqlResult) and effect == "empty" and recorded.columns is not None:
        return msgspec.structs.replace(recorded, rows=[], rowcount=min(recorded.rowcount, 0), complete=True)
    if isinstance(recorded, RedisReply) and effect == "empty":
        value_ = recorded.value
        return RedisReply(type(value_)() if isinstance(value_, list | dict | set | tuple) else None)
    if isinstance(recorded, RedisReply) and effect == "answer":
        return RedisReply(
            value.encode() if isinstance(recorded.value, bytes) else _same(recorded.value, value)
        )
    if isinstance(recorded, MongoReply) and effect == "empty":
        document = dict(recorded.document or {})
        if isinstance(document.get("cursor"), dict):
            cursor = {**document["cursor"], "id": 0}
            cursor.update({name: [] for name in ("firstBatch", "nextBatch") if name in cursor})
            return MongoReply({**document, "cursor": cursor})
    return None


def _same(recorded: Any, text: str) -> Any:
    """The text as a value of the recorded one's type, where it can be one."""
    if isinstance(recorded, int | float) and not isinstance(recorded, bool):
        try:
            return type(recorded)(text)
        except ValueError:
            return text
    return text


def _response(before: HttpResponse, status: int, body: str) -> HttpResponse:
    reason = next((one.phrase for one in http.HTTPStatus if one.value == status), "")
    content = (body or ("" if status < 400 else reason)).encode()
    try:
        kind = "application/json" if body and json.loads(body) is not None else "text/plain; charset=utf-8"
    except ValueError:
        kind = "text/plain; charset=utf-8"
    headers = [("content-type", kind)] if content else []
    if status not in (204, 304):
        headers.append(("content-length", str(len(content))))
    return HttpResponse(
        status, headers, content, reason=reason, http_version=before.http_version or "HTTP/1.1"
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())
