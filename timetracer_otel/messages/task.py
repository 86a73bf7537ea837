"""A task for a worker: what is published, what the worker runs, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Canonical
from timetracer_otel.messages.http import UNMATCHED_HEADERS
from timetracer_otel.span import Attributes

_SHOWN = 40
"""Characters of one argument in a title."""
_UNMATCHED = UNMATCHED_HEADERS | {
    "id", "root_id", "parent_id", "origin", "hostname", "lang", "task", "correlation_id", "reply_to",
    "shadow", "delivery_info", "properties", "is_eager", "utc", "eta_delay", "stamps", "content_type",
    "content_encoding",
}  # fmt: skip
"""Headers that say where a task came from and went to, not what it is to do."""


class TaskMessage(msgspec.Struct):
    """A task: its name, its arguments, and what travels with them.

    Attributes:
        name: as it is registered: ``shop.tasks.send_mail``.
        id: the task's own.
        arguments: those given by position.
        keywords: those given by name.
        embedded: what is to be done after it: callbacks, chain, chord.
        headers: everything else that it carries, by name: retries, eta, group, headers of the app's own.
        queue: where it is sent.
    """

    name: str
    id: str = ""
    arguments: list[Any] = msgspec.field(default_factory=list)
    keywords: dict[str, Any] = msgspec.field(default_factory=dict)
    embedded: dict[str, Any] = msgspec.field(default_factory=dict)
    headers: dict[str, Any] = msgspec.field(default_factory=dict)
    queue: str = ""

    family: ClassVar[str] = "celery"

    @property
    def label(self) -> str:
        """``task shop.tasks.send_mail``, for one that a worker runs."""
        return f"task {self.name}"

    def attributes(self) -> Attributes:
        """Payload attributes of the task."""
        return {
            names.TASK_NAME: self.name,
            names.TASK_ID: self.id,
            names.TASK_QUEUE: self.queue,
            names.TASK_MESSAGE: values.dumps([self.arguments, self.keywords, self.embedded, self.headers]),
        }

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The task that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: a part is missing.
        """
        given = values.loads(str(attributes[names.TASK_MESSAGE]))
        if not (isinstance(given, list) and len(given) == 4 and isinstance(given[0], list)):
            raise CodecError(f"{names.TASK_MESSAGE} is no list of arguments, keywords and headers")
        arguments, *rest = given
        if not all(isinstance(one, dict) for one in rest):
            raise CodecError(f"{names.TASK_MESSAGE} holds keywords or headers that are no dict")
        keywords, embedded, headers = rest
        return cls(
            str(attributes[names.TASK_NAME]),
            str(attributes.get(names.TASK_ID, "")),
            arguments,
            keywords,
            embedded,
            headers,
            str(attributes.get(names.TASK_QUEUE, "")),
        )

    def canonical(self) -> Canonical:
        """What is to be done, with what, and when; ids and addresses are set aside."""
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _UNMATCHED and value not in (None, [], {}, "")
        }
        return {
            "task": self.name,
            "queue": self.queue,
            "arguments": self.arguments,
            "keywords": self.keywords,
            "embedded": {name: value for name, value in self.embedded.items() if value},
            "headers": headers,
        }

    def key(self) -> Hashable:
        """:meth:`canonical` as bytes."""
        return values.canonical(self.canonical())

    def title(self) -> str:
        """``shop.tasks.send_mail(7, subject='hello')``, long arguments cut."""
        shown = [_show(value) for value in self.arguments]
        shown += [f"{name}={_show(value)}" for name, value in self.keywords.items()]
        return f"{self.name}({', '.join(shown)})"

    @property
    def writes(self) -> bool:
        """Always: somebody will do something."""
        return True

    def span_attributes(self) -> Attributes:
        """Of a span of ours; ``rpc.method`` gives it its name."""
        return {
            "messaging.system": "celery",
            "messaging.destination.name": self.queue,
            "messaging.message.id": self.id,
            "celery.task_name": self.name,
            "rpc.method": self.name,
        }


class TaskOutcome(msgspec.Struct):
    """What came of a task, or of publishing one.

    Attributes:
        state: ``SENT`` of one that was published, else Celery's: ``SUCCESS``, ``FAILURE``, ``RETRY``, ...
        value: what it returned; of a retry, when and why.
    """

    state: str
    value: Any = None

    family: ClassVar[str] = "celery"

    def attributes(self) -> Attributes:
        """Payload attributes of the outcome."""
        return {names.TASK_OUTCOME: values.dumps({"state": self.state, "value": self.value})}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The outcome that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: it is missing.
        """
        data = values.loads(str(attributes[names.TASK_OUTCOME]))
        if not isinstance(data, dict) or not isinstance(data.get("state"), str):
            raise CodecError(f"{names.TASK_OUTCOME} names no state")
        return cls(data["state"], data.get("value"))


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
