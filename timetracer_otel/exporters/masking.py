"""Masking the payloads of one trace, and the drawn values that turned out to be secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import partial
from typing import cast

import msgspec

from timetracer_otel import values
from timetracer_otel.exporters.trace import Gap
from timetracer_otel.messages import Answer, Failure, FunctionResult, HttpRequest, Request
from timetracer_otel.nondeterminism import CHECKS
from timetracer_otel.nondeterminism.comparisons import Comparison, Recorded
from timetracer_otel.redaction import MASK, KnownSecrets, Redactor, masked_texts, secrets_in
from timetracer_otel.redaction.digests import digests
from timetracer_otel.redaction.everywhere import hides_from_the_app, mask_the_rest
from timetracer_otel.span import Attributes, Span

_SHORTEST = 8
"""Characters a drawn value needs to be looked for: shorter ones are found everywhere."""


_SIGNATURE = re.compile(r"(?:\w{1,12}[=:])?(?:[0-9a-fA-F]{32,128}|[A-Za-z0-9+/_-]{27,88}={0,2})")
"""``sha256=0f3a...``: in hex or base64."""
_DIGEST_SIZES = frozenset({20, 32, 48, 64})
"""Bytes of one as it is."""


class _Said(msgspec.Struct):
    """A message of the trace, as it was masked by itself."""

    span_id: int
    message: Request | Answer | Failure
    attributes: Attributes
    where: str


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
        self._outcomes: list[tuple[FunctionResult, FunctionResult]] = []
        self._body_masked = False
        self._hidden: tuple[int, set[str]] = (0, set())
        self._texts: list[tuple[str, str]] | None = None
        self._said: list[_Said] = []

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
        clean, attributes = self._redactor.attributes(message, masked, answers)
        if masked:
            self._pairs.append((message, clean))
            self._texts = None
            self._came_in(where, message, clean)
            if hides_from_the_app(message, inbound=bool(where)):
                self.gaps.extend(Gap("masked", f"{where}{place}", span_id) for place in masked)
        self._said.append(_Said(span_id, clean, attributes, where))
        return attributes

    def _came_in(self, where: str, message: object, clean: object) -> None:
        if where and isinstance(message, HttpRequest) and isinstance(clean, HttpRequest):
            self._body_masked = self._body_masked or clean.body != message.body

    def learn(self, message: Request | Answer | Failure) -> None:
        """Look for what a message gives away of which not all is kept.

        Args:
            message: as it was said; it is not changed.
        """
        if self._redactor is not None:
            masked: list[str] = []
            clean = self._redactor.message(message, masked)
            if masked:
                self._pairs.append((message, clean))
                self._texts = None

    def finish(self, spans: Iterable[Span], before: Iterable[str] = ()) -> set[str]:
        """Mask what was masked in one message wherever else the trace says it.

        Args:
            spans: all spans of the trace, with their payloads.
            before: secrets of what was written of it before.

        Returns:
            What was looked for: the secrets of both.
        """
        self._mask_titles()
        secrets: set[str] = set(before).union(*(secrets_in(raw, clean) for raw, clean in self._pairs))
        if not secrets:
            return secrets
        known = KnownSecrets(secrets)
        by_id = {int(span.span_id, 16): span for span in spans if known.may_be_on(span)}
        payloads: dict[int, set[str]] = {}
        for said in self._said:
            span = by_id.get(said.span_id)
            if span is None:
                continue
            payloads.setdefault(said.span_id, set()).update(said.attributes)
            if any(map(known.may_be_in, said.attributes.values())):
                self._mask_again(span, said, known)
        for span_id, span in by_id.items():
            mask_the_rest(span, known, payloads.get(span_id, set()))
        for gap in self.gaps:
            gap.detail = known.text(gap.detail)
        return secrets

    def _mask_titles(self) -> None:
        """Gaps name calls by what these asked for."""
        for raw, clean in self._pairs:
            title, masked = _title(raw), _title(clean)
            if title != masked:
                for gap in self.gaps:
                    gap.detail = gap.detail.replace(title, masked).replace(title[:200], masked[:200])

    def _mask_again(self, span: Span, said: _Said, known: KnownSecrets) -> None:
        masked: list[str] = []
        came_in = bool(said.where) and isinstance(said.message, HttpRequest)
        clean = known.message(said.message, masked, came_in=came_in)
        if clean is said.message:
            return
        self._pairs.append((said.message, clean))
        self._texts = None
        self._came_in(said.where, said.message, clean)
        span.attributes.update(clean.attributes())
        if hides_from_the_app(said.message, inbound=bool(said.where)):
            self.gaps.extend(Gap("masked", f"{said.where}{place}", said.span_id) for place in masked)

    def drawn(self, source: str, value: object) -> object:
        """A value of a random source; the mask when it was masked wherever it was said.

        A token that ``secrets`` made and a masked field carried must not be left standing here.
        """
        if source.startswith(CHECKS):
            return self._checked(value)
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

    def compared(self, comparison: Comparison) -> Recorded | None:
        """What a comparison came to where one of both is a secret that was masked, or holds one.

        So it is where they are signatures, and something was masked in the body that came in. Else ``None``.
        """
        pairs = [*self._pairs, *self._outcomes]
        if self._hidden[0] != len(pairs):
            texts: set[str] = set().union(*(masked_texts(raw, clean) for raw, clean in pairs))
            self._hidden = len(pairs), texts.union(*map(digests, texts))
        operands = comparison.operands
        if any(map(partial(_is_one_of, self._hidden[1]), operands)):
            return Recorded(comparison.good, signed=False)
        signed = comparison.good and self._body_masked and bool(operands) and all(map(_signs, operands))
        return Recorded(good=True, signed=True) if signed else None

    def _checked(self, outcome: object) -> object:
        """What a check of a credential came to: claims and sessions are data of the app, masked as such."""
        if self._redactor is None:
            return outcome
        masked: list[str] = []
        raw_outcome = FunctionResult(outcome)
        clean = self._redactor.message(raw_outcome, masked)
        if masked:
            self._outcomes.append((raw_outcome, clean))
        secrets: set[str] = set().union(*(secrets_in(raw, clean) for raw, clean in self._pairs))
        return (KnownSecrets(secrets).message(clean, masked) if secrets else clean).value


def _signs(operand: object) -> bool:
    """True for what may be a signature."""
    if isinstance(operand, bytes):
        if len(operand) in _DIGEST_SIZES:
            return True
        operand = operand.decode("latin-1")
    return isinstance(operand, str) and _SIGNATURE.fullmatch(operand) is not None


def _is_one_of(texts: set[str], operand: object) -> bool:
    """True for a text or bytes that is one of the texts, or holds one that is found nowhere by chance."""
    if isinstance(operand, bytes):
        if operand.hex() in texts:  # a digest
            return True
        try:
            text = operand.decode()
        except UnicodeDecodeError:
            text = operand.decode("latin-1")
        operand = text
    if not isinstance(operand, str):
        return False
    return operand in texts or any(len(one) >= _SHORTEST and one in operand for one in texts)


def _title(message: Request | Answer | Failure) -> str:
    return cast("Request", message).title() if hasattr(message, "canonical") else ""


def _forms(value: object) -> tuple[str, ...]:
    """How a drawn value is written where it is said: bytes as hex or in either base64."""
    if isinstance(value, bytes):
        standard = base64.b64encode(value).decode().rstrip("=")
        return value.hex(), standard, standard.replace("+", "-").replace("/", "_")
    return (value,) if isinstance(value, str) else ()
