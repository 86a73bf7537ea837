"""What contrib's instrumentations work out for every call, in shorter ways and with the same results.

Some of it nobody uses (all headers put in order, though none is to be an attribute), some is done again
(a URL that was parsed is written out and parsed), some asks everything of everything (each header decoded
for each name that is looked for). It is a good part of what recording costs, so the functions that do it are
replaced by ones that do what is needed. Each gives what is not plain to the function that it replaces, and
none is replaced that answers in another way than it is known here to do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final, TypeAlias

import wrapt

from timetracer_otel import ports

Function: TypeAlias = Callable[..., Any]

_HTTPX: Final = "opentelemetry.instrumentation.httpx"
_ASGI: Final = "opentelemetry.instrumentation.asgi"


def shorten() -> None:
    """Put the shorter functions in their places, as contrib's modules are imported."""
    wrapt.register_post_import_hook(_quietly(shorten_httpx), _HTTPX)
    wrapt.register_post_import_hook(_quietly(shorten_asgi), _ASGI)


def _quietly(change: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def changed(module: ModuleType) -> None:
        try:
            change(module)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report(f"shortening what {module.__name__} does", error)

    return changed


def _does(probe: Callable[[Any], bool], module: Any) -> bool:
    """Whether that version of contrib's does what is known here."""
    try:
        return probe(module)
    except Exception:  # noqa: BLE001  # a version that has it elsewhere, or takes other arguments
        return False


# -- httpx


def shorten_httpx(module: ModuleType) -> None:
    """What the instrumentation of httpx does before and after each request.

    Args:
        module: the instrumentation.
    """
    known: Any = module
    if _does(_redacts, known):
        known.redact_url = quick_redaction(known.redact_url)
    if _does(_takes_apart, known):
        known._extract_parameters = quick_parts(known._extract_parameters)
    if _does(_normalizes, known):
        known._normalize_headers = later_headers(known._normalize_headers)


def quick_redaction(redact: Function) -> Function:
    """A URL without credentials, and without a query that is encoded or may hold a secret, is itself."""
    from opentelemetry.util.http import PARAMS_TO_REDACT

    @functools.wraps(redact)
    def redacted(url: Any) -> Any:
        if type(url) is str and "@" not in url:
            _, mark, query = url.partition("?")
            if not mark or (
                query.isprintable()  # parsing leaves out what is not
                and "%" not in query
                and "+" not in query
                and not any(name in query for name in PARAMS_TO_REDACT)
            ):
                return url
        return redact(url)

    return redacted


def quick_parts(extract: Function) -> Function:
    """A request's own URL, which nobody can change, in the place of one parsed from its text."""

    @functools.wraps(extract)
    def parts(args: tuple[Any, ...], kwargs: dict[str, Any], library: Any) -> Any:
        request = args[0]
        if type(request) is library.Request:
            url = request.url
            # a host that was quoted is written in another way when it is parsed again
            if type(url) is library.URL and b"%" not in url.raw_host:
                return request.method.encode(), url, request.headers, request.stream, request.extensions
        return extract(args, kwargs, library)

    return parts


def later_headers(normalize: Function) -> Function:
    """Headers put in order when somebody looks: where none is to be an attribute, nobody does."""

    @functools.wraps(normalize)
    def later(headers: Any, library: Any) -> Any:
        if headers and isinstance(headers, (library.Headers, dict, list)):
            return _Later(functools.partial(normalize, headers, library))
        return normalize(headers, library)

    return later


class _Later(Mapping[str, list[str]]):
    """A mapping that is made when it is read. It is not empty."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], dict[str, list[str]]]) -> None:
        self._make = make
        self._made: dict[str, list[str]] | None = None

    def _all(self) -> dict[str, list[str]]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> list[str]:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _redacts(module: Any) -> bool:
    plain, secret = "http://shop/a;b?c=d#e", "http://ann:word@shop/?sig=f"
    return bool(module.redact_url(plain) == plain and module.redact_url(secret) != secret)


def _takes_apart(module: Any) -> bool:
    library = module._httpx_module
    request = library.Request("PUT", "https://ann:word@shop.example:8443/a%20b/ü?q=1&r=%2F#e", content=b"x")
    own = (request.method.encode(), request.url, request.headers, request.stream, request.extensions)
    found = module._extract_parameters((request,), {}, library)
    return type(found) is tuple and found == own and str(found[1]) == str(own[1])


def _normalizes(module: Any) -> bool:
    library = module._httpx_module
    found = module._normalize_headers(library.Headers([("B", "1, 2"), ("a", "3"), ("b", "4")]), library)
    return type(found) is dict and found == {"b": ["1", "2", "4"], "a": ["3"]}


# -- ASGI


def shorten_asgi(module: ModuleType) -> None:
    """Looking for headers in what ASGI servers and applications say.

    Args:
        module: the instrumentation.
    """
    known: Any = module
    if _does(_gets, known):
        known.ASGIGetter.get = quick_getter(known.ASGIGetter.get, known._decode_header_item)


def quick_getter(find: Function, decode: Callable[[bytes], str]) -> Function:
    """Names are compared as the bytes that they are, and only what is found is decoded.

    Names asked for that are not ASCII are theirs to find. Of those in a scope only two kinds would make a
    difference, and no server lets them in: undecodable ones, and Kelvin's sign for a "k".
    """
    wanted: dict[str, bytes] = {}

    def get(getter: Any, carrier: Any, key: str) -> Any:
        headers = carrier.get("headers")
        if not headers:
            return None
        name = wanted.get(key)
        if name is None:
            lower = key.lower()
            if not lower.isascii():
                return find(getter, carrier, key)
            name = lower.encode()
            if len(wanted) < _MAX_NAMES:
                wanted[key] = name
        return [decode(value) for given, value in headers if given.lower() == name] or None

    return get


_MAX_NAMES: Final = 256


def _gets(module: Any) -> bool:
    getter = module.ASGIGetter()
    headers = [(b"Host", b"shop"), (b"x", "ü".encode()), (b"X", b"\xfc"), (b"accept", b"*/*")]
    found = [getter.get({"headers": headers}, name) for name in ("host", "x", "accept-encoding")]
    return found == [["shop"], ["ü", "ü"], None] and getter.get({}, "host") is None
