"""Rules for what differs between runs and cannot be recognised by itself: written by people, in TOML.

::

    [[tool.timetracer.volatile]]
    call = "http POST */orders"
    json = "$.items[*].sent_in"

In pyproject.toml they are ``[[tool.timetracer.volatile]]``, in ``timetracer.toml`` beside the cassettes
``[[volatile]]``.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from timetracer_otel.errors import ConfigurationError

FILE: Final = "timetracer.toml"
"""Beside the cassettes; no cassette itself."""
PLACES: Final = ("json", "header", "query", "form", "parameter", "argument", "regex")
_STEP: Final = re.compile(
    r"""\.(?P<name>[^.\[\]'"*\s]+) | \[(?P<index>\d+)\] | \[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]
      | (?P<any>\.\*|\[\*\])""",
    re.X,
)

Step = str | int | None
"""Of a JSON path: a key, a place in a list, or ``None`` for all of either."""


class VolatileRule(msgspec.Struct, frozen=True, kw_only=True):
    """One place where any value will do.

    Attributes:
        call: which dependency calls: a family and a glob on the call, ``http POST */orders``; all by
            default, but for a rule about responses.
        response: which responses of the service, by a glob on their request: ``GET /orders/*``; all by
            default, but for a rule about calls.
        json: a path into a body of JSON, or into a MongoDB command or a function's arguments.
        header: a header or a key of metadata.
        query: a parameter of a query.
        form: a field of a form.
        parameter: of a statement, by its name or by its place from 1.
        argument: of a Redis command, by its place from 1.
        regex: what it matches in any text.
    """

    call: str = ""
    response: str = ""
    json: str = ""
    header: str = ""
    query: str = ""
    form: str = ""
    parameter: str | int = ""
    argument: int = 0
    regex: str = ""

    @property
    def family(self) -> str:
        """Of the calls it is about; empty for any."""
        family = self.call.partition(" ")[0]
        return "" if family == "*" else family

    def about_call(self, family: str, title: str) -> bool:
        """True for the dependency calls it is about.

        Args:
            family: of the call's message.
            title: what the call is called.
        """
        if self.response and not self.call:
            return False
        pattern = self.call.partition(" ")[2] or "*"
        return (self.family in ("", family)) and matches(pattern, title)

    def about_response(self, title: str) -> bool:
        """True for the responses it is about.

        Args:
            title: method and path of the request.
        """
        return not (self.call and not self.response) and matches(self.response or "*", title)

    def steps(self) -> list[Step]:
        """The steps of :attr:`json`."""
        return _steps(self.json) or []

    def toml(self, table: str) -> str:
        """The rule as a table of TOML.

        Args:
            table: its name: ``tool.timetracer.volatile``.
        """
        lines = [f"[[{table}]]"]
        for name in ("call", "response", *PLACES):
            value = getattr(self, name)
            if value:
                lines.append(f"{name} = {value if isinstance(value, int) else _quoted(value)}")
        return "\n".join(lines)


def matches(pattern: str, title: str) -> bool:
    """True when a glob is that title, or how it begins; case and query strings do not matter."""
    pattern, title = pattern.lower(), title.lower()
    names = {title, title.partition("?")[0]}
    return any(fnmatch.fnmatchcase(name, form) for name in names for form in (pattern, f"{pattern} *"))


def parse_rules(tables: Any, source: str) -> tuple[VolatileRule, ...]:
    """Rules from what TOML holds.

    Args:
        tables: a list of tables.
        source: where they are, for errors.

    Raises:
        ConfigurationError: one is malformed; the text says which, and why.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(
            f"{source} must be tables of rules: [[...volatile]], each with its keys below"
        )
    return tuple(_rule(table, f"{source} (rule {number})") for number, table in enumerate(tables, 1))


def rules_beside(*places: Path) -> tuple[VolatileRule, ...]:
    """The rules in ``timetracer.toml`` of the folders that hold those cassettes.

    Args:
        places: folders, or files in them.

    Raises:
        ConfigurationError: such a file is malformed.
    """
    found: dict[Path, tuple[VolatileRule, ...]] = {}
    for place in places:
        # a place that cannot be looked at is no concern of rules: whoever reads it says what is wrong
        folders = [place] if os.path.isdir(place) else list(place.parents)[:2]
        for folder in folders:
            path = folder / FILE
            if path not in found and os.path.isfile(path):
                found[path] = _read(path)
    return tuple(rule for rules in found.values() for rule in rules)


def write_rules(path: Path, rules: Iterable[VolatileRule]) -> None:
    """Write a file of rules; it replaces what is there.

    Raises:
        OSError: it cannot be written.
    """
    head = "# What may differ between runs of this service; see docs/volatile-values.md.\n\n"
    path.write_text(head + "\n\n".join(rule.toml("volatile") for rule in rules) + "\n")


def _read(path: Path) -> tuple[VolatileRule, ...]:
    import tomllib  # most stores have no such file

    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be read as TOML: {error}") from None
    unknown = sorted(set(document) - {"volatile"})
    if unknown:
        raise ConfigurationError(f"{path}: {unknown[0]!r} is not known there; rules are [[volatile]] tables")
    return parse_rules(document.get("volatile", []), str(path))


def _rule(table: Mapping[str, Any], source: str) -> VolatileRule:
    fields = VolatileRule.__struct_fields__
    for name in table:
        if name not in fields:
            raise ConfigurationError(
                f"{source}: {str(name)[:40]!r} is no key of a rule; those are {', '.join(fields)}"
            )
    given = [name for name in PLACES if name in table]
    if len(given) != 1:
        said = " and ".join(given) or "none"
        raise ConfigurationError(f"{source}: a rule has one of {', '.join(PLACES)}; this one has {said}")
    for problem in _problems(table):
        raise ConfigurationError(f"{source}: {problem}")
    return VolatileRule(**table)


def _problems(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if name == "argument" or (name == "parameter" and not isinstance(value, str)):
            if type(value) is not int or value < 1:
                yield f"{name} is {value!r}; allowed is a place, from 1" + " or a name" * (
                    name == "parameter"
                )
        elif not isinstance(value, str) or not value.strip():
            yield f"{name} is {value!r}; allowed is text"
    if "json" in table and isinstance(table["json"], str) and _steps(table["json"]) is None:
        yield f"json is {table['json']!r}; allowed is a path such as $.items[0].id, $.items[*].id or $['a b']"
    if "regex" in table and isinstance(table["regex"], str):
        try:
            empty = re.compile(table["regex"]).match("") is not None
        except re.error as error:
            yield f"regex is {table['regex']!r}, which is no regular expression: {error}"
        else:
            if empty:
                yield f"regex is {table['regex']!r}, which matches where there is nothing"
    families = ("http", "db", "redis", "mongodb", "grpc", "smtp", "function", "*")
    if isinstance(table.get("call"), str) and table["call"].partition(" ")[0] not in families:
        yield (
            f"call is {table['call']!r}; allowed is a family ({', '.join(families)}) and a glob:"
            " http POST */orders"
        )


def _steps(path: str) -> list[Step] | None:
    if not path.startswith("$"):
        return None
    found: list[Step] = []
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return None
        if step["any"]:
            found.append(None)
        elif step["index"]:
            found.append(int(step["index"]))
        else:
            found.append(step["name"] or step["key"])
        at = step.end()
    return found


def _quoted(text: str) -> str:
    if "'" not in text and text.isprintable():
        return f"'{text}'" if '"' in text or "\\" in text else f'"{text}"'
    return msgspec.json.encode(text).decode()
