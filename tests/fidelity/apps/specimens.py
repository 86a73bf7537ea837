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


def shown(row: Row[Any] | Specimen) -> dict[str, Any]:
    """Every column of a specimen, with its type."""
    return {name: seen(getattr(row, name)) for name in ("id", *_FULL)}
