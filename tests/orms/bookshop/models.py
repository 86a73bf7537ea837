"""What the shop keeps."""

from __future__ import annotations

from decimal import Decimal

from django import VERSION
from django.db import models
from django.db.models import Q

_CONDITION = "condition" if VERSION >= (5, 1) else "check"


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    age = models.IntegerField(null=True)

    def __repr__(self) -> str:
        return f"Author({self.pk}, {self.name}, {self.age}, adding={self._state.adding}, db={self._state.db})"


class Tag(models.Model):
    label = models.CharField(max_length=20)


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    tags = models.ManyToManyField(Tag)
    title = models.TextField()
    price = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("0.00"))
    told = models.JSONField(default=dict, null=True)
    published = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    lasts = models.DurationField(null=True)
    key = models.UUIDField(null=True)
    content = models.BinaryField(null=True)
    sold = models.IntegerField(default=0)
    is_new = models.BooleanField(default=True)
    weight = models.FloatField(null=True)

    class Meta:
        constraints = (models.CheckConstraint(name="price_is_positive", **{_CONDITION: Q(price__gte=0)}),)

    def __repr__(self) -> str:
        return f"Book({self.pk}, {self.title}, {self.price!r}, sold={self.sold!r})"
