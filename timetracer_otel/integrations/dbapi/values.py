"""Values of drivers' own classes as plain data, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from timetracer_otel import values
from timetracer_otel.errors import ReplayError
from timetracer_otel.messages.sql import DriverValue
from timetracer_otel.values import Unsupported

_PLAIN = frozenset(
    {str, int, float, bool, type(None), bytes, Decimal, datetime, date, time, timedelta, UUID, DriverValue}
)
"""What neither changes nor belongs to a driver."""

CUSTOM = frozenset({"psycopg.custom", "psycopg2.custom", "asyncpg.holding"})
"""Values that an app's own code made, as the server sent them."""
_PSYCOPG2_RANGES = ("NumericRange", "DateRange", "DateTimeRange", "DateTimeTZRange")
_ASYNCPG_SHAPES = ("Point", "Box", "Line", "LineSegment", "Polygon", "Circle")


def plain(value: Any) -> Any:
    """A copy of a value that the codec can write and that the app cannot change.

    Parameters and rows alike. Objects of classes nobody knows (an adapter of the app's own)
    become their class and fields: enough to compare. Never raises.
    """
    if type(value) in _PLAIN:
        return value
    try:
        return _copy(value)
    except Exception:  # noqa: BLE001  # it contains itself, say
        return values.snapshot(value)


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list or kind is tuple:
        if _PLAIN.issuperset(map(type, value)):
            return value if kind is tuple else value.copy()
        return kind(map(_copy, value))
    if kind is dict:
        return {_copy(key): _copy(item) for key, item in value.items()}
    try:
        return _of_a_class(value, kind)
    except RecursionError:
        raise  # it contains itself: so does what it is in, up to the outermost
    except Exception:  # noqa: BLE001  # of a class that refuses to be looked at
        return values.snapshot(value)


def _of_a_class(value: Any, kind: type) -> Any:
    write = _WRITERS.get(f"{kind.__module__}.{kind.__qualname__}")
    if write is not None:
        return write(value)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):  # a class of the app's, for a composite type
        return DriverValue("object", [f"{kind.__module__}.{kind.__qualname__}", _copy(list(value))])
    copy = values.snapshot(value)
    return _fields(value, copy) if isinstance(copy, Unsupported) else copy


def is_made_by_app(value: Any) -> bool:
    """True for a value that is another, or none, when it is read back: of a class of the app's."""
    return type(value) not in _PLAIN and not _comes_back(value, plain(value))


def _comes_back(value: Any, copy: Any) -> bool:
    kind = type(value)
    if type(copy) is DriverValue:
        return copy.kind in _READERS and _holds_no_object(copy.data)
    if type(copy) is not kind:
        return False
    if kind is list or kind is tuple:
        return all(map(_comes_back, value, copy))
    if kind is dict:
        return all(
            _comes_back(key, key_copy) and _comes_back(item, copy[key_copy])
            for (key, item), key_copy in zip(value.items(), copy, strict=True)
        )
    return True


def _holds_no_object(data: Any) -> bool:
    if type(data) is DriverValue:
        return data.kind in _READERS and _holds_no_object(data.data)
    if isinstance(data, list | tuple):
        return all(map(_holds_no_object, data))
    return type(data) is not Unsupported


def plain_row(row: Any, sent: Callable[[int, Any], Any] | None = None) -> Any:
    """One row as a list; as a dict where the cursor makes dicts.

    Args:
        row: the row.
        sent: for the place of a value that the app's own code made, and what would be kept of it: what to
            keep instead.
    """
    if type(row) is not tuple and isinstance(row, Mapping):
        return plain(dict(row))
    items = list(row)
    if _PLAIN.issuperset(map(type, items)):
        return items
    copies = list(map(plain, items))
    if sent is not None:
        for place, value in enumerate(items):
            if type(value) not in _PLAIN and not _comes_back(value, copies[place]):
                copies[place] = sent(place, copies[place])
    return copies


