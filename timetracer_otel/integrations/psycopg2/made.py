"""Values that an app's own type casters make: recorded as the server sent them, made again in a replay."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from psycopg2 import _json, _psycopg, _range, extensions

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.pending import Sent
from timetracer_otel.integrations.dbapi.values import is_made_by_app
from timetracer_otel.messages.sql import DriverValue

CUSTOM = "psycopg2.custom"
"""A value as the server sent it: the number of its type, and what was sent."""

_MOST = 50_000
"""Values of one statement that are noted between two looks at its rows."""
_KEPT = 1000
_noting: dict[int, tuple[Any, Any]] = {}
"""Casters by the number of the object, each with the one that notes what it is given."""


class Noted:
    """What casters were given and made, for one cursor, since its rows were last looked at."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, str]] = {}

    def note(self, raw: Any, made: Any) -> None:
        """A caster made that of what the server sent."""
        if isinstance(raw, str) and len(self._made) < _MOST:
            self._made[id(made)] = made, raw

    def sent(self, cursor: Any, rows: Sequence[Any]) -> Sent | None:
        """What the server sent for a value in these rows, which are looked at once."""
        noted, self._made = self._made, {}
        if not noted:
            return None

        def found(number: int, place: int, kept: Any) -> Any:
            made, raw = noted.get(id(rows[number][place]), (None, ""))
            if made is not rows[number][place]:
                return kept
            return DriverValue(CUSTOM, [int(cursor.description[place].type_code), raw])

        return found


def watched(connection: Any) -> Noted | None:
    """What is noted of the next statement: of a connection's own casters, and the app's for all of them."""
    port = ports.session.get() or ports.process_port()
    if port is None or port.replaying:
        return None
    own, common = connection.string_types, extensions.string_types
    for number, caster in own.items():
        if id(caster) not in _noting or _noting[id(caster)][1] is not caster:
            own[number] = _noting_of(caster)
    if not _of_psycopg2().issuperset(map(id, common.values())):
        for number in common.keys() - own.keys():
            if id(common[number]) not in _of_psycopg2():
                own[number] = _noting_of(common[number])
    return Noted()


def _noting_of(caster: Any) -> Any:
    known = _noting.get(id(caster))
    if known is not None:
        return known[1]

    def cast(raw: Any, cursor: Any) -> Any:
        made = caster(raw, cursor)
        try:
            noted = getattr(cursor, "timetracer_noted", None)
            if noted is not None:
                noted.note(raw, made)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("psycopg2: a value that a type caster of the app's made", error)
        return made

    noting = extensions.new_type(caster.values, caster.name, cast)
    if len(_noting) >= _KEPT:
        _noting.clear()
    _noting[id(caster)] = caster, noting
    _noting[id(noting)] = noting, noting
    return noting


@functools.cache
def _of_psycopg2() -> frozenset[int]:
    """The casters that psycopg2 has itself, which make nothing that a recording cannot carry."""
    found = [*vars(_psycopg).values(), *vars(_json).values()]
    for value in vars(_range).values():
        found += [getattr(value, name, None) for name in ("typecaster", "array_typecaster")]
    return frozenset(map(id, found))


def cast(cursor: Any, number: int, raw: Any) -> Any:
    """What psycopg2 makes of a value, by the casters registered for a cursor, its connection, or all."""
    for known in (cursor.string_types or {}, cursor.connection.string_types, extensions.string_types):
        caster = known.get(number)
        if caster is not None:
            return caster(raw, cursor)
    return raw


def reader(cursor: Any) -> Callable[[Any], Any]:
    """Makes values of what was sent, by the casters that the app registered."""

    def read(data: Any) -> Any:
        number, raw = data
        value = cast(cursor, int(number), str(raw))
        if not is_made_by_app(value):
            raise ReplayError(
                f"psycopg2: a recorded row holds a value of type {number} that a type caster of the app's"
                " made; none is registered for it, or what it asked the server was not recorded"
            )
        return value

    return read
