"""Tortoise: its calls are those of the driver below; here it only gets an order.

It names columns, in ``SELECT`` above all, in the order of a set, which is another one in each process. So a
statement would be another one in each run, and so would the columns of its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point, Wrappable


class TortoiseIntegration(Wrappable):
    """Makes statements the same in every process."""

    name: ClassVar[str] = "tortoise"

    def points(self) -> Sequence[Point]:
        """Where a model learns the names of its columns."""
        return (Point("tortoise.models", "MetaInfo.finalise_fields", wrapper=_finalise, optional=True),)


class InOrder(set[str]):
    """A set that is gone through in the order of its names."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))


def _finalise(wrapped: Any, meta: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = wrapped(*args, **kwargs)
    try:
        if type(meta.db_fields) is set:
            meta.db_fields = InOrder(meta.db_fields)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("tortoise: the columns of a model", error)
    return result
