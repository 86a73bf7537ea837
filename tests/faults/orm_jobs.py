"""What requests do with Tortoise: the models are made within, as that is what we take part in."""

from __future__ import annotations

from typing import Any

from tortoise import Tortoise, connections
from tortoise.contrib.postgres.search import SearchRank, SearchVector
from tortoise.expressions import F
from tortoise.functions import Coalesce

from tests.orms.tortoise_models import Author, Label, Stall


async def with_tortoise() -> Any:
    """Columns, defaults, joins, relations and keys."""
    await Tortoise.init(db_url="sqlite://:memory:", modules={"shop": ["tests.orms.tortoise_models"]})
    try:
        await Tortoise.generate_schemas()
        return await _rows()
    finally:
        await connections.close_all()


async def _rows() -> Any:
    people = [await Author.create(name=name, age=age) for age, name in enumerate(("ann", "bob", "cid"))]
    labels = [await Label.create(name=name) for name in ("red", "green")]
    for name in ("north", "south"):
        stall = await Stall.create(name=name, owner=people[0], seller=people[1], buyer=people[2])
        await stall.labels.add(*labels)
    joined = await Stall.all().select_related("owner", "seller").order_by("name")
    fetched = await Stall.all().prefetch_related("labels__stalls", "owner__owned", "owner__sold_at")
    ages = Stall.annotate(
        ages=F("owner__age") + F("seller__age") * F("buyer__age"),
        known=Coalesce("buyer__age", F("seller__age"), F("owner__age")),
    )
    locked = Stall.all().select_for_update(of=("stall", "author")).sql()
    ranked = Stall.annotate(rank=SearchRank(SearchVector("owner__name", "seller__name"), "ann")).sql()
    return [
        [(one.name, one.owner.name, one.seller.name) for one in joined],
        sorted((one.name, label.name, len(label.stalls)) for one in fetched for label in one.labels),
        sorted((one.name, len(one.owner.owned), len(one.owner.sold_at)) for one in fetched),
        await ages.order_by("name").values("name", "ages", "known"),
        len(locked),
        len(ranked),
    ]
