"""OTLP keeps the spans of one resource together, and below it those of one scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from timetracer_otel.span import Resource, Scope, Span

R = TypeVar("R")
S = TypeVar("S")


class ScopeGroup(Generic[S]):
    """The spans of one scope, and the scope as encoded."""

    __slots__ = ("encoded", "schema_url", "spans")

    def __init__(self, encoded: S, schema_url: str) -> None:
        self.encoded = encoded
        self.schema_url = schema_url
        self.spans: list[Span] = []


class ResourceGroup(Generic[R, S]):
    """The scopes of one resource, and the resource as encoded."""

    __slots__ = ("encoded", "schema_url", "scopes")

    def __init__(self, encoded: R, schema_url: str) -> None:
        self.encoded = encoded
        self.schema_url = schema_url
        self.scopes: dict[str, ScopeGroup[S]] = {}


def group(
    spans: Iterable[Span],
    encode_resource: Callable[[Resource], R],
    encode_scope: Callable[[Scope], S],
) -> list[ResourceGroup[R, S]]:
    """The spans by resource, then by scope, each in order of first appearance.

    Two are the same when they print the same, since Python's own ``==`` takes ``1``, ``1.0`` and ``True``
    for equal.
    """
    by_identity: dict[tuple[int, int], list[Span]] = {}
    groups: dict[str, ResourceGroup[R, S]] = {}
    printed: dict[int, str] = {}
    for span in spans:
        resource, scope = span.resource, span.scope
        identity = (id(resource), id(scope))
        members = by_identity.get(identity)
        if members is None:
            name = printed.get(id(resource)) or printed.setdefault(id(resource), repr(resource))
            found = groups.get(name)
            if found is None:
                found = groups[name] = ResourceGroup(encode_resource(resource), resource.schema_url)
            name = repr(scope)
            within = found.scopes.get(name)
            if within is None:
                within = found.scopes[name] = ScopeGroup(encode_scope(scope), scope.schema_url)
            members = by_identity[identity] = within.spans
        members.append(span)
    return list(groups.values())
