"""A function that talks to the outside world in a way of its own: its arguments and its result."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Canonical
from timetracer_otel.span import Attributes

_READS = "timetracer.function.reads"
_SHOWN = 40
"""Characters of one argument in a title."""


class FunctionCall(msgspec.Struct):
    """A call of a function by its name, for libraries whose protocol is no family of its own.

    Attributes:
        name: what people call it: ``weather.Client.forecast``.
        arguments: those given by position, as the codec can carry them (:mod:`timetracer_otel.values`).
        keywords: those given by name.
        reads: it changes nothing in the world.
    """

    name: str
    arguments: list[Any] = msgspec.field(default_factory=list)
    keywords: dict[str, Any] = msgspec.field(default_factory=dict)
    reads: bool = False

    family: ClassVar[str] = "function"

    def attributes(self) -> Attributes:
        """Payload attributes of the call."""
        data: Attributes = {
            names.FUNCTION_NAME: self.name,
            names.FUNCTION_ARGUMENTS: values.dumps([self.arguments, self.keywords]),
        }
        if self.reads:
            data[_READS] = True
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The call that those attributes carry.

        Raises:
            CodecError: the arguments are malformed.
            KeyError: they are missing.
        """
        given = values.loads(str(attributes[names.FUNCTION_ARGUMENTS]))
        if not (isinstance(given, list) and len(given) == 2):
            raise CodecError(f"{names.FUNCTION_ARGUMENTS} is not a list of arguments and a dict of keywords")
        arguments, keywords = given
        if not (isinstance(arguments, list) and isinstance(keywords, dict)):
            raise CodecError(f"{names.FUNCTION_ARGUMENTS} is not a list of arguments and a dict of keywords")
        return cls(str(attributes[names.FUNCTION_NAME]), arguments, keywords, attributes.get(_READS) is True)

    def canonical(self) -> Canonical:
        """The name and the arguments; the order of keywords is set aside."""
        return {"function": self.name, "arguments": self.arguments, "keywords": self.keywords}

    def key(self) -> Hashable:
        """:meth:`canonical` as bytes."""
        return values.canonical([self.name, self.arguments, self.keywords])

    def title(self) -> str:
        """``weather.Client.forecast('Rome', days=3)``, long arguments cut."""
        shown = [_show(value) for value in self.arguments]
        shown += [f"{name}={_show(value)}" for name, value in self.keywords.items()]
        return f"{self.name}({', '.join(shown)})"

    @property
    def writes(self) -> bool:
        """True unless the integration said that it only reads."""
        return not self.reads

    def span_attributes(self) -> Attributes:
        """``code.function.name``."""
        return {"code.function.name": self.name}


class FunctionResult(msgspec.Struct):
    """What the function returned, as the codec can carry it."""

    value: Any = None

    family: ClassVar[str] = "function"

    def attributes(self) -> Attributes:
        """Payload attributes of the result."""
        return {names.FUNCTION_RESULT: values.dumps(self.value)}

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The result that those attributes carry.

        Raises:
            CodecError: it is malformed.
            KeyError: it is missing.
        """
        return cls(values.loads(str(attributes[names.FUNCTION_RESULT])))


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
