"""Tortoise: its calls are those of the driver below; here it only gets an order.

It goes through sets where it names columns, joins tables, fetches what is related and fills in defaults.
Sets of texts have another order in each process, so a statement would be another one in each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point, Wrappable

_SETS = ("_select_related", "_force_indexes", "_use_indexes")
"""Of a query: names that it goes through for its statement."""


class TortoiseIntegration(Wrappable):
    """Makes statements the same in every process."""

    name: ClassVar[str] = "tortoise"
    oldest = ("tortoise-orm>=0.25",)

    def points(self) -> Sequence[Point]:
        """Wherever a set decides what a statement looks like."""
        return (
            _after("tortoise.models", "MetaInfo.finalise_fields", _model),
            _after("tortoise.queryset", "QuerySet.__init__", _query),
            _after("tortoise.expressions", "CombinedExpression.resolve", _expression),
            _after("tortoise.expressions", "Function.resolve", _expression),
            _after("tortoise.contrib.postgres.search", "_merge_joins", _search),
            _after("pypika_tortoise.queries", "QueryBuilder.for_update", _locked),
            _before("tortoise.backends.base.executor", "BaseExecutor._make_prefetch_queries", _related),
            _before("pypika_tortoise.queries", "QueryBuilder.get_parameterized_sql", _rows),
            Point("pypika_tortoise.terms", "Term.isin", wrapper=_is_in, optional=True),
            Point("tortoise.fields.relational", "ManyToManyRelation.add", wrapper=_add, optional=True),
        )


class InOrder(set[Any]):
    """A set that is gone through in the order of names: of texts, and of what has a relation's."""

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(sorted(super().__iter__(), key=_name))
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("tortoise: the order of a statement", error)
            return super().__iter__()

    def difference(self, *others: Any) -> InOrder:
        """What is in none of the others, in order as well."""
        return InOrder(super().difference(*others))


def _name(one: Any) -> str:
    return str(getattr(one, "relation", one))


def _after(module: str, path: str, put_in_order: Callable[[Any, Any], None]) -> Point:
    """A function whose result, or whose object, is put in order."""

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        _guarded(put_in_order, instance, result)
        return result

    return Point(module, path, wrapper=wrapper, optional=True)


def _before(module: str, path: str, put_in_order: Callable[[Any, Any], None]) -> Point:
    """A function whose object is put in order first."""

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        _guarded(put_in_order, instance, None)
        return wrapped(*args, **kwargs)

    return Point(module, path, wrapper=wrapper, optional=True)


def _guarded(put_in_order: Callable[[Any, Any], None], instance: Any, result: Any) -> None:
    try:
        put_in_order(instance, result)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("tortoise: the order of a statement", error)


def _model(meta: Any, result: Any) -> None:
    """The names of its columns, and of its fields: their defaults are called in this order."""
    for name in ("db_fields", "fields"):
        names = getattr(meta, name)
        if type(names) is set:
            setattr(meta, name, InOrder(names))


def _query(query: Any, result: Any) -> None:
    for name in _SETS:
        if type(getattr(query, name, None)) is set:
            setattr(query, name, InOrder(getattr(query, name)))


def _locked(builder: Any, query: Any) -> None:
    """Tables whose rows are locked."""
    query._for_update_of = InOrder(query._for_update_of)


def _related(executor: Any, result: Any) -> None:
    """What is fetched beyond what is fetched."""
    for name, names in executor.prefetch_map.items():
        if len(names) > 1:
            executor.prefetch_map[name] = InOrder(names)


def _expression(expression: Any, resolved: Any) -> None:
    _search(None, resolved.joins)


def _search(module: Any, joins: list[Any]) -> None:
    """Joins without duplicates: each after the tables that its condition names."""
    if len(joins) < 2:
        return
    left = sorted(joins, key=_join_name)
    ordered = []
    while left:
        tables = {str(join[0]) for join in left}
        ready = (join for join in left if not (_tables(join) & tables) - {str(join[0])})
        following = next(ready, left[0])
        left.remove(following)
        ordered.append(following)
    joins[:] = ordered


def _join_name(join: Any) -> tuple[str, str]:
    return str(join[0]), str(join[1])


def _tables(join: Any) -> set[str]:
    return {str(table) for table in join[1].tables_}


def _is_in(wrapped: Any, term: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Keys of rows that others are related to."""
    if len(args) == 1 and type(args[0]) is set and len(args[0]) > 1:
        try:
            args = (sorted(args[0], key=_name),)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("tortoise: the order of a statement", error)
    return wrapped(*args, **kwargs)


_adding: ContextVar[bool] = ContextVar("timetracer_tortoise_adding", default=False)
"""This task adds to a relation: rows of two keys, from a set."""


async def _add(wrapped: Any, relation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = _adding.set(True)
    try:
        return await wrapped(*args, **kwargs)
    finally:
        _adding.reset(token)


def _rows(query: Any, result: Any) -> None:
    if _adding.get() and len(query._values) > 1:
        query._values.sort(key=lambda row: [str(term) for term in row])
