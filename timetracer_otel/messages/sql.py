"""SQL: one statement and its rows, as the DB-API driver (PEP 249) sees them."""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from timetracer_otel import attributes as names
from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.messages.base import Canonical
from timetracer_otel.span import Attributes

_SPACE = re.compile(r"\s+")
_READS = {"select", "show", "pragma", "explain", "values", "describe", "desc", "fetch", "set", "use", "begin"}
_READS |= {"start", "savepoint", "release", "rollback", "abort"}
_CONTROL = re.compile(
    r"(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b", re.I
)
_QUIET_STEPS = frozenset({"prepare", "declare", "move", "notification"})
# what is not closed goes on to the end: looking for its end again from every place after it takes for ever
_TOKEN = re.compile(
    r"""
      (?P<literal> [eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) | '(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z)
                 | `[^`]*(?:`|\Z) | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?:(?P=dollar)|\Z)
                 | --[^\n]*(?:\n|$) )
    | (?P<space> (?: \s | /\*\s*(?:[\w.%-]+='(?:[^'\\]|\\.)*'\s*(?:,\s*)?)+\*/ )+ )  # also sqlcommenter's
    | (?P<comment> /\*.*?(?:\*/|\Z) )
    | (?P<pyformat> %\((?P<key>[^)]{1,200})\)[sbt] )
    | (?P<named> (?<![:\w]) :(?P<name>[A-Za-z_]\w*) )
    """,
    re.X | re.S,
)
# names of transactions, savepoints and cursors: random numbers, ids of threads, counters of the process
_XID = re.compile(
    r"""_sa_[0-9a-f]{32} | __asyncpg_savepoint_[0-9a-f]+__
      | (?<=SAVEPOINT[ ]["`])s\d+_x\d+(?=["`]) | _django_curs_\d+_(?:sync|\d+)_\d+
      | (?:(?<=SAVEPOINT[ ])|(?<=ROLLBACK[ ]TO[ ])|(?<=RELEASE[ ]))tortoise_savepoint_\d+""",
    re.X,
)
# Django writes out a set, in an order that is another in each process
_JSON_WORDS = re.compile(r"(?<=[ ]IN[ ]\()(?:'(?:false|true|null)',?){3}(?=\))")
NAMESPACE = "db.namespace"
"""Semconv's name of the database."""
INCOMPLETE = "timetracer.db.incomplete"
EXTRA = "timetracer.db.extra"


class DriverValue(msgspec.Struct, frozen=True):
    """A value of a driver's own class (a range, a bit string), as plain data.

    Attributes:
        kind: which class, by a name that integrations know: ``psycopg.range``.
        data: what it is made of.
    """

    kind: str
    data: Any


def _read_driver_value(payload: Any) -> DriverValue:
    kind, data = payload
    return DriverValue(str(kind), data)


values.register("sql.value", DriverValue, lambda value: [value.kind, value.data], _read_driver_value)


