"""Masking the payloads of one trace, and the drawn values that turned out to be secrets."""

from __future__ import annotations

import base64

from timetracer_otel import values
from timetracer_otel.exporters.trace import Gap
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.redaction import MASK, Redactor
from timetracer_otel.span import Attributes

_SHORTEST = 8
"""Characters a drawn value needs to be looked for: shorter ones are found everywhere."""


class Masking:
    """Turns messages into attributes without secrets, and remembers what was a secret.

    Args:
        redactor: finds secrets; ``None`` masks nothing.
        gaps: takes a line for each place that was masked.
    """

    def __init__(self, redactor: Redactor | None, gaps: list[Gap]) -> None:
        self._redactor = redactor
        self.gaps = gaps
        self._pairs: list[tuple[Request | Answer | Failure, Request | Answer | Failure]] = []
        self._texts: list[tuple[str, str]] | None = None

    def attributes(
        self,
        message: Request | Answer | Failure,
        where: str = "",
        span_id: int = 0,
        answers: Request | None = None,
    ) -> Attributes:
        """The message's payload attributes, masked.

        Args:
            message: what was said; it is not changed.
            where: put before each masked place in the list of gaps.
            span_id: the span that carries the message.
            answers: the request that the message answers.
        """
        if self._redactor is None:
            return message.attributes()
        masked: list[str] = []
        clean = self._redactor.message(message, masked, answers)
        if masked:
            self._pairs.append((message, clean))
            self._texts = None
            if self._hides_from_the_app(message, where):
                self.gaps.extend(Gap("masked", f"{where}{place}", span_id) for place in masked)
        return clean.attributes()

    @staticmethod
    def _hides_from_the_app(message: Request | Answer | Failure, where: str) -> bool:
        """Masked in what the app is told, and so missing in a replay. What the app itself says is
        masked on both sides when it is compared.
        """
        inbound = bool(where)
        return hasattr(message, "canonical") == inbound

    def drawn(self, source: str, value: object) -> object:
        """A value of a random source; the mask when it was masked wherever it was said.

        A token that ``secrets`` made and a masked field carried must not be left standing here.
        """
        forms = [form for form in _forms(value) if len(form) >= _SHORTEST] if self._pairs else []
        if not forms:
            return value
        if self._texts is None:
            self._texts = [
                (values.dumps(raw.attributes()), values.dumps(clean.attributes()))
                for raw, clean in self._pairs
            ]
        if any(form in raw and form not in clean for raw, clean in self._texts for form in forms):
            self.gaps.append(Gap("masked", f"value of {source}"))
            return MASK
        return value


def _forms(value: object) -> tuple[str, ...]:
    """How a drawn value is written where it is said: bytes as hex or in either base64."""
    if isinstance(value, bytes):
        standard = base64.b64encode(value).decode().rstrip("=")
        return value.hex(), standard, standard.replace("+", "-").replace("/", "_")
    return (value,) if isinstance(value, str) else ()
