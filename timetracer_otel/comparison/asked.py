"""Where two requests differ, in the words of their protocol: ``SQL parameter [1]``, ``Redis key``."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, Final

from timetracer_otel.comparison.parts import Difference, Equal, differences
from timetracer_otel.messages import (
    FunctionCall,
    GrpcRequest,
    HttpRequest,
    MailCommand,
    MongoCommand,
    RedisCommand,
    Request,
    SqlStatement,
)

_HEADERS: Final = "HTTP header "
_NAMES: Final = {"mongodb": "MongoDB", "grpc": "gRPC"}


def request_differences(recorded: Request, live: Request, equal: Equal) -> list[Difference]:
    """Where two requests differ, the smallest parts that do. Headers that were not recorded do not differ.

    Args:
        recorded: what was asked.
        live: what is asked now.
        equal: whether two values say the same.
    """
    found: list[Difference] = []
    if type(recorded) is type(live):
        left, right = _described(recorded), _described(live)
        if left.get(_HEADERS, {}) is None:
            del left[_HEADERS]
            right.pop(_HEADERS)
        for name in [*left, *(name for name in right if name not in left)]:
            found += differences(left.get(name), right.get(name), name, equal)
    return found or list(differences(recorded.canonical(), live.canonical(), "", equal))


@singledispatch
def _described(request: Any) -> dict[str, Any]:
    """The parts of a request by what people call them; a name that ends in a space goes on in its parts."""
    name = _NAMES.get(request.family, request.family)
    return {f"{name} {part}": value for part, value in request.canonical().items()}


@_described.register
def _(request: SqlStatement) -> dict[str, Any]:
    form = request.canonical()
    return {
        "SQL statement": form["statement"],
        "SQL parameter ": form["parameters"],
        "SQL executemany": form["executemany"],
    }


@_described.register
def _(request: RedisCommand) -> dict[str, Any]:
    form = request.canonical()
    if not request.pipeline:
        return _command("Redis", form["command"])
    parts: dict[str, Any] = {"Redis transaction": form["transaction"]}
    for number, command in enumerate(form["pipeline"]):
        parts.update(_command(f"Redis pipeline [{number}]", command))
    return parts


def _command(name: str, words: list[bytes]) -> dict[str, Any]:
    command, *arguments = map(_readable, words or [b""])
    parts: dict[str, Any] = {f"{name} command": str(command).upper()}
    for number, argument in enumerate(arguments):
        parts[f"{name} argument [{number}]" if number else f"{name} key"] = argument
    return parts


@_described.register
def _(request: HttpRequest) -> dict[str, Any]:
    form = request.canonical()
    query: dict[str, Any] = {}
    for name, value in form["query"]:
        known = query.get(name)
        query[name] = value if known is None else [*(known if isinstance(known, list) else [known]), value]
    given = form["headers"]
    headers = given and {name: values[0] if len(values) == 1 else values for name, values in given.items()}
    parts: dict[str, Any] = {
        "HTTP method": form["method"],
        "HTTP URL": form["url"],
        "HTTP query ": query,
        _HEADERS: headers,
    }
    body = form["body"]
    if isinstance(body, dict):
        name, content = next(iter(body.items()))
        parts["HTTP body $" if name == "json" else f"HTTP {name} "] = content
    else:
        parts["HTTP body"] = body
    return parts


@_described.register
def _(request: MongoCommand) -> dict[str, Any]:
    form = request.canonical()
    return {f"MongoDB {name}": value for name, value in form.items()}


@_described.register
def _(request: MailCommand) -> dict[str, Any]:
    form = request.canonical()
    parts: dict[str, Any] = {
        f"mail {name}": form[name] for name in ("command", "argument", "sender") if name in form
    }
    for name in ("recipient", "option"):
        parts[f"mail {name} "] = form.get(f"{name}s", [])
    parts["mail recipient option "] = form.get("recipient options", [])
    if request.carries:
        _mail_parts(form, "mail ", parts)
    return parts


def _mail_parts(form: dict[str, Any], name: str, parts: dict[str, Any]) -> None:
    headers, body = form["headers"], form["body"]
    parts[f"{name}header "] = headers and {
        key: values[0] if len(values) == 1 else values for key, values in headers.items()
    }
    if isinstance(body, list):
        for number, below in enumerate(body):
            _mail_parts(below, f"{name}part [{number}] ", parts)
    else:
        parts[f"{name}body"] = body


@_described.register
def _(request: GrpcRequest) -> dict[str, Any]:
    form = request.canonical()
    return {"gRPC method": form["method"], "gRPC metadata ": form["metadata"], "gRPC message ": form["body"]}


@_described.register
def _(request: FunctionCall) -> dict[str, Any]:
    return {
        "function": request.name,
        "function argument ": request.arguments,
        "function keyword ": request.keywords,
    }


def _readable(word: Any) -> Any:
    try:
        return word.decode() if isinstance(word, bytes) else word
    except UnicodeDecodeError:
        return word
