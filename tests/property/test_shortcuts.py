"""The shorter ways of the launcher find whatever contrib's own find, whatever they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.instrumentation import asgi
from opentelemetry.instrumentation import httpx as theirs
from opentelemetry.util.http import redact_url

from tests.property.spans import texts
from timetracer_otel.launcher import shortcuts

redact = shortcuts.quick_redaction(redact_url)
parts = shortcuts.quick_parts(theirs._extract_parameters)
normalize = shortcuts.later_headers(theirs._normalize_headers)
get = shortcuts.quick_getter(asgi.ASGIGetter.get, asgi._decode_header_item)

# urls are put together of pieces that mean something there, in any order
pieces = st.sampled_from(
    [
        "http", "HTTPS", "://", ":", "//", "/", "?", "#", "@", "&", ";", "=", "+", "%", "%73", "%40", "%2",
        ".", "..", "[::1]", "[", "]", "shop", "SHOP.example", "bücher", "xn--bcher-kva", ":80", ":443",
        ":8443", "ann:word@", "a", "ü", "sig", "Signature", "s", "ig", "AWSAccessKeyId", "X-Goog-Signature",
        " ", "\t", "\n", "\x00", "\\", "'", '"', "{", "|", "^",
    ]
)  # fmt: skip
written = st.lists(pieces, max_size=12).map("".join)
urls = written | st.builds("{}{}".format, st.sampled_from(["http://shop", "https://SHOP:443/"]), written)
names = st.sampled_from(["host", "Host", "HOST", "x-Name", "größe", "GRÖSSE", "key", "KEY", "", "x"])
odd_names = st.text(st.characters(max_codepoint=255, exclude_characters="\\"), max_size=3)
headers = st.lists(
    st.tuples(
        names.map(str.encode) | odd_names.map(lambda name: name.encode("latin-1")),
        texts.map(str.encode) | st.binary(max_size=6) | st.just(b"\xff\\x"),
    ),
    max_size=5,
)
METHODS = ["GET", "post", "PROPFIND", "", "G T", "GRÜN", "\u212a"]


def outcome(work: Callable[..., Any], *arguments: Any) -> Any:
    """What comes of it: a value, or the class of what is raised."""
    try:
        return work(*arguments)
    except Exception as error:  # whatever theirs raises
        return type(error)


@given(urls)
@example("http://shop/?s\tig=1")
def test_urls_are_redacted_alike(url: str) -> None:
    assert outcome(redact, url) == outcome(redact_url, url)


@given(st.sampled_from(METHODS), urls, st.dictionaries(texts, texts, max_size=2) | st.none(), headers)
def test_requests_are_taken_apart_alike(
    method: str, url: str, params: dict[str, str] | None, given: list[tuple[bytes, bytes]]
) -> None:
    request = outcome(lambda: httpx.Request(method, url, params=params, headers=given, content=b"x"))
    if not isinstance(request, httpx.Request):
        return  # nobody can ask so

    def seen(extract: Callable[..., Any]) -> tuple[Any, ...]:
        method, url, *others = extract((request,), {}, httpx)
        facts = url.scheme, url.userinfo, url.host, url.port, url.raw_path, url.fragment
        return method, type(url), str(url), facts, *map(id, others)

    assert outcome(seen, parts) == outcome(seen, theirs._extract_parameters)


@given(
    st.one_of(
        headers.map(httpx.Headers),
        headers,
        headers.map(tuple),
        st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=3),
        st.none(),
    )
)
@example(((b"a", b"b"),))
@example(httpx.Headers([("a", "1, 2"), ("A", ",")]))
def test_headers_are_put_in_order_alike(headers: Any) -> None:
    def seen(normalized: Any) -> Any:
        return bool(normalized), list(normalized.items()), len(normalized), normalized.get("host")

    library: Any = httpx
    assert outcome(lambda: seen(normalize(headers, library))) == outcome(
        lambda: seen(theirs._normalize_headers(headers, library))
    )


@given(headers | headers.map(tuple) | st.none(), names | texts)
@example([("GRÖSSE".encode(), b"1")], "größe")
@example([(b"key", b"1")], "\u212aey")
@example([(b"key", b"1")], "\ud800")
def test_headers_are_found_alike(given: Any, name: str) -> None:
    getter, carrier = asgi.ASGIGetter(), {"headers": given}
    assert outcome(get, getter, carrier, name) == outcome(getter.get, carrier, name)
