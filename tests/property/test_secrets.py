"""The one look at all of a span finds whatever a look at each of its values would find."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.spans import texts
from timetracer_otel.redaction import KnownSecrets
from timetracer_otel.span import Event, Span, Status

SECRETS = ["s3cret-Token.77", "Pa ss/w0rd=x", "Quo\"te'd1", "back\\slash9", "schlüsSel8", "tab\tTab1"]
said_as: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [str, json.dumps, quote, lambda text: json.dumps([text], ensure_ascii=False)]
)


@given(st.sampled_from(SECRETS), said_as, texts, texts, st.sampled_from(["text", "list", "event", "status"]))
@example("s3cret-Token.77", str, "'", '"', "text")
def test_a_secret_is_seen_wherever_it_is_said(
    secret: str, said: Callable[[str], str], before: str, after: str, where: str
) -> None:
    text = f"{before}{said(secret)}{after}"
    span = Span("1" * 32, "2" * 16, "a", attributes={"other": 'it\'s "fine"'})
    if where == "text":
        span.attributes["said"] = text
    elif where == "list":
        span.attributes["said"] = ["no", text]
    elif where == "event":
        span.events.append(Event("said", attributes={"said": text}))
    else:
        span.status = Status(message=text)
    known = KnownSecrets([secret])
    assert known.may_be_on(span) or known.text(text) == text
    assert known.may_be_on(span) or not known.may_be_in(text)


def test_a_span_that_says_nothing_of_it_is_left_alone() -> None:
    known = KnownSecrets(["s3cret-Token.77"])
    assert not known.may_be_on(Span("1" * 32, "2" * 16, "a", attributes={"said": "token", "bytes": b"\xff"}))
    assert known.may_be_on(Span("1" * 32, "2" * 16, "a", attributes={"said": b"\xff s3cret-Token.77"}))
    assert known.may_be_on(Span("1" * 32, "2" * 16, "a", attributes={"said": '{"$bytes":"c2VjcmV0"}'}))
    assert known.may_be_on(Span("1" * 32, "2" * 16, "a", attributes={"said": gzip.compress(b"it is said")}))
    assert known.may_be_on(Span("1" * 32, "2" * 16, "a", attributes={"said": "s\0a\0i\0d\0"}))
