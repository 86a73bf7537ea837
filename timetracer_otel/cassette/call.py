"""One dependency call, as the span says that carries it."""

from __future__ import annotations

from functools import cached_property

from timetracer_otel import attributes as names
from timetracer_otel.messages import Answer, Failure, Request, read_answer, read_request
from timetracer_otel.span import AttributeValue, Span


class Call:
    """One dependency call as recorded. Its messages are read when they are asked for.

    Attributes:
        span: the span that carries it.
        integration: the integration that recorded it: ``httpx``, ``sqlalchemy``, ...
        family: its message family: ``http``, ``db``, ``redis``, ...
        lane: the task or thread of the request that made it.
        index: its place among the calls of the request; -1 where that was not recorded.
        path: the names of the spans above it (see :meth:`Cassette.path`).
    """

    def __init__(self, span: Span, path: tuple[str, ...]) -> None:
        attributes = span.attributes
        self.span = span
        self.integration = str(attributes.get(names.CALL_INTEGRATION, ""))
        self.family = str(attributes.get(names.CALL_FAMILY, ""))
        self.lane = _integer(attributes.get(names.CALL_LANE), 0)
        self.index = _integer(attributes.get(names.CALL_INDEX), -1)
        self.path = path

    @cached_property
    def request(self) -> Request | None:
        """What was asked; ``None`` when it was not recorded or its family is not known here.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        try:
            return read_request(self.family, self.span.attributes)
        except KeyError:
            return None

    @cached_property
    def answer(self) -> Answer | Failure | None:
        """What came back; ``None`` when it was not recorded.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        return self.fresh_answer()

    def fresh_answer(self) -> Answer | Failure | None:
        """As :attr:`answer`, read anew: for an app that may change what it is given.

        Raises:
            CodecError: a payload attribute is malformed.
        """
        return read_answer(self.family, self.span.attributes)

    def __repr__(self) -> str:
        return f"<Call {self.index} {self.integration} {self.span.name!r}>"


def _integer(value: AttributeValue, default: int) -> int:
    return value if isinstance(value, int) else default
