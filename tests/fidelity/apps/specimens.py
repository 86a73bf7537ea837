"""Values that are easily changed on their way through a file, and how an application reads them back."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from tests.fidelity.apps.databases import Mood, Specimen
from tests.fidelity.apps.seen import seen

_FULL: dict[str, Any] = {
    "amount": Decimal("123456789012.12345678"),
    "moment": dt.datetime(2026, 11, 20, 13, 45, 1, 123456, tzinfo=dt.UTC),
    "local": dt.datetime(2026, 3, 29, 2, 30),
    "day": dt.date(2024, 2, 29),
    "clock": dt.time(23, 59, 59, 999999),
    "span": dt.timedelta(days=-3, hours=7, microseconds=9),
    "raw": b"\x00\xffraw",
    "document": {"a": [1, 2.5, None, "ü"], "b": {"nested": True}},
    "big": 9223372036854775807,
    "ratio": 0.1,
    "flag": True,
    "mood": Mood.wild,
    "words": "2026-11-20T13:45:01Z",
}
_EMPTY: dict[str, Any] = dict.fromkeys(_FULL)
SPECIMENS: list[dict[str, Any]] = [
    {"id": uuid.UUID(int=1), **_FULL},
    {"id": uuid.UUID(int=2), **_EMPTY},
    {"id": uuid.UUID(int=3), **_FULL, "amount": Decimal("-0.00000001"), "big": -(2**63), "ratio": 1e300},
    {"id": uuid.UUID(int=4), **_FULL, "raw": b"", "words": "", "document": [], "flag": False},
]
ON_MARIADB = (
    "SELECT 1.50, 9007199254740993, 18446744073709551615, TIMESTAMP'2026-11-20 12:00:00.5', "
    "DATE'2026-11-20', TIMEDIFF('10:00', '34:00:00.25'), x'00ff', 'ü', NULL, 1e300, TRUE, b'101', "
    "JSON_ARRAY(1, NULL), ST_GeomFromText('POINT(1 2)'), YEAR('2026-11-20')"
)
"""A query with a column of each type."""


def shown(row: Row[Any] | Specimen) -> dict[str, Any]:
    """Every column of a specimen, with its type."""
    return {name: seen(getattr(row, name)) for name in ("id", *_FULL)}