class SqlStatement(msgspec.Struct):
    """One statement sent to a database.

    Attributes:
        text: the statement.
        parameters: what the driver gets: a mapping, a sequence, a list of either for
            ``executemany``, or ``None``.
        executemany: it is run once for each set of parameters.
        system: semconv's ``db.system.name``.
        namespace: the database's name. Not compared: a replay often names another.
        server: what the client had learned of the server when it connected, as
            :func:`~timetracer_otel.values.dumps` wrote it (once a process, it is the same text in
            every statement). A replay that never connects learns it from here.
        step: what is done with the statement, where it is not simply run: ``prepare``, ``declare``,
            ``fetch 50``, ``move 5``, ``first row``, ``notification 1``.
    """

    text: str
    parameters: Any = None
    executemany: bool = False
    system: str = ""
    namespace: str = ""
    server: str = ""
    step: str = ""

    family: ClassVar[str] = "db"

    def attributes(self) -> Attributes:
        """Payload attributes of the statement."""
        data: Attributes = {
            names.DB_QUERY_TEXT: self.text,
            names.DB_PARAMETERS: values.dumps(self.parameters),
        }
        if self.system:
            data[names.DB_SYSTEM_NAME] = self.system
        if self.namespace:
            data[NAMESPACE] = self.namespace
        if self.executemany:
            data[names.DB_EXECUTEMANY] = True
        if self.server:
            data[names.DB_SERVER] = self.server
        if self.step:
            data[names.DB_STEP] = self.step
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The statement that those attributes carry."""
        parameters = attributes.get(names.DB_PARAMETERS)
        return cls(
            text=str(attributes.get(names.DB_QUERY_TEXT, "")),
            parameters=values.loads(parameters) if isinstance(parameters, str) else None,
            executemany=attributes.get(names.DB_EXECUTEMANY) is True,
            system=str(attributes.get(names.DB_SYSTEM_NAME, "")),
            namespace=str(attributes.get(NAMESPACE, "")),
            server=str(attributes.get(names.DB_SERVER, "")),
            step=str(attributes.get(names.DB_STEP, "")),
        )

    def canonical(self) -> Canonical:
        """The statement and all parameters, what does not matter set aside.

        White space between words is folded, sqlcommenter's comments are dropped, named binds are
        numbered by where they first appear: their names and the order of the mapping do not matter.
        Names of savepoints and cursors that are others in each run are one name.
        """
        sets = self.parameters if self.executemany else [self.parameters]
        if not isinstance(sets, list | tuple):
            sets = [sets]
        named = bool(sets) and all(isinstance(one, Mapping) and one for one in sets)
        text, order = _folded(self.text, named)
        if named and not all(name in one for name in order for one in sets):
            text, order = _folded(self.text, False)  # what looked like a bind is part of the text
        parameters = [_ordered(one, order) for one in sets]
        form = {
            "statement": text,
            "parameters": parameters if self.executemany else parameters[0],
            "executemany": self.executemany,
        }
        return form | {"step": self.step} if self.step else form

    def key(self) -> Hashable:
        """:meth:`canonical`, the parameters written out."""
        form = self.canonical()
        return form["statement"], form["executemany"], self.step, values.canonical(form["parameters"])

    def title(self) -> str:
        """The statement on one line, and the step where it is one."""
        text = _SPACE.sub(" ", self.text).strip()
        return f"{text} ({self.step})" if self.step else text

    @property
    def writes(self) -> bool:
        """True for anything that is not plainly a read."""
        if self.step.split(" ", 1)[0] in _QUIET_STEPS:
            return False
        first = _folded(self.text, False)[0].lstrip("( ").split(None, 1)
        word = first[0].lower().rstrip(";") if first else ""
        if word == "with":
            return re.search(r"\b(insert|update|delete|merge)\b", self.text, re.I) is not None
        return bool(word) and word not in _READS

    @property
    def controls_transaction(self) -> bool:
        """True for ``BEGIN``, ``COMMIT``, ``SAVEPOINT`` and the like, which are not about data."""
        return not self.step and _CONTROL.match(_folded(self.text, False)[0]) is not None

    def span_attributes(self) -> Attributes:
        """``db.system.name``, ``db.namespace``, ``db.operation.name`` and ``db.query.text``."""
        first = _folded(self.text, False)[0].split(None, 1)
        data: Attributes = {names.DB_SYSTEM_NAME: self.system or "other_sql", names.DB_QUERY_TEXT: self.text}
        if first:
            data["db.operation.name"] = first[0].upper()
        if self.namespace:
            data[NAMESPACE] = self.namespace
        return data


class SqlResult(msgspec.Struct):
    """What the driver's cursor holds after a statement.

    Attributes:
        columns: the cursor's ``description`` (sequences of up to 7), ``None`` for a statement
            without rows.
        rows: the rows the app fetched, in order, as sequences.
        rowcount: the driver's, right after the statement.
        lastrowid: the driver's, where it has one.
        complete: false when the app stopped fetching before the end.
        extra: what some drivers have beyond PEP 249 (``statusmessage``), a row count that changed
            while fetching (``rowcount_after``), the failure that ended the rows (``error``).
    """

    columns: list[Any] | None = None
    rows: list[Any] = msgspec.field(default_factory=list)
    rowcount: int = -1
    lastrowid: Any = None
    complete: bool = True
    extra: dict[str, Any] = msgspec.field(default_factory=dict)

    family: ClassVar[str] = "db"

    def attributes(self) -> Attributes:
        """Payload attributes of the result."""
        data: Attributes = {names.DB_ROWCOUNT: self.rowcount}
        if self.columns is not None:
            data[names.DB_COLUMNS] = values.dumps(self.columns)
            data[names.DB_ROWS] = values.dumps(self.rows)
            data[names.DB_RETURNED_ROWS] = len(self.rows)
        if self.lastrowid is not None:
            data[names.DB_LASTROWID] = values.dumps(self.lastrowid)
        if not self.complete:
            data[INCOMPLETE] = True
        if self.extra:
            data[EXTRA] = values.dumps(self.extra)
        return data

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """The result that those attributes carry."""

        def load(name: str) -> Any:
            text = attributes.get(name)
            return values.loads(text) if isinstance(text, str) else None

        rowcount = attributes.get(names.DB_ROWCOUNT, -1)
        columns, rows, extra = load(names.DB_COLUMNS), load(names.DB_ROWS), load(EXTRA)
        _check_shape(columns, [] if rows is None else rows)
        if extra is not None and not isinstance(extra, dict):
            raise CodecError(f"{EXTRA} is a {type(extra).__name__}, not a dict")
        return cls(
            columns=columns,
            rows=rows or [],
            rowcount=rowcount if isinstance(rowcount, int) else -1,
            lastrowid=load(names.DB_LASTROWID),
            complete=attributes.get(INCOMPLETE) is not True,
            extra=extra or {},
        )


def bind_names(statement: SqlStatement) -> list[str]:
    """The names of a statement's named binds, in the order of :meth:`SqlStatement.canonical`."""
    given = statement.parameters
    if statement.executemany and isinstance(given, list | tuple) and given:
        given = given[0]
    if not isinstance(given, Mapping):
        return []
    order = [name for name in _folded(statement.text, True)[1] if name in given]
    return [*order, *sorted((key for key in given if key not in order), key=str)]