def weight(row: Any) -> int:
    """Roughly how many bytes of a recording one row takes."""
    size = 2
    for item in row.values() if isinstance(row, dict) else row:
        kind = type(item)
        if kind is str or kind is bytes:
            size += len(item) + 3
        else:
            size += 12 if kind in _PLAIN else _weight(item)
    return size


def _weight(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value) + 3
    if isinstance(value, dict):
        return 2 + sum(_weight(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return 2 + sum(map(_weight, value))
    return 12


def restore(value: Any) -> Any:
    """The reverse of :func:`plain`, the driver's own classes included.

    Raises:
        ReplayError: the recording holds a value of a class that is not known here.
    """
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(map(restore, value))
    if kind is dict:
        return {restore(key): restore(item) for key, item in value.items()}
    if kind is Unsupported:
        raise ReplayError(
            f"a recorded row holds a {value.type_name}, which cassettes cannot carry: {value.text}"
        )
    if kind is not DriverValue:
        return value
    if value.kind == "object":
        raise ReplayError(
            f"a recorded row holds a {value.data[0]}, a class of the app's that cassettes cannot carry"
        )
    read = _READERS.get(value.kind)
    if read is None:
        raise ReplayError(f"a recorded row holds a {value.kind}, which this version cannot rebuild")
    try:
        return read(value.data)
    except Exception as error:
        raise ReplayError(f"a recorded {value.kind} cannot be rebuilt: {error}") from error


def restore_row(row: Any, reader: Callable[[], Callable[[Any], Any]]) -> Any:
    """As :func:`restore`, of a row in which values of the app's own classes are as a server sent them.

    Args:
        row: the recorded row.
        reader: gives what makes such values.
    """
    if type(row) is list and any(type(value) is DriverValue and value.kind in CUSTOM for value in row):
        read = reader()
        return [
            read(value.data) if type(value) is DriverValue and value.kind in CUSTOM else restore(value)
            for value in row
        ]
    return restore(row)


def _fields(value: Any, unsupported: Unsupported) -> Any:
    """An object by its class and what it holds, so that two with other contents differ."""
    try:
        if hasattr(value, "adapted"):
            state: Any = value.adapted  # psycopg2's protocol: AsIs, Float, ...
        else:
            slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
            state = dict(getattr(value, "__dict__", {}))
            state |= {name: getattr(value, name) for name in slots if hasattr(value, name)}
    except Exception:  # noqa: BLE001  # the app's own class, which may do anything
        return unsupported
    return DriverValue("object", [unsupported.type_name, _copy(state)]) if state else unsupported


# -- what each class is written as

Write = Callable[[Any], DriverValue]


def _asyncpg_range(value: Any) -> DriverValue:
    return DriverValue(
        "asyncpg.range",
        [plain(value.lower), plain(value.upper), value.lower_inc, value.upper_inc, value.isempty],
    )


def _psycopg_range(value: Any) -> DriverValue:
    return DriverValue("psycopg.range", [plain(value._lower), plain(value._upper), value._bounds])


def _psycopg2_range(value: Any) -> DriverValue:
    data = [type(value).__name__, plain(value._lower), plain(value._upper), value._bounds]
    return DriverValue("psycopg2.range", data)


def _shape(value: Any) -> DriverValue:
    return DriverValue("asyncpg.shape", [type(value).__name__, [plain(item) for item in tuple(value)]])


def _record(value: Any) -> DriverValue:
    return DriverValue("asyncpg.record", [list(value.keys()), [plain(item) for item in tuple(value)]])


_WRITERS: dict[str, Write] = {
    "asyncpg.types.Range": _asyncpg_range,
    "asyncpg.pgproto.types.BitString": lambda value: DriverValue("asyncpg.bits", value.as_string()),
    "asyncpg.pgproto.types.Path": lambda value: DriverValue(
        "asyncpg.path", [bool(value.is_closed), [plain(item) for item in value.points]]
    ),
    "asyncpg.pgproto.pgproto.UUID": lambda value: DriverValue("asyncpg.uuid", str(value)),
    "asyncpg.protocol.record.Record": _record,
    "asyncpg.Record": _record,
    "psycopg.types.range.Range": _psycopg_range,
    "psycopg.types.multirange.Multirange": lambda value: DriverValue(
        "psycopg.multirange", list(map(plain, value))
    ),
    "psycopg.types.json.Json": lambda value: DriverValue("psycopg.json", plain(value.obj)),
    "psycopg.types.json.Jsonb": lambda value: DriverValue("psycopg.jsonb", plain(value.obj)),
    "psycopg2._json.Json": lambda value: DriverValue("psycopg2.json", plain(value.adapted)),
    # Django's class for psycopg2, the same value as psycopg's own
    "django.db.backends.postgresql.psycopg_any.Jsonb": lambda value: DriverValue(
        "psycopg.jsonb", plain(value.adapted)
    ),
    "psycopg2.extensions.Binary": lambda value: DriverValue("psycopg2.binary", bytes(value.adapted)),
}
_WRITERS |= {f"psycopg2._range.{name}": _psycopg2_range for name in _PSYCOPG2_RANGES}
_WRITERS |= {f"asyncpg.pgproto.types.{name}": _shape for name in _ASYNCPG_SHAPES}


# -- and how it is made again: classes named here, never in a recording


def _read_asyncpg_range(data: Any) -> Any:
    from asyncpg import Range

    lower, upper, lower_inc, upper_inc, empty = data
    return Range(restore(lower), restore(upper), lower_inc=lower_inc, upper_inc=upper_inc, empty=empty)


def _read_psycopg_range(data: Any) -> Any:
    from psycopg.types.range import Range

    lower, upper, bounds = data
    return Range(restore(lower), restore(upper), bounds) if bounds else Range(empty=True)


def _read_multirange(data: Any) -> Any:
    from psycopg.types.multirange import Multirange

    return Multirange(map(restore, data))


def _read_psycopg2_range(data: Any) -> Any:
    from psycopg2 import extras

    name, lower, upper, bounds = data
    if name not in _PSYCOPG2_RANGES:
        raise ValueError(f"no range class {name!r}")
    kind = getattr(extras, name)
    return kind(restore(lower), restore(upper), bounds) if bounds else kind(empty=True)


def _read_shape(data: Any) -> Any:
    import asyncpg

    name, items = data
    if name not in _ASYNCPG_SHAPES:
        raise ValueError(f"no class {name!r}")
    return getattr(asyncpg, name)(*map(restore, items))


def _read_path(data: Any) -> Any:
    from asyncpg import Path

    closed, points = data
    return Path(*map(restore, points), is_closed=closed)


def _read_bits(data: Any) -> Any:
    from asyncpg import BitString

    return BitString(data)


def _read_uuid(data: Any) -> Any:
    from asyncpg.pgproto import pgproto

    return pgproto.UUID(data)


def _read_record(data: Any) -> Any:
    keys, items = data
    return record(keys, [restore(item) for item in items])


def record(keys: list[str], items: list[Any]) -> Any:
    """A row as asyncpg makes them."""
    from asyncpg.protocol import protocol

    mapping = {key: index for index, key in enumerate(keys)}
    return protocol._create_record(mapping, tuple(items))


_READERS: dict[str, Callable[[Any], Any]] = {
    "asyncpg.range": _read_asyncpg_range,
    "asyncpg.shape": _read_shape,
    "asyncpg.path": _read_path,
    "asyncpg.bits": _read_bits,
    "asyncpg.uuid": _read_uuid,
    "asyncpg.record": _read_record,
    "psycopg.range": _read_psycopg_range,
    "psycopg.multirange": _read_multirange,
    "psycopg2.range": _read_psycopg2_range,
}
