"""What the shop keeps, for Tortoise."""

from __future__ import annotations

import enum
import uuid
from typing import Any

from tortoise import fields
from tortoise.models import Model


class Kind(enum.StrEnum):
    PAPER = "paper"
    SOUND = "sound"


class Author(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50, unique=True)
    age = fields.IntField(null=True)
    books: fields.ReverseRelation[Book]
    owned: fields.ReverseRelation[Stall]
    sold_at: fields.ReverseRelation[Stall]

    def __repr__(self) -> str:
        return f"Author({self.id}, {self.name}, {self.age}, saved={self._saved_in_db})"


class Tag(Model):
    id = fields.IntField(primary_key=True)
    label = fields.CharField(max_length=20)


class Book(Model):
    id = fields.BigIntField(primary_key=True)
    author: fields.ForeignKeyRelation[Author] = fields.ForeignKeyField("shop.Author", related_name="books")
    tags: fields.ManyToManyRelation[Tag] = fields.ManyToManyField("shop.Tag", related_name="books")
    title = fields.TextField()
    price = fields.DecimalField(max_digits=8, decimal_places=2, default=0)
    told: Any = fields.JSONField(null=True)
    published = fields.DatetimeField(null=True)
    day = fields.DateField(null=True)
    lasts = fields.TimeDeltaField(null=True)
    key = fields.UUIDField(null=True)
    content = fields.BinaryField(null=True)
    sold = fields.IntField(default=0)
    is_new = fields.BooleanField(default=True)
    weight = fields.FloatField(null=True)
    kind = fields.CharEnumField(Kind, default=Kind.PAPER)

    def __repr__(self) -> str:
        return f"Book({self.id}, {self.title}, {self.price!r}, sold={self.sold!r})"


class Label(Model):
    name = fields.CharField(max_length=20, primary_key=True)
    stalls: fields.ManyToManyRelation[Stall]


class Stall(Model):
    """Keys that are texts, several relations to one model, several defaults that are drawn."""

    name = fields.CharField(max_length=20, primary_key=True)
    owner: fields.ForeignKeyRelation[Author] = fields.ForeignKeyField("shop.Author", related_name="owned")
    seller: fields.ForeignKeyRelation[Author] = fields.ForeignKeyField("shop.Author", related_name="sold_at")
    buyer: fields.ForeignKeyRelation[Author] = fields.ForeignKeyField("shop.Author", related_name="bought_at")
    labels: fields.ManyToManyRelation[Label] = fields.ManyToManyField("shop.Label", related_name="stalls")
    first_key = fields.UUIDField(default=uuid.uuid4)
    second_key = fields.UUIDField(default=uuid.uuid4)
    third_key = fields.UUIDField(default=uuid.uuid4)
    fourth_key = fields.UUIDField(default=uuid.uuid4)