def _check_shape(columns: Any, rows: Any) -> None:
    """Refuse columns and rows that no cursor has."""
    if columns is not None and not (
        isinstance(columns, list) and all(isinstance(one, list | tuple) and one for one in columns)
    ):
        raise CodecError(f"{names.DB_COLUMNS} is no list of columns")
    if not isinstance(rows, list) or not all(isinstance(row, list | tuple) for row in rows):
        raise CodecError(f"{names.DB_ROWS} is no list of rows")
    width = len(columns or ())
    for number, row in enumerate(rows):
        if len(row) != width:
            raise CodecError(f"row {number} of {names.DB_ROWS} has {len(row)} values for {width} columns")


@functools.lru_cache(maxsize=1024)
def _folded(text: str, named: bool) -> tuple[str, tuple[str, ...]]:
    """The text in its canonical form and, when ``named``, the bind names by first appearance."""
    order: dict[str, int] = {}

    def bind(name: str) -> str:
        return f"${order.setdefault(name, len(order) + 1)}"

    def token(match: re.Match[str]) -> str:
        if match["space"]:
            return " "
        if named and match["pyformat"]:
            return bind(match["key"])
        if named and match["named"]:
            return bind(match["name"])
        return match[0]

    folded = _XID.sub("_sa_xid", _TOKEN.sub(token, text)).strip()
    return _JSON_WORDS.sub("'false','null','true'", folded), tuple(order)


def _ordered(parameters: Any, order: Sequence[str]) -> Any:
    """One set of parameters as a list; of a mapping, those in the text first, in its order."""
    if parameters is None:
        return []
    if isinstance(parameters, Mapping):
        rest = sorted((key for key in parameters if key not in order), key=str)
        return [parameters[key] for key in order] + [[key, parameters[key]] for key in rest]
    return list(parameters) if isinstance(parameters, list | tuple) else parameters
