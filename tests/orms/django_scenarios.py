"""What an app does with Django's ORM."""

from __future__ import annotations

import datetime as dt
import os
import sys
import uuid
from decimal import Decimal
from typing import Any

import pymysql

if os.environ["ORM_DRIVER"] == "pymysql":
    pymysql.install_as_MySQLdb()
elif os.environ["ORM_DRIVER"] == "psycopg2":
    sys.modules["psycopg"] = None  # type: ignore[assignment]  # Django prefers it where it is there

import django
from asgiref.sync import sync_to_async
from django.conf import settings

from tests.fidelity.apps.seen import raised

IS_FILE = os.environ["ORM_DRIVER"] == "sqlite"
_SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["ORM_FILE"]}
_POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "orm",
    "USER": "postgres",
    "HOST": os.environ["ORM_HOST"],
    "PORT": os.environ["ORM_PORT"],
}
_ON_MYSQL = {**_POSTGRES, "USER": os.environ["ORM_USER"], "PASSWORD": os.environ["ORM_PASSWORD"]}
_MYSQL = {
    "pymysql": {**_ON_MYSQL, "ENGINE": "django.db.backends.mysql"},
    "mysqlclient": {**_ON_MYSQL, "ENGINE": "django.db.backends.mysql"},
    "mysqlconnector": {**_ON_MYSQL, "ENGINE": "mysql.connector.django", "OPTIONS": {"use_pure": True}},
    "mysqlconnector-c": {**_ON_MYSQL, "ENGINE": "mysql.connector.django"},
}
ON_MYSQL = os.environ["ORM_DRIVER"] in _MYSQL
settings.configure(
    INSTALLED_APPS=["tests.orms.bookshop"],
    DATABASES={"default": _SQLITE if IS_FILE else _MYSQL.get(os.environ["ORM_DRIVER"], _POSTGRES)},
    USE_TZ=True,
    # others need tables that a server of MySQL's does not have by itself
    TIME_ZONE="UTC" if ON_MYSQL else "Europe/Berlin",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import (  # noqa: E402  # models need settings
    DatabaseError,
    IntegrityError,
    connection,
    connections,
    models,
    transaction,
)
from django.db.models import Avg, Count, F, Prefetch, Q, Sum, Value  # noqa: E402
from django.db.models.functions import Coalesce, Concat, Lower, TruncMonth  # noqa: E402

from tests.orms.bookshop.models import Author, Book, Tag  # noqa: E402


def create() -> None:
    """Make the tables."""
    with connection.schema_editor() as editor:
        for model in (Author, Tag, Book):
            editor.create_model(model)


def leave() -> None:
    """What Django does after a request; while recording, where ``CONN_MAX_AGE`` keeps its connections."""
    if sys.argv[2:] != ["record"]:
        connections.close_all()


def fields(row: models.Model) -> dict[str, Any]:
    """Every field of a row, with its type."""
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


def people() -> list[Author]:
    """Three authors, and nothing else."""
    Book.objects.all().delete()
    Author.objects.all().delete()
    return [Author.objects.create(name=name, age=age) for name, age in PEOPLE]


PEOPLE = (("ann", 41), ("bob", 17), ("cid", None))


def create_get_and_delete() -> Any:
    ann, _, cid = people()
    told: list[Any] = [ann, cid, Author.objects.get(name="ann") == ann, Author.objects.count()]
    found, made = Author.objects.get_or_create(name="dan", defaults={"age": 5})
    told += [found, made, Author.objects.get_or_create(name="dan")[1]]
    found, made = Author.objects.update_or_create(name="dan", defaults={"age": 6})
    told += [found, made, ann.delete(), ann.pk, Author.objects.filter(age=None).exists()]
    cid.age = 3
    cid.save(update_fields=["age"])
    cid.refresh_from_db()
    return [*told, cid, Author.objects.first(), Author.objects.last(), Author.objects.in_bulk([cid.pk])]


def every_type_of_field() -> Any:
    ann = people()[0]
    told: Any
    for told in ({"a": [1, 2.5, None, True], "ü": "\u2028"}, [], "text", 7, None):
        Book.objects.create(
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
        )
    return [fields(book) for book in Book.objects.order_by("pk")]


def queries_over_json_and_dates() -> Any:
    ann = people()[0]
    for n in range(4):
        when = dt.datetime(2026, 1 + n // 2, 1 + n, 23, 30, tzinfo=dt.UTC)
        Book.objects.create(
            author=ann, title=f"b{n}", told={"n": n, "in": {"a": [n]}}, published=when, price=n
        )
    months = (
        Book.objects.annotate(m=TruncMonth("published")).values("m").annotate(n=Count("pk")).order_by("m")
    )
    return [
        list(Book.objects.filter(told__n=2)),
        list(Book.objects.filter(told__in__a__0__gte=2).order_by("pk")),
        list(Book.objects.filter(told__has_key="n").values_list("told__n", flat=True).order_by("pk")),
        list(Book.objects.filter(published__month=2).values("title", "told__in__a").order_by("pk")),
        list(months),
        list(Book.objects.datetimes("published", "day")),
        list(Book.objects.dates("published", "month", order="DESC")),
    ]


def expressions_and_aggregates() -> Any:
    ann, bob, _ = people()
    for n in range(5):
        Book.objects.create(author=[ann, bob][n % 2], title=f"b{n}", price=Decimal(n) / 3, sold=n)
    told: list[Any] = [Book.objects.filter(sold__gt=1).update(sold=F("sold") * 2 + 1)]
    book = Book.objects.get(title="b0")
    book.sold = F("sold") + 1
    book.save()
    book.refresh_from_db()
    told += [book, Book.objects.aggregate(Sum("price"), Avg("sold"), n=Count("author", distinct=True))]
    told.append(
        list(Author.objects.annotate(n=Count("books")).order_by("-n", "name").values_list("name", "n"))
    )
    named = Author.objects.annotate(
        t=Concat(Lower("name"), Value("/"), Coalesce("age", 0), output_field=models.TextField())
    )
    told += [list(named.order_by("t").values_list("t", flat=True))]
    return [*told, list(Author.objects.filter(Q(age__lt=20) | ~Q(name="ann")).order_by("name"))]


def relations() -> Any:
    ann, bob, _ = people()
    tags = [Tag.objects.create(label=f"t{n}") for n in range(3)]
    for n in range(3):
        book = Book.objects.create(author=ann if n else bob, title=f"b{n}")
        book.tags.set(tags[: n + 1])
    joined = Book.objects.select_related("author").order_by("pk")
    prefetched = Author.objects.order_by("pk").prefetch_related(
        Prefetch("books", Book.objects.order_by("-title"), to_attr="shelf"), "books__tags"
    )
    told: list[Any] = [[(book, book.author) for book in joined]]
    told += [[(author, author.shelf) for author in prefetched]]
    book.tags.remove(tags[0])
    return [*told, [tag.label for tag in book.tags.order_by("label")], ann.books.count(), ann.delete()]


def transactions_and_savepoints() -> Any:
    people()
    told: list[Any] = []
    with transaction.atomic():
        Author.objects.create(name="dan")
        try:
            with transaction.atomic():
                Author.objects.create(name="eve")
                Author.objects.create(name="dan")
        except IntegrityError as error:
            told += [raised(error), raised(error.__cause__ or error)]
        told.append(connection.needs_rollback)
        point = transaction.savepoint()
        Author.objects.all().delete()
        transaction.savepoint_rollback(point)
        Author.objects.create(name="fay")
    told.append([author.name for author in Author.objects.order_by("name")])
    try:
        with transaction.atomic():
            Author.objects.all().delete()
            raise LookupError("not today")  # noqa: TRY301  # what this is about
    except LookupError as error:
        told.append(str(error))
    return [*told, Author.objects.count(), connection.get_autocommit(), connection.in_atomic_block]


def hooks_on_commit() -> Any:
    people()
    told: list[Any] = []
    with transaction.atomic():
        transaction.on_commit(lambda: told.append(("committed", Author.objects.count())))
        Author.objects.create(name="dan")
        told.append("in")
        try:
            with transaction.atomic():
                transaction.on_commit(lambda: told.append("never"))
                raise LookupError  # noqa: TRY301  # what this is about
        except LookupError:
            told.append("rolled back")
    return [*told, Author.objects.count()]


def errors() -> Any:
    ann = people()[0]
    told: list[Any] = []

    def attempt(act: Any) -> None:
        try:
            with transaction.atomic():
                told.append(act())
        except Exception as error:
            cause = error.__cause__
            told.append([raised(error), raised(cause) if cause else None])

    attempt(lambda: Author.objects.get(name="nobody"))
    attempt(lambda: Author.objects.get())
    attempt(lambda: Author.objects.create(name="ann"))
    attempt(lambda: Book.objects.create(author=ann, title="x", price=-1))
    attempt(lambda: Book.objects.create(author=ann, title=None))
    attempt(lambda: list(Author.objects.raw("SELECT * FROM nothing")))
    attempt(lambda: list(Author.objects.raw("SELEC")))
    attempt(lambda: Author.objects.create(name="z" * 51))
    with transaction.atomic():
        try:
            Author.objects.create(name="ann")
        except DatabaseError:
            told.append(connection.needs_rollback)
        try:
            Author.objects.count()
        except DatabaseError as error:
            told.append(raised(error))
        connection.set_rollback(True)
    return [*told, Author.objects.count()]


def in_bulk() -> Any:
    people()
    rows = [Author(name=f"n{n}", age=n) for n in range(25)]
    made = Author.objects.bulk_create(rows, batch_size=10)
    told: list[Any] = [[row.pk for row in made], made is rows]
    if ON_MYSQL:  # which does not tell what numbers they got
        made = list(Author.objects.filter(name__startswith="n").order_by("pk"))
    for row in made:
        row.age = 100 - row.age
    told.append(Author.objects.bulk_update(made, ["age"], batch_size=7))
    again = [Author(name="n1", age=1), Author(name="new", age=2)]
    unique = None if ON_MYSQL else ["name"]
    Author.objects.bulk_create(again, update_conflicts=True, update_fields=["age"], unique_fields=unique)
    told.append([author.pk for author in again])
    Author.objects.bulk_create([Author(name="n2")], ignore_conflicts=True)
    return [*told, list(Author.objects.order_by("pk").values_list())]


def iterators() -> Any:
    people()
    Author.objects.bulk_create(Author(name=f"n{n}", age=n) for n in range(30))
    query = Author.objects.order_by("pk")
    told: list[Any] = [list(query.iterator(chunk_size=7))]
    stream = query.values_list("name", flat=True).iterator(chunk_size=4)
    told += [next(stream), next(stream)]
    stream.close()
    with transaction.atomic():
        for author in query.iterator(chunk_size=10):
            if author.age == 3:
                told.append(Author.objects.filter(pk=author.pk).update(age=300))
    one, two = query.iterator(chunk_size=2), query.reverse().iterator(chunk_size=2)
    return [*told, [(next(one).name, next(two).name) for _ in range(6)]]


def locks() -> Any:
    people()
    told: list[Any] = []
    with transaction.atomic():
        told.append(list(Author.objects.select_for_update().order_by("pk")))
        if not IS_FILE:
            of = () if ON_MYSQL else ("self",)
            told.append(list(Author.objects.select_for_update(skip_locked=True, of=of).order_by("pk")))
    try:
        told.append(list(Author.objects.select_for_update()))
    except transaction.TransactionManagementError as error:
        told.append(raised(error))
    return told


def raw_queries_and_cursors() -> Any:
    people()
    told: list[Any] = [
        list(Author.objects.raw("SELECT * FROM bookshop_author WHERE age > %s ORDER BY id", [20]))
    ]
    partly = Author.objects.raw("SELECT id, name, 7 AS seven FROM bookshop_author ORDER BY id")
    told += [[author.name, author.seven, author.age] for author in partly]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, age FROM bookshop_author WHERE name <> %(no)s ORDER BY id", {"no": "bob"}
        )
        told += [
            [column[0] for column in cursor.description],
            cursor.fetchone(),
            cursor.fetchmany(5),
            cursor.rowcount,
        ]
        cursor.execute("UPDATE bookshop_author SET age = 1")
        told.append(cursor.rowcount)
        cursor.executemany("INSERT INTO bookshop_author (name) VALUES (%s)", [("x",), ("y",)])
        cursor.execute("SELECT '100%%', %s", ["%"])
        told.append(list(cursor))
    with connection.cursor() as cursor:
        told.append(cursor.execute("DELETE FROM bookshop_author WHERE name IN (%s, %s)", ["x", "y"]) is None)
    return [*told, connection.vendor, connection.introspection.table_names()]


def sets_of_rows() -> Any:
    people()
    query = Author.objects.order_by("pk")
    young = Author.objects.filter(age__lt=20)
    old = Author.objects.filter(age__gt=20)
    return [
        query[1:3][0],
        query[0],
        query.values("name", "age")[::2],
        list(young.union(old).order_by("name")),
        list(query.only("name")),
        [author.age for author in query.defer("age")],
        list(query.filter(pk__in=young.values("pk"))),
        query.filter(name__icontains="N").explain() != "",
        list(query.none()),
        query.distinct().count(),
        str(query.values_list("name", named=True)[0]),
    ]


def many_statements_at_once() -> Any:
    people()
    told = []
    for _ in range(3):  # equal statements with other answers
        told.append(Author.objects.aggregate(Sum("age")))
        Author.objects.filter(name="ann").update(age=F("age") + 1)
    return told


async def asynchronously() -> Any:
    await sync_to_async(people)()
    dan = await Author.objects.acreate(name="dan", age=9)
    told: list[Any] = [dan, await Author.objects.aget(name="ann"), await Author.objects.acount()]
    told.append([author.name async for author in Author.objects.order_by("name")])
    told.append([author async for author in Author.objects.order_by("name").aiterator(chunk_size=2)])
    dan.age = 10
    await dan.asave()
    await dan.arefresh_from_db()
    told += [
        dan,
        await Author.objects.filter(age__gt=9).aexists(),
        await Author.objects.aaggregate(Sum("age")),
    ]
    await Author.objects.abulk_create([Author(name="eve"), Author(name="fay")])
    told.append((await Author.objects.aget_or_create(name="eve"))[1])
    try:
        await Author.objects.aget(name="nobody")
    except Author.DoesNotExist as error:
        told.append(raised(error))
    try:
        await Author.objects.acreate(name="ann")
    except IntegrityError as error:
        told.append(raised(error))
    told += [await dan.adelete(), await Author.objects.afirst(), await Author.objects.aupdate(age=1)]
    await sync_to_async(connections.close_all)()
    return told


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        create_get_and_delete, every_type_of_field, queries_over_json_and_dates, expressions_and_aggregates,
        relations, transactions_and_savepoints, hooks_on_commit, errors, in_bulk, iterators, locks,
        raw_queries_and_cursors, sets_of_rows, many_statements_at_once, asynchronously,
    )
}  # fmt: skip
