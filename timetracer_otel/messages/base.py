"""The contract of every message: to attributes and back, and a canonical form to match by."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, ClassVar, Protocol, Self, TypeAlias

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.span import Attributes

Canonical: TypeAlias = "dict[str, Any]"
"""The parts of a request that must be equal for an answer to be right, by name: nested dicts,
lists and the scalars that :mod:`timetracer_otel.values` encodes."""


class Request(Protocol):
    """One request to something outside the process."""

    family: ClassVar[str]

    def attributes(self) -> Attributes:
        """Payload attributes; :meth:`from_attributes` reads them back."""
        ...

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The request that those attributes carry."""
        ...

    def canonical(self) -> Canonical:
        """What must be equal for a recorded answer to be this request's."""
        ...

    def key(self) -> Hashable:
        """Equal for two requests of a family exactly when :meth:`canonical` is; quick to make."""
        ...

    def title(self) -> str:
        """One short line for people: ``GET http://rates/EUR``."""
        ...

    @property
    def writes(self) -> bool:
        """True when the request changes something in the world."""
        ...

    def span_attributes(self) -> Attributes:
        """The standard attributes of a span for this call (semantic conventions), for calls that
        no instrumentation has given one.
        """
        ...


def label_of(message: Request) -> str:
    """What to call an inbound message: what it is for, as a route is, not what it says."""
    label = getattr(message, "label", None)
    return (label if isinstance(label, str) else message.title())[:200]


class Answer(Protocol):
    """One answer of a dependency: a result."""

    family: ClassVar[str]

    def attributes(self) -> Attributes:
        """Payload attributes; :meth:`from_attributes` reads them back."""
        ...

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The answer that those attributes carry."""
        ...


class Failure(msgspec.Struct):
    """An answer that is an exception: what the library raised.

    ``type_name`` is ``module.QualName``. It is only ever compared with classes an integration
    lists, never imported.
    """

    type_name: str
    args: list[Any] = msgspec.field(default_factory=list)
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    cause: Failure | None = None
    context: Failure | None = None
    suppress_context: bool = False

    family: ClassVar[str] = "failure"

    def plain(self) -> dict[str, Any]:
        """The failure as nested dicts, for :func:`timetracer_otel.values.dumps`."""
        data: dict[str, Any] = {"type": self.type_name, "args": self.args}
        if self.fields:
            data["fields"] = self.fields
        if self.cause is not None:
            data["cause"] = self.cause.plain()
        if self.context is not None:
            data["context"] = self.context.plain()
        if self.suppress_context:
            data["suppress_context"] = True
        return data

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """The reverse of :meth:`plain`.

        Raises:
            CodecError: it is not what :meth:`plain` makes.
        """
        if not isinstance(data, dict):
            raise CodecError(f"the recorded exception is a {type(data).__name__}, not a dict")
        name, args, fields = data.get("type"), data.get("args", []), data.get("fields", {})
        if not isinstance(name, str):
            raise CodecError("the recorded exception names no class")
        if not isinstance(args, list) or not isinstance(fields, dict) or not _all_text(fields):
            raise CodecError(f"the arguments or fields of the recorded {name[:100]} are malformed")
        cause, context = data.get("cause"), data.get("context")
        return cls(
            type_name=name,
            args=list(args),
            fields=dict(fields),
            cause=None if cause is None else cls.from_plain(cause),
            context=None if context is None else cls.from_plain(context),
            suppress_context=bool(data.get("suppress_context", False)),
        )

    def attributes(self) -> Attributes:
        """Payload attributes of the failure."""
        return {names.EXCEPTION: values.dumps(self.plain())}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The failure that those attributes carry.

        Raises:
            CodecError: the attribute is missing or malformed.
        """
        return cls.from_plain(values.loads(str(attributes[names.EXCEPTION])))


def _all_text(keys: Iterable[Any]) -> bool:
    return all(isinstance(key, str) for key in keys)
