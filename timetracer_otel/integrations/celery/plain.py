"""Tasks as data: what Celery and kombu hold of one, without their classes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from timetracer_otel import values
from timetracer_otel.messages import TaskMessage

_DEPTH: Final = 32
_RECOMPUTED: Final = frozenset({"argsrepr", "kwargsrepr", "args", "kwargs"})
"""What repeats the arguments, secrets included."""
_EMBEDDED: Final = ("callbacks", "errbacks", "chain", "chord")
JOIN_BLOCKS: Final = "timetracer_join_blocks"
"""The worker refuses to wait for other tasks within one."""


def plain(value: Any, depth: int = 0) -> Any:
    """Signatures, and other subclasses of dicts and lists, as what they are in a message."""
    if depth > _DEPTH:
        return values.snapshot(value)
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(key): plain(item, depth + 1) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    return values.snapshot(value)


def published(body: Any, headers: Mapping[str, Any], queue: str) -> TaskMessage:
    """The task in a message that is published, of either version of the protocol."""
    if isinstance(body, Mapping):  # version 1: everything is in the body
        headers = {**headers, **{name: value for name, value in body.items() if name not in _EMBEDDED}}
        arguments, keywords = body.get("args") or (), body.get("kwargs") or {}
        embedded = {name: body.get(name) for name in _EMBEDDED}
    else:
        arguments, keywords, embedded = body
    return TaskMessage(
        name=str(headers.get("task", "")),
        id=str(headers.get("id", "")),
        arguments=_without_sender(plain(arguments)),
        keywords=_without_sender(plain(keywords)),
        embedded=_without_sender(plain(embedded or {})),
        headers=_headers(headers),
        queue=queue,
    )


def _without_sender(data: Any, depth: int = 0) -> Any:
    """Without ``reply_to`` in signatures: it names the thread that publishes, another in each process."""
    if depth > _DEPTH:
        return data
    if isinstance(data, list):
        return [_without_sender(item, depth + 1) for item in data]
    if not isinstance(data, dict):
        return data
    kept = {key: _without_sender(item, depth + 1) for key, item in data.items()}
    options = kept.get("options")
    if "subtask_type" in kept and isinstance(options, dict):
        options.pop("reply_to", None)
    return kept


def received(
    name: str, task_id: str, arguments: Any, keywords: Any, request: Mapping[str, Any]
) -> TaskMessage:
    """The task that a worker is about to run.

    Args:
        name: as it is registered.
        task_id: its id.
        arguments: those given by position.
        keywords: those given by name.
        request: everything else, as Celery's tracer gets it.
    """
    delivery = request.get("delivery_info") or {}
    message = TaskMessage(
        name=name,
        id=str(task_id),
        arguments=plain(arguments or ()),
        keywords=plain(keywords or {}),
        embedded={key: plain(request.get(key)) for key in _EMBEDDED},
        headers=_headers({key: value for key, value in request.items() if key not in _EMBEDDED}),
        queue=str(delivery.get("routing_key") or ""),
    )
    if sys.modules["celery._state"].task_join_will_block():
        message.headers[JOIN_BLOCKS] = True
    return message


def _headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in headers.items():
        if name in _RECOMPUTED or name.startswith("_"):
            continue
        data = plain(value)
        if not values.unsupported(data):  # an object of the worker's own
            kept[str(name)] = data
    return kept
