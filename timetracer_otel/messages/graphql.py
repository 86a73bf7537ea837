"""GraphQL over HTTP: which operations a request asks for, whatever its text looks like.

Sources: the GraphQL specification (October 2021), section 2.1 (source text, ignored tokens), and the GraphQL
over HTTP draft (parameters of a request, answers with ``errors``). Batches are lists of requests, and
persisted queries are named by ``extensions.persistedQuery.sha256Hash``, as Apollo has them.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

_PARAMETERS: Final = frozenset({"query", "variables", "operationName", "extensions"})
_ANSWER: Final = frozenset({"data", "errors", "extensions"})
_KINDS: Final = ("query", "mutation", "subscription")
_MAX_BODY: Final = 256 * 1024
"""Larger bodies are compared as the JSON they are."""
_TOKEN: Final = re.compile(
    r"(?P<ignored>[\s,\ufeff]+|\#[^\n\r]*)"
    r'|"""(?:\\"""|"(?!"")|[^"])*+"""|"(?!"")(?:\\.|[^"\\\n\r])*+"|""'
    r"|\.\.\.|[!$&()\[\]{}:=@|]|[_A-Za-z][_0-9A-Za-z]*+|-?[0-9][0-9.eE+-]*+"
)


class Operation(msgspec.Struct, frozen=True):
    """One operation that a request asks for.

    Attributes:
        kind: ``query``, ``mutation`` or ``subscription``; empty for a persisted one, which is not known.
        name: its name, or the fields it asks for where it has none.
        document: its tokens and those of the fragments, or the hash of a persisted one.
        variables: as sent.
    """

    kind: str
    name: str
    document: tuple[str, ...]
    variables: Any

    def title(self) -> str:
        """``mutation Pay``."""
        return f"{self.kind} {self.name}".strip()

    def plain(self) -> dict[str, Any]:
        """What must be equal for two requests to ask for the same."""
        return {"operation": self.title(), "document": list(self.document), "variables": self.variables}


def in_body(body: bytes | None) -> tuple[Operation, ...]:
    """The operations of a ``POST`` body; none when it is not GraphQL."""
    if not body or len(body) > _MAX_BODY or not (b'"query"' in body or b'"persistedQuery"' in body):
        return ()
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    requests = given if isinstance(given, list) else [given]
    found = [_operation(one) for one in requests]
    return tuple(one for one in found if one is not None) if all(found) else ()


def in_query(query: str) -> tuple[Operation, ...]:
    """The operation of a ``GET`` request's query string; none when it is not GraphQL."""
    if not ("query=" in query or "persistedQuery" in query) or len(query) > _MAX_BODY:
        return ()
    given: dict[str, Any] = {name: texts[0] for name, texts in parse_qs(query).items()}
    for name in ("variables", "extensions"):
        if name in given:
            try:
                given[name] = json.loads(given[name])
            except (ValueError, RecursionError):
                return ()
    found = _operation(given)
    return () if found is None else (found,)


def errors(body: bytes | None) -> tuple[str, ...]:
    """The messages of the errors in an answer, which comes with status 200; none when it is not GraphQL."""
    if not body or len(body) > _MAX_BODY or b'"errors"' not in body:
        return ()
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    answers = given if isinstance(given, list) else [given]
    return tuple(
        str(error["message"])
        for answer in answers
        if isinstance(answer, dict) and answer.keys() <= _ANSWER and isinstance(answer.get("errors"), list)
        for error in answer["errors"]
        if isinstance(error, dict) and "message" in error
    )


def _operation(given: Any) -> Operation | None:
    if not isinstance(given, dict) or not given.keys() <= _PARAMETERS:
        return None
    name, variables = given.get("operationName") or "", given.get("variables") or {}
    if not isinstance(name, str):
        return None
    text = given.get("query")
    if text is None:
        hashed = _hash(given.get("extensions"))
        return None if hashed is None else Operation("", name or hashed[:12], (hashed,), variables)
    return _named(text, name, variables) if isinstance(text, str) else None


def _hash(extensions: Any) -> str | None:
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    hashed = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return hashed if isinstance(hashed, str) and hashed else None


def _named(text: str, name: str, variables: Any) -> Operation | None:
    """The operation of that name in a document, with all its fragments."""
    definitions = _definitions(text)
    if definitions is None:
        return None
    fragments = sorted(one for one in definitions if one[0] == "fragment")
    operations = [one for one in definitions if one[0] != "fragment"]
    chosen = [one for one in operations if not name or _name(one) == name]
    if len(chosen) != 1:
        return None  # the server will refuse it; it is compared as it is
    (tokens,) = chosen
    kind = tokens[0] if tokens[0] in _KINDS else "query"
    document = [*tokens, *(token for fragment in fragments for token in fragment)]
    return Operation(kind, _name(tokens) or _fields(tokens), tuple(document), variables)


def _definitions(text: str) -> list[tuple[str, ...]] | None:
    """The tokens of each definition; ``None`` when that is no executable document."""
    tokens = _tokens(text)
    if not tokens:
        return None
    found: list[tuple[str, ...]] = []
    start = depth = 0
    for at, word in enumerate(tokens):
        if word in "{([":
            depth += 1
        elif word in "})]":
            depth -= 1
            if depth == 0 and word == "}":
                found.append(tuple(tokens[start : at + 1]))
                start = at + 1
        if depth < 0:
            return None
    if start != len(tokens) or any(one[0] not in ("{", "fragment", *_KINDS) for one in found):
        return None
    return found


def _tokens(text: str) -> list[str] | None:
    tokens: list[str] = []
    position = 0
    while position < len(text):
        word = _TOKEN.match(text, position)
        if word is None:
            return None
        position = word.end()
        if word["ignored"] is None:
            tokens.append(word[0])
    return tokens


def _name(tokens: tuple[str, ...]) -> str:
    return tokens[1] if tokens[0] in _KINDS and (tokens[1][0].isalpha() or tokens[1][0] == "_") else ""


def _fields(tokens: tuple[str, ...]) -> str:
    """``{user, orders}``: what an operation without a name asks for first of all."""
    names: list[str] = []
    depth = 0
    for word, following in zip(tokens, (*tokens[1:], ""), strict=True):
        if word in "{([":
            depth += 1
        elif word in "})]":
            depth -= 1
        elif depth == 1 and following != ":" and (word[0].isalpha() or word[0] == "_"):
            names.append(word)
    return f"{{{', '.join(names[:5])}{', …' if len(names) > 5 else ''}}}"
