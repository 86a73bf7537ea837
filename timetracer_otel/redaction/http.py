"""Secrets in HTTP messages: headers, URLs and bodies."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import msgspec

from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.redaction import codings
from timetracer_otel.redaction.bodies import BodyRules
from timetracer_otel.redaction.headers import HeaderRules, Headers
from timetracer_otel.redaction.mask import Edit, apply, moved, note

H = TypeVar("H", bound=HttpRequest | HttpResponse)


class HttpRules:
    """Masks what is secret in HTTP messages.

    Args:
        headers: the rules of headers, which say what names are secret.
    """

    def __init__(self, headers: HeaderRules) -> None:
        self._headers = headers
        self._bodies = BodyRules(headers)

    def request(self, message: HttpRequest, masked: list[str]) -> HttpRequest:
        """The request without secrets; the same object when it has none."""
        url = self._noted_url(message.url, "request URL", masked)
        headers, content_type, coding = self._headers.headers(message.headers, "request header", masked)
        body, _ = self._body(message.body, content_type, coding, "request body", masked)
        if url == message.url and headers is message.headers and body is message.body:
            return message
        return msgspec.structs.replace(with_body(message, headers, body, []), url=url)

    def response(self, message: HttpResponse, masked: list[str]) -> HttpResponse:
        """The response without secrets; the same object when it has none."""
        headers, content_type, coding = self._headers.headers(message.headers, "response header", masked)
        body, edits = self._body(message.body, content_type, coding, "response body", masked)
        if headers is message.headers and body is message.body:
            return message
        return with_body(message, headers, body, edits)

    def _noted_url(self, url: str, where: str, masked: list[str]) -> str:
        clean, found = self._headers.mask_url(url)
        for name in found:
            note(f"{where} {name}", masked)
        return clean

    def _body(
        self, body: bytes | None, content_type: str, coding: str, where: str, masked: list[str]
    ) -> tuple[bytes | None, list[Edit]]:
        """The body to keep, and the edits where they were made in it as it stands."""
        if not body:
            return body, []
        try:
            plain = body if coding in ("identity", "") else codings.decode(body, coding)
            edits = self._bodies.edits(plain, content_type)
            if not edits:
                return body, []
            clean = apply(plain, edits)
            for edit in edits:
                note(f"{where} {edit.name}", masked)
            if plain is body:
                return clean, edits
            return codings.encode(clean, coding), []
        except codings.UndecodableError as error:
            note(f"{where} (not kept, it cannot be searched: {error})", masked)
            return None, []


def with_body(message: H, headers: Headers, body: bytes | None, edits: list[Edit]) -> H:
    """The message with other headers and another body, and all that goes by the body's length.

    Args:
        message: a request or a response; it is not changed.
        headers: its headers, masked.
        body: its body, masked; ``None`` when it is not kept.
        edits: what was changed in it; nothing when it was encoded anew.
    """
    headers = fix_length(headers, message.body, body)
    if isinstance(message, HttpRequest):
        return msgspec.structs.replace(message, headers=headers, body=body)
    chunks = message.chunks
    if chunks is not None and body is not message.body:
        sizes = [size for size, _ in chunks]
        if body is None or message.body is None:
            chunks = None
        else:
            sizes = moved(sizes, edits) if edits else scaled(sizes, len(body))
            chunks = [[size, at] for size, (_, at) in zip(sizes, chunks, strict=True)]
    return msgspec.structs.replace(message, headers=headers, body=body, chunks=chunks)


def fix_length(headers: Headers, before: bytes | None, after: bytes | None) -> Headers:
    """``Content-Length`` as it must be for the masked body, where it was right for the true one."""
    if before is None or after is None or len(before) == len(after):
        return headers
    was = str(len(before))
    return [
        (name, str(len(after)) if name.lower() == "content-length" and value.strip() == was else value)
        for name, value in headers
    ]


def scaled(sizes: list[int], total: int) -> list[int]:
    """Sizes in the same proportions, for a body that was encoded anew."""
    before = sum(sizes)
    if not before:
        return sizes
    borders = [0]
    seen = 0
    for size in sizes:
        seen += size
        borders.append(seen * total // before)
    return [end - start for start, end in pairwise(borders)]
