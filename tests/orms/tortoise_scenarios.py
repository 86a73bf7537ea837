"""What an app does with Tortoise."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from tortoise import Tortoise, connections
from tortoise.exceptions import BaseORMException
from tortoise.expressions import F, Q
from tortoise.functions import Coalesce, Count, Lower, Sum
from tortoise.transactions import in_transaction

from tests.fidelity.apps.seen import raised
from tests.orms.tortoise_models import Author, Book, Kind, Label, Stall, Tag

_ADDRESS = f"postgres@{os.environ['ORM_HOST']}:{os.environ['ORM_PORT']}/orm"
_URLS = {
    "aiosqlite": f"sqlite://{os.environ['ORM_FILE']}",
    "asyncpg": f"asyncpg://{_ADDRESS}",
    "psycopg": f"psycopg://{_ADDRESS}",
}
IS_FILE = os.environ["ORM_DRIVER"] == "aiosqlite"
SCENARIOS: dict[str, Any] = {}
PEOPLE = (("ann", 41), ("bob", 17), ("cid", None))


async def start() -> None:
    """Connect, as an app does when it starts."""
    url = _URLS[os.environ["ORM_DRIVER"]]
    await Tortoise.init(db_url=url, modules={"shop": ["tests.orms.tortoise_models"]})


def create() -> None:
    """Make the tables."""

    async def making() -> None:
        await start()
        await Tortoise.generate_schemas()
        await connections.close_all()

    asyncio.run(making())


def leave() -> None:
    """Nothing is left open."""


def scenario(work: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """Between connecting and closing."""

    @wraps(work)
    async def run() -> Any:
        await start()
        try:
            return await work()
        finally:
            await connections.close_all()

    SCENARIOS[work.__name__] = run
    return run


async def people() -> list[Author]:
    """Three authors, and nothing else."""
    await Stall.all().delete()
    await Book.all().delete()
    await Author.all().delete()
    return [await Author.create(name=name, age=age) for name, age in PEOPLE]


async def attempt(act: Callable[[], Awaitable[Any]]) -> Any:
    """What it returns or raises, and what caused that."""
    try:
        return await act()
    except BaseORMException as error:
        return [raised(error), raised(error.__cause__) if error.__cause__ else None]


@scenario
async def create_get_and_delete() -> Any:
    ann, _, cid = await people()
    told: list[Any] = [repr(ann), repr(await Author.get(name="ann")), await Author.all().count()]
    told += [repr(await Author.get_or_create(name="dan", defaults={"age": 5})) for _ in range(2)]
    told.append(repr(await Author.update_or_create(name="dan", defaults={"age": 6})))
    cid.age = 3
    await cid.save(update_fields=["age"])
    await cid.refresh_from_db()
    told += [repr(cid), await Author.filter(age=None).exists(), await Author.get_or_none(name="nobody")]
    await ann.delete()
    return [*told, repr(await Author.first()), repr(await Author.all().order_by("-id").first()),
            repr(await Author.in_bulk([cid.id], "id"))]  # fmt: skip


@scenario
async def every_type_of_field() -> Any:
    ann = (await people())[0]
    for told in ({"a": [1, 2.5, None, True], "ü": "\u2028"}, [], [7], None):
        await Book.create(
            author=ann,
            title="Everything",
            price=Decimal("12.30"),
            told=told,
            published=dt.datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=dt.UTC),
            day=dt.date(2026, 2, 28),
            lasts=dt.timedelta(days=2, microseconds=5),
            key=uuid.UUID(int=7),
            content=b"\x00\xff",
            weight=0.1,
            kind=Kind.SOUND,
        )
    rows = [dict(book) async for book in Book.all().order_by("id")]  # type: ignore[call-overload]  # it gives pairs
    return [rows, await Book.all().order_by("id").values()]


@scenario
async def expressions_and_aggregates() -> Any:
    ann, bob, _ = await people()
    for n in range(5):
        await Book.create(author=[ann, bob][n % 2], title=f"b{n}", price=Decimal(n) / 4, sold=n)
    told: list[Any] = [await Book.filter(sold__gt=1).update(sold=F("sold") * 2)]
    told.append(await Author.annotate(n=Count("books")).order_by("-n", "name").values_list("name", "n"))
    told.append(
        await Book.annotate(s=Sum("price"))
        .group_by("author_id")
        .order_by("author_id")
        .values("author_id", "s")
    )
    told.append(await Author.annotate(low=Lower("name")).filter(low="ann").values("low", "age"))
    return [*told, repr(await Author.filter(Q(age__lt=20) | ~Q(name="ann")).order_by("name"))]


@scenario
async def relations() -> Any:
    ann, bob, _ = await people()
    tags = [await Tag.create(label=f"t{n}") for n in range(3)]
    for n in range(3):
        book = await Book.create(author=ann if n else bob, title=f"b{n}")
        await book.tags.add(*tags[: n + 1])
    joined = await Book.all().select_related("author").order_by("id")
    fetched = await Author.all().order_by("id").prefetch_related("books", "books__tags")
    told: list[Any] = [[(repr(one), repr(one.author)) for one in joined]]
    told += [[(repr(one), sorted(map(repr, one.books))) for one in fetched]]
    await book.tags.remove(tags[0])
    told += [[tag.label for tag in await book.tags.all().order_by("label")], await ann.books.all().count()]
    await ann.fetch_related("books")
    return [*told, len(ann.books)]


@scenario
async def transactions_and_savepoints() -> Any:
    await people()
    told: list[Any] = []
    async with in_transaction():
        await Author.create(name="dan")

        async def twice() -> None:
            async with in_transaction():
                await Author.create(name="eve")
                await Author.create(name="dan")

        told.append(await attempt(twice))
        await Author.create(name="fay")
    told.append(await Author.all().order_by("name").values_list("name", flat=True))
    try:
        async with in_transaction():
            await Author.all().delete()
            raise LookupError("not today")  # noqa: TRY301  # what this is about
    except LookupError as error:
        told.append(str(error))
    async with in_transaction() as connection:
        await Author.create(name="gus", using_db=connection)
        await connection.rollback()
    return [*told, await Author.all().count()]


@scenario
async def errors() -> Any:
    await people()
    connection = connections.get("default")
    return [
        await attempt(lambda: Author.get(name="nobody")),
        await attempt(lambda: Author.get()),
        await attempt(lambda: Author.create(name="ann")),
        await attempt(lambda: Book.create(author_id=999999, title="x")),
        await attempt(lambda: connection.execute_query("SELECT * FROM nothing")),
        await attempt(lambda: connection.execute_query("SELEC")),
        await Author.all().count(),
    ]


@scenario
async def in_bulk() -> Any:
    await people()
    rows = [Author(name=f"n{n}", age=n) for n in range(25)]
    await Author.bulk_create(rows, batch_size=10)
    made = await Author.filter(name__startswith="n").order_by("id")
    for row in made:
        row.age = 100 - (row.age or 0)
    told: list[Any] = [await Author.bulk_update(made, ["age"], batch_size=7)]
    again = [Author(name="n1", age=1), Author(name="new", age=2)]
    await Author.bulk_create(again, update_fields=["age"], on_conflict=["name"])
    await Author.bulk_create([Author(name="n2")], ignore_conflicts=True)
    return [*told, await Author.all().order_by("id").values_list()]


@scenario
async def locks_and_iteration() -> Any:
    await people()
    told: list[Any] = []
    async with in_transaction():
        told.append(repr(await Author.all().select_for_update().order_by("id")))
    return [*told, [author.name async for author in Author.all().order_by("name").limit(2).offset(1)]]


@scenario
async def raw_queries() -> Any:
    await people()
    connection = connections.get("default")
    mark = "?" if IS_FILE else "%s" if os.environ["ORM_DRIVER"] == "psycopg" else "$1"
    count, rows = await connection.execute_query(f"SELECT name, age FROM author WHERE age > {mark}", [20])
    told: list[Any] = [count, [dict(row) for row in rows]]
    told.append(await connection.execute_query_dict("SELECT name, age FROM author ORDER BY id"))
    told.append(repr(await Author.raw("SELECT * FROM author ORDER BY name")))
    await connection.execute_script("UPDATE author SET age = 1; DELETE FROM author WHERE name = 'bob'")
    return [*told, await Author.all().order_by("id").values_list("name", "age")]


@scenario
async def side_by_side() -> Any:
    await people()
    found = await asyncio.gather(*(Author.get(name=name) for name, _ in PEOPLE * 2))
    await asyncio.gather(*(Author.create(name=f"n{n}", age=n) for n in range(4)))
    return [
        list(map(repr, found)),
        await Author.filter(name__startswith="n").order_by("name").values_list("name"),
    ]


@scenario
async def whatever_goes_through_a_set() -> Any:
    """Joins, related rows, keys and defaults: sets have another order in each process."""
    ann, bob, cid = await people()
    labels = [await Label.get_or_create(name=name) for name in ("red", "green", "blue", "old", "new")]
    for name in ("north", "south", "east", "west"):
        stall = await Stall.create(name=name, owner=ann, seller=bob, buyer=cid)
        await stall.labels.add(*(label for label, _ in labels))
    everyone = ("owner", "seller", "buyer")
    joined = await Stall.all().select_related(*everyone).order_by("name")
    told: list[Any] = [[(one.name, one.owner.name, one.seller.name, one.buyer.name) for one in joined]]
    fetched = await Stall.all().prefetch_related(
        "labels__stalls", "owner__owned", "owner__sold_at", "owner__bought_at", "owner__books"
    )
    told.append(sorted((one.name, label.name, len(label.stalls)) for one in fetched for label in one.labels))
    told.append(sorted((one.name, len(one.owner.owned), len(one.owner.sold_at)) for one in fetched))
    ages = F("owner__age") + F("seller__age") * F("buyer__age")
    told.append(await Stall.annotate(ages=ages).order_by("name").values("name", "ages"))
    known = Coalesce("buyer__age", F("seller__age"), F("owner__age"))
    return [*told, await Stall.annotate(known=known).order_by("name").values("name", "known")]
