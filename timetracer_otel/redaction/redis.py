"""Secrets in what Redis is asked and answers: passwords, fields of hashes and streams, documents."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from timetracer_otel.messages import RedisCommand, RedisReply
from timetracer_otel.redaction.data import DataRules, may_hold_names, rebuilt, text_of
from timetracer_otel.redaction.json_text import json_edits
from timetracer_otel.redaction.mask import apply, note

_FIELD_WRITES: Final = frozenset({"HSET", "HMSET", "HSETNX", "HSETEX", "XADD", "SENTINEL SET"})
"""Commands that end in names and values by turns."""
_WITH_SECRETS: Final = _FIELD_WRITES | {"AUTH", "HELLO", "MIGRATE", "CONFIG", "CONFIG SET"}
_FIELD_READS: Final = frozenset({"HGET", "HMGET", "HGETDEL", "HGETEX"})
_AT_PATHS: Final[dict[str, tuple[int, int, int]]] = {
    "JSON.SET": (2, 3, 0),
    "JSON.MERGE": (2, 3, 0),
    "JSON.MSET": (2, 3, 3),
    "JSON.ARRAPPEND": (2, 3, 1),
    "JSON.ARRINSERT": (2, 4, 1),
    "JSON.ARRINDEX": (2, 3, 0),
    "JSON.STRAPPEND": (2, 3, 0),
}
"""Where a path into a document stands, where the first value does, and how far it is to the next one, which
has a path of its own after three. The values are JSON.
"""
_PATH_READS: Final = frozenset({"JSON.GET", "JSON.MGET", "JSON.ARRPOP"})
_PATH_NAME: Final = re.compile(r"""[\w-]{1,100}|'[^']{1,100}'|"[^"]{1,100}\"""")
_MAX_PATH: Final = 1000
_OPTIONS: Final = {"INDENT": 2, "NEWLINE": 2, "SPACE": 2, "NOESCAPE": 1}
"""Of what reads a document, and how many words each takes."""
_BEFORE: Final = '{"%s":'
_SCALAR: Final = re.compile(rb"-?[0-9][0-9.eE+-]*|true|false|null")
_PLAIN: Final = re.compile(r"[\w .-]+")


