"""What a dialect learns of its server on connecting: noted while recording, known in replay.

SQLAlchemy asks a server for its version, its default schema and more when an engine first connects,
and compiles statements accordingly. Those questions are nobody's dependency calls: which request asks them is
chance. So each recorded statement carries the answers, as the attributes of the dialect that
connecting changed, and a replay sets them instead of asking.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from timetracer_otel import ports, values
from timetracer_otel.errors import CodecError
from timetracer_otel.integrations.dbapi.setting_up import SET_UP, Asked, written
from timetracer_otel.messages import Request
from timetracer_otel.messages.sql import SqlStatement

_ESSENTIAL = (
    "server_version_info",
    "default_schema_name",
    "default_isolation_level",
    "max_identifier_length",
)
_UNKNOWN: dict[str, dict[str, Any]] = {
    "postgresql": {"server_version_info": (16, 0), "default_schema_name": "public"},
    "mysql": {"server_version_info": (8, 4, 0), "default_schema_name": None},
    "mariadb": {"server_version_info": (11, 4, 0), "default_schema_name": None},
}
"""For a cassette that says nothing of the server: enough to compile a statement and miss it."""

_PLAIN = (str, int, float, bool, type(None))
_MISSING = object()
_APPLIED = "_timetracer_facts"
KIND = "connections"
"""Which kind of its driver's connections it has, where there are several."""

_answers: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
_written: weakref.WeakKeyDictionary[Any, tuple[Any, str, str]] = weakref.WeakKeyDictionary()


def of(dialect: Any, namespace: str, kind: str = "") -> str:
    """What that dialect has learned, as text for :attr:`SqlStatement.server`.

    Args:
        dialect: SQLAlchemy's.
        namespace: the database's name.
        kind: which kind of its driver's connections it has.
    """
    version = getattr(dialect, "server_version_info", None)
    known = _written.get(dialect)
    if known is not None and known[0] is version and known[1] == kind:
        return known[2]
    facts = {
        "dialect": dialect.name,
        "driver": dialect.driver,
        "namespace": namespace,
        "learned": _learned(dialect),
    }
    if kind:
        facts[KIND] = kind
    if answers := _answers.get(dialect):
        facts[SET_UP] = answers
    text = values.dumps(facts)
    _written[dialect] = (version, kind, text)
    return text


def set_up(dialect: Any, asked: Iterable[Asked]) -> dict[str, Any]:
    """Note what an app's hooks asked to set up a connection; returns all that is known of it.

    Args:
        dialect: SQLAlchemy's.
        asked: the questions and answers.
    """
    before = _answers.get(dialect, {})
    known = written(asked, before)
    if known is not before:
        _answers[dialect] = known
        _written.pop(dialect, None)
    return known


def apply(dialect: Any, requests: Iterable[Request], namespace: str) -> dict[str, Any]:
    """Let a dialect that never connected know what the recorded one had learned.

    Args:
        dialect: the dialect of an engine in replay.
        requests: the recorded calls.
        namespace: the database's name, which tells several engines apart.

    Returns:
        What was recorded of that server; empty when nothing was.
    """
    facts = _find(dialect, requests, namespace)
    known = vars(dialect)
    applied = known.get(_APPLIED)
    if applied is None and "default_schema_name" in known:
        return facts  # it has connected to a real server
    if applied is not None and applied[1] is not known.get("server_version_info"):
        return facts  # as above, after an earlier replay
    if applied is not None and applied[0] == facts:
        return facts
    learned = facts.get("learned") or _UNKNOWN.get(dialect.name, {"default_schema_name": None})
    fresh = _fresh(dialect)
    for name, value in learned.items():
        if not (isinstance(name, str) and _is_plain(value)):
            continue
        if applied is not None or known.get(name, _MISSING) == fresh.get(name, _MISSING):
            setattr(dialect, name, value)
    if getattr(dialect, "is_mariadb", False):  # it compiles in other ways than for MySQL
        dialect._set_mariadb(True, known.get("server_version_info") or ())
    setattr(dialect, _APPLIED, (facts, known.get("server_version_info")))
    return facts


def _find(dialect: Any, requests: Iterable[Request], namespace: str) -> dict[str, Any]:
    best: dict[str, Any] = {}
    grade = 0
    seen: set[str] = set()
    for request in requests:
        if not isinstance(request, SqlStatement) or not request.server or request.server in seen:
            continue
        seen.add(request.server)
        try:
            facts = values.loads(request.server)
        except CodecError as error:
            ports.report("sqlalchemy: what was recorded of the server", error)
            continue
        if not isinstance(facts, dict) or facts.get("dialect") != dialect.name:
            continue
        fits = 1 + 2 * (facts.get("namespace") == namespace) + (facts.get("driver") == dialect.driver)
        if fits > grade:
            best, grade = facts, fits
    return best


def _learned(dialect: Any) -> dict[str, Any]:
    """The plain attributes that a dialect has and a new one of its kind has not."""
    fresh = _fresh(dialect)
    if not fresh:
        return {name: getattr(dialect, name, None) for name in _ESSENTIAL}
    return {
        name: value if not isinstance(value, tuple) else tuple(value)
        for name, value in list(vars(dialect).items())
        if name != _APPLIED
        and _is_plain(value)
        and fresh.get(name, _MISSING) != value
        and not _memo(dialect, name)
    }


def _fresh(dialect: Any) -> dict[str, Any]:
    try:
        return dict(vars(type(dialect)(dbapi=dialect.dbapi)))
    except Exception:  # noqa: BLE001  # a dialect that cannot be made like this
        return {}


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(item, _PLAIN) for item in value)
    return isinstance(value, _PLAIN)


def _memo(dialect: Any, name: str) -> bool:
    """True for a value computed from others, and for the driver's own version."""
    return name in ("dbapi_version", "paramstyle") or hasattr(getattr(type(dialect), name, None), "fget")
