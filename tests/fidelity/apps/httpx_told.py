"""What an application can see of an httpx response."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import httpx

from tests.fidelity.apps.seen import seen


def url(path: str) -> str:
    """The address of a page of the upstream."""
    return os.environ["UPSTREAM_URL"] + path


def header(name: str, value: str) -> list[str]:
    """A header; a cookie without its value, which no cassette keeps (see ``test_masking.py``)."""
    if name.lower() == "set-cookie":
        pair, _, attributes = value.partition(";")
        return [name, pair.partition("=")[0], attributes]
    return [name, value]


def told(response: httpx.Response) -> dict[str, Any]:
    """Everything public about a response that was read, its history included."""
    return {
        "status": response.status_code,
        "reason": response.reason_phrase,
        "version": response.http_version,
        "url": seen(response.url),
        "headers": [header(name.decode(), value.decode()) for name, value in response.headers.raw],
        "body": seen(response.content),
        "text": response.text,
        "encoding": response.encoding,
        "charset": response.charset_encoding,
        "cookies": list(response.cookies),
        "links": seen(response.links),
        "downloaded": response.num_bytes_downloaded,
        "flags": [
            response.is_success,
            response.is_error,
            response.is_redirect,
            response.has_redirect_location,
        ],
        "closed": [response.is_closed, response.is_stream_consumed],
        "next": seen(response.next_request and response.next_request.url),
        "elapsed": type(response.elapsed) is timedelta and response.elapsed > timedelta(0),
        "request": f"{response.request.method} {response.request.url}",
        "history": [told(earlier) for earlier in response.history],
    }