class RedisRules:
    """Masks what is secret in commands and replies.

    Args:
        data: the rules of values.
    """

    def __init__(self, data: DataRules) -> None:
        self._data = data

    def command(self, message: RedisCommand, masked: list[str]) -> RedisCommand:
        """The command without secrets; the same object when it has none."""
        given = message.arguments
        if message.pipeline:
            clean = rebuilt(
                given, lambda _, one: self._arguments(one, masked) if isinstance(one, list | tuple) else one
            )
        else:
            clean = self._arguments(given, masked)
        return message if clean is given else msgspec.structs.replace(message, arguments=clean)

    def reply(
        self, message: RedisReply, masked: list[str], command: RedisCommand | None = None
    ) -> RedisReply:
        """The reply without secrets; the same object when it has none.

        Args:
            message: the reply.
            masked: takes the places that were masked.
            command: what it answers; it names the fields that an ``HGET`` asked for.
        """
        given = message.value
        commands: list[Any] = [] if command is None else command.arguments
        if command is not None and command.pipeline and isinstance(given, list | tuple):
            clean = rebuilt(
                given, lambda at, one: self._replied(one, commands[at] if at < len(commands) else [], masked)
            )
        else:
            clean = self._replied(given, commands, masked)
        return message if clean is given else msgspec.structs.replace(message, value=clean)

    def _replied(self, value: Any, command: Any, masked: list[str]) -> Any:
        verb = text_of(command[0]).upper() if command else ""
        if verb in _PATH_READS:
            return self._document(verb, value, command, masked)
        if (
            verb == "HRANDFIELD"
            and isinstance(value, list)
            and not any(isinstance(one, list | tuple) for one in value)
        ):
            names = ["", *map(text_of, value)] if len(command) > 3 else [""] * len(value)
            return rebuilt(value, lambda at, one: self._field(names[at] if at % 2 else "", one, masked))
        if verb not in _FIELD_READS:
            return self._data.tree(value, masked)
        fields = [text_of(part) for part in command[2:]]
        if not isinstance(value, list | tuple):
            return self._field(fields[0] if fields else "", value, masked)
        if len(fields) != len(value):
            return self._data.tree(value, masked)
        return rebuilt(value, lambda at, one: self._field(fields[at], one, masked))

    def _field(self, name: str, value: Any, masked: list[str]) -> Any:
        if self._data.names.hide(name, value):
            return self._data.secret(value, f"Redis field {name}", masked)
        return self._data.tree(value, masked)

    def _arguments(self, command: list[Any] | tuple[Any, ...], masked: list[str]) -> Any:
        if not command:
            return command
        verb = text_of(command[0]).upper()
        secret: dict[int, str] = {}
        if verb in _AT_PATHS:
            return self._documents(verb, command, masked)
        if verb in _WITH_SECRETS or verb.startswith("ACL"):
            secret = self._secret_arguments(verb, command)
        elif not any(map(may_hold_names, command[1:])):
            return command  # most commands

        def one(at: int, value: Any) -> Any:
            if at in secret:
                return self._data.secret(value, f"Redis {verb} {secret[at]}".rstrip(), masked)
            return self._data.tree(value, masked) if at else value

        return rebuilt(command, one)

    def _documents(self, verb: str, command: list[Any] | tuple[Any, ...], masked: list[str]) -> Any:
        """The values that a command puts at its paths."""
        path, first, step = _AT_PATHS[verb]
        paths: dict[int, str] = {}
        for at in range(first, len(command), step or len(command)):
            paths[at] = text_of(command[at - 1 if step == 3 else path])

        def one(at: int, value: Any) -> Any:
            if at in paths:
                return self._at_path(verb, paths[at], value, masked)
            return self._data.tree(value, masked) if at else value

        return rebuilt(command, one)

    def _document(self, verb: str, value: Any, command: Any, masked: list[str]) -> Any:
        """What is read at a path; where there are several, the reply names them."""
        paths = _paths(verb, [text_of(part) for part in command[2:]])
        if len(paths) != 1:
            return self._data.tree(value, masked)
        if verb == "JSON.MGET" and isinstance(value, list):
            return rebuilt(value, lambda _, one: self._at_path(verb, paths[0], one, masked))
        return self._at_path(verb, paths[0], value, masked)

    def _at_path(self, verb: str, path: str, value: Any, masked: list[str]) -> Any:
        """A value, which may be written as JSON, at a path of a document."""
        names = [found.strip("'\"") for found in _PATH_NAME.findall(path[:_MAX_PATH])]
        name = next((one for one in names if one in self._data.names), names[-1] if names else "")
        if not self._data.names.may_hide(name) or not _PLAIN.fullmatch(name):
            return self._data.tree(value, masked)
        if isinstance(value, str | bytes):
            data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            before = (_BEFORE % name).encode()
            if edits := json_edits(before + data + b"}", self._data.names):
                note(f"Redis {verb} {name}", masked)
                data = apply(before + data + b"}", edits)[len(before) : -1]
                return data.decode("utf-8", "surrogatepass") if isinstance(value, str) else data
            if data[:1] in (b'"', b"[", b"{") or _SCALAR.fullmatch(data):
                return value
        if self._data.names.hide(name, value):
            return self._data.secret(value, f"Redis {verb} {name}", masked)
        return self._data.tree(value, masked)

    def _secret_arguments(self, verb: str, command: list[Any] | tuple[Any, ...]) -> dict[int, str]:
        """Which arguments are secret, and the name to report them by."""
        if verb == "AUTH":
            return {len(command) - 1: ""} if len(command) > 1 else {}
        if verb in _FIELD_WRITES:
            return {
                at + 1: name
                for at in range(len(command) - 2, 1, -2)
                if self._data.names.hide(name := text_of(command[at]), command[at + 1])
            }
        texts = [text_of(part).upper() for part in command]
        secret: dict[int, str] = {}
        if verb in ("HELLO", "MIGRATE"):
            for word, at in (("AUTH", 2 if verb == "HELLO" else 1), ("AUTH2", 2)):
                if word in texts[1:]:
                    secret[texts.index(word, 1) + at] = ""
        elif verb == "CONFIG SET" or texts[:2] == ["CONFIG", "SET"]:
            for at in range(1, len(command) - 1):
                if texts[at] in ("REQUIREPASS", "MASTERAUTH", "TLS-KEY-FILE-PASS"):
                    secret[at + 1] = texts[at].lower()
        elif verb.startswith("ACL"):
            for at, part in enumerate(command):
                if text_of(part)[:1] in (">", "<", "#", "!") and "SETUSER" in (verb.split()[-1], *texts[1:2]):
                    secret[at] = "password"
        return secret


def _paths(verb: str, words: list[str]) -> list[str]:
    """The paths that are read, in what follows the key."""
    if verb == "JSON.MGET":
        return words[-1:]
    if verb == "JSON.ARRPOP":
        return words[:1]
    found: list[str] = []
    at = 0
    while at < len(words):
        taken = _OPTIONS.get(words[at].upper(), 0)
        if not taken:
            found.append(words[at])
        at += taken or 1
    return found
