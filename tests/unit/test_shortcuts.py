"""What is worked out in a shorter way is what contrib's instrumentations work out themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation import asgi
from opentelemetry.instrumentation import httpx as theirs
from opentelemetry.util.http import redact_url

from timetracer_otel.launcher import shortcuts

URLS = (
    "http://shop/",
    "http://shop/?a=1&b=2",
    "http://shop/a?sig=1",
    "http://shop/a?x=1&Signature=secret",
    "http://shop/a?%73ig=secret",
    "http://shop/a?+sig=1",
    "http://ann:secret@shop/a?b=1#c",
    "http://shop/a;b?#",
    "http://[::1/",
    "no url at all",
    "",
)


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_redacted_as_theirs_is(url: str) -> None:
    assert shortcuts.quick_redaction(redact_url)(url) == redact_url(url)


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("GET", "http://shop/a%20b/ü?q=1&r=%2F#end"),
        httpx.Request("POST", "https://ann:p%40ss@SHOP.example:443/", json={"tea": 2}),
        httpx.Request("PUT", "http://[::1]:8080", content=b"tea", params={"a": "1 2"}),
    ],
)
def test_the_parts_of_a_request_are_the_same(request_: httpx.Request) -> None:
    def seen(extract: Any) -> tuple[Any, ...]:
        method, url, headers, stream, extensions = extract((request_,), {}, httpx)
        return method, str(url), url.host, url.port, type(url), headers, stream, extensions

    assert seen(shortcuts.quick_parts(theirs._extract_parameters)) == seen(theirs._extract_parameters)


def test_a_request_of_another_kind_is_left_to_them() -> None:
    made = httpx.Request("GET", "http://shop/")
    made.url = "http://other/"  # type: ignore[assignment]  # what an app may do

    module: Any = httpx
    *_, theirs_url, _, _, _ = theirs._extract_parameters((made,), {}, module)
    *_, url, _, _, _ = shortcuts.quick_parts(theirs._extract_parameters)((made,), {}, module)

    assert (url, type(url)) == (theirs_url, httpx.URL)


def test_headers_are_put_in_order_when_they_are_read() -> None:
    calls = []

    def normalize(headers: Any, library: Any) -> Any:
        calls.append(headers)
        return theirs._normalize_headers(headers, library)

    headers = httpx.Headers([("Accept", "a, b"), ("x", "1"), ("X", "2")])
    found = shortcuts.later_headers(normalize)(headers, httpx)

    before = bool(found), len(calls)
    assert (before, dict(found), len(found), "x" in found, len(calls)) == (
        (True, 0),
        {"accept": ["a", "b"], "x": ["1", "2"]},
        2,
        True,
        1,
    )
    assert shortcuts.later_headers(normalize)(None, httpx) == {}


@pytest.mark.parametrize("name", ["host", "HOST", "x-name", "cookie", "missing", ""])
@pytest.mark.parametrize(
    "carrier",
    [
        {"headers": [(b"Host", b"shop"), (b"x-name", "ü".encode()), (b"X-Name", b"\xfc"), (b"cookie", b"")]},
        {"headers": ((b"host", b"a"), (b"host", b"b"))},
        {"headers": []},
        {},
    ],
)
def test_a_header_is_found_as_theirs_is(carrier: dict[str, Any], name: str) -> None:
    get = shortcuts.quick_getter(asgi.ASGIGetter.get, asgi._decode_header_item)

    assert get(None, carrier, name) == asgi.ASGIGetter().get(carrier, name)


def test_what_answers_in_another_way_is_left_alone() -> None:
    class Getter:
        def get(self, carrier: dict[str, Any], key: str) -> list[str] | None:
            return None

    def extract(args: Any, kwargs: Any, library: Any) -> Any:
        return {"request": args[0]}

    module: Any = SimpleNamespace(
        __name__="another version",
        ASGIGetter=Getter,
        _decode_header_item=bytes.decode,
        _httpx_module=httpx,
        _extract_parameters=extract,
        _normalize_headers=lambda headers, _: list(headers.raw),
    )
    before = dict(vars(module)), Getter.get

    shortcuts.shorten_httpx(module)
    shortcuts.shorten_asgi(module)

    assert (dict(vars(module)), Getter.get) == before
