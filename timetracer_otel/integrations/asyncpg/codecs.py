"""Values that an app's own codecs make: recorded as the server sent them, made again in a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.values import plain, record, restore
from timetracer_otel.messages.sql import DriverValue

CUSTOM = "asyncpg.custom"
HOLDING = "asyncpg.holding"
"""A value of a row of SQLAlchemy's with such values in it."""
_MOST = 100_000
"""Values noted of one statement."""
_EXACT = frozenset({str, int, float, bool, type(None), bytes, Decimal, datetime, date, time, timedelta, UUID})
_DEEPEST = 32

Decoder = Callable[[Any], Any]


class Codecs(msgspec.Struct, eq=False):
    """The decoders that an app gave one connection, and what they decoded in the statement under way.

    Attributes:
        decoders: the app's, by schema and name of the type.
        decoded: type, raw value and value, in the order in which they were decoded.
    """

    decoders: dict[tuple[str, str], Decoder] = msgspec.field(default_factory=dict)
    decoded: list[tuple[tuple[str, str], Any, Any]] = msgspec.field(default_factory=list)

    def noting(self, key: tuple[str, str], decoder: Decoder) -> Decoder:
        """The app's decoder, which notes what it is given."""
        self.decoders[key] = decoder

        def decode(raw: Any) -> Any:
            value = decoder(raw)
            try:
                if not _recording() or len(self.decoded) >= _MOST:
                    return value
                kept = self._within(raw) if self.decoded else raw
                if not _exact(value):
                    self.decoded.append((key, kept, value))
            except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
                ports.report("asyncpg: a value that a codec of the app's made", error)
            return value

        return decode

    def raw(self, values: Sequence[Any]) -> list[Any]:
        """Values of a row, those that a codec made as the server sent them."""
        return [_raw(value, self._next) for value in values] if self.decoded else list(values)

    def take(self, into: dict[int, tuple[Any, tuple[str, str], Any]]) -> None:
        """Hand over what was decoded, by the number of the value."""
        for key, raw, value in self.decoded:
            into[id(value)] = value, key, raw
        self.decoded.clear()

    def _next(self, value: Any) -> tuple[tuple[str, str], Any] | None:
        """How that value was sent, where it is the next that was decoded."""
        if not self.decoded or self.decoded[0][2] is not value:
            return None
        key, raw, _ = self.decoded.pop(0)
        return key, raw

    def _within(self, raw: Any) -> Any:
        """What a codec of a composite type is given; values that other codecs made as they were sent."""
        inner = {id(value) for value in _parts(raw)}
        start = len(self.decoded)
        while start and id(self.decoded[start - 1][2]) in inner:
            start -= 1
        before, self.decoded = self.decoded[:start], self.decoded[start:]
        try:
            return _raw(raw, self._next)
        finally:
            self.decoded = before

    def restored(self, values: Sequence[Any]) -> list[Any]:
        """The values of a recorded row.

        Raises:
            ReplayError: an app's codec made one, and there is none now.
        """
        return [self._restored(value) for value in values]

    def read(self, value: Any) -> Any:
        """What :func:`holding` wrote, made again by the app's codecs.

        Raises:
            ReplayError: one of them is not there.
        """
        return self._restored(value)

    def _restored(self, value: Any) -> Any:
        kind = type(value)
        if kind is list or kind is tuple:
            return kind(map(self._restored, value))
        if kind is not DriverValue:
            return restore(value)
        if value.kind == "asyncpg.record":
            keys, items = value.data
            return record(keys, self.restored(items))
        if value.kind == "asyncpg.range":
            return restore(
                DriverValue("asyncpg.range", [*map(self._restored, value.data[:2]), *value.data[2:]])
            )
        if value.kind != CUSTOM:
            return restore(value)
        schema, name, raw = value.data
        decoder = self.decoders.get((schema, name))
        if decoder is None:
            raise ReplayError(
                f"asyncpg: a recorded row holds a {schema}.{name} that a codec of the app's made;"
                " set_type_codec() was not called for it on this connection"
            )
        return decoder(self._restored(raw))


def _raw(value: Any, find: Callable[[Any], tuple[tuple[str, str], Any] | None]) -> Any:
    known = find(value)
    if known is not None:
        key, raw = known
        return DriverValue(CUSTOM, [*key, plain(raw)])
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(_raw(item, find) for item in value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if _is_record(value):
        return DriverValue("asyncpg.record", [list(value.keys()), [plain(_raw(v, find)) for v in value]])
    if name == "asyncpg.types.Range":
        bounds = [plain(_raw(value.lower, find)), plain(_raw(value.upper, find))]
        return DriverValue("asyncpg.range", [*bounds, value.lower_inc, value.upper_inc, value.isempty])
    return value


def holding(value: Any, known: dict[int, tuple[Any, tuple[str, str], Any]]) -> Any:
    """A value of a row, what codecs made in it as the server sent it.

    Args:
        value: the value.
        known: what was decoded, as :meth:`Codecs.take` has it.
    """

    def find(value: Any) -> tuple[tuple[str, str], Any] | None:
        made, key, raw = known.get(id(value), (known, ("", ""), None))
        return (key, raw) if made is value else None

    return DriverValue(HOLDING, plain(_raw(value, find)))


def _recording() -> bool:
    """True where what is decoded may be of a call that is recorded."""
    port = ports.session.get() or ports.process_port()
    return port is not None and not port.replaying


def _is_record(value: Any) -> bool:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}" in ("asyncpg.protocol.record.Record", "asyncpg.Record")


def _parts(value: Any) -> Iterator[Any]:
    """The values in a record, tuple or list, and those within them."""
    if type(value) is tuple or type(value) is list or _is_record(value):
        for item in value:
            yield item
            yield from _parts(item)


def _exact(value: Any, depth: int = 0) -> bool:
    """True for what a recording carries as it is, its type included."""
    kind = type(value)
    if kind in _EXACT:
        return True
    if depth > _DEEPEST:
        return False
    if kind is list or kind is tuple:
        return all(_exact(item, depth + 1) for item in value)
    return kind is dict and all(_exact(key) and _exact(item, depth + 1) for key, item in value.items())
