"""Prints statements as Tortoise has them: ``python -m tests.orms.tortoise_statements [ours]``."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from pypika_tortoise.exceptions import JoinException
from tortoise import Tortoise
from tortoise.contrib.postgres.search import SearchRank, SearchVector
from tortoise.expressions import F
from tortoise.functions import Coalesce

from tests.orms.tortoise_models import Author, Stall

_EVERYONE = ("owner", "seller", "buyer")


async def statements(url: str) -> list[str]:
    """What goes through a set; no database is asked."""
    await Tortoise.init(db_url=url, modules={"shop": ["tests.orms.tortoise_models"]})
    sold = F("owner__books__sold") + F("seller__books__sold") * F("buyer__books__sold")
    queries = [
        Stall.all().select_related(*_EVERYONE),
        Stall.annotate(sold=sold),
        Stall.annotate(known=Coalesce("owner__age", F("seller__age"), F("buyer__age"))),
        Stall.annotate(rank=SearchRank(SearchVector(*(f"{one}__name" for one in _EVERYONE)), "ann")),
        Author.filter(name="ann").force_index("one", "two", "three").use_index("four", "five", "six"),
        Author.all().select_for_update(of=("author", "book", "stall")),
    ]
    return [_statement(query) for query in queries]


def _statement(query: Any) -> str:
    try:
        return str(query.sql())
    except JoinException as error:  # Tortoise has put a join before the one that it needs
        return str(error)


if __name__ == "__main__":
    if sys.argv[1:]:
        import timetracer_otel

        timetracer_otel.install()
    urls = ("asyncpg://nobody@127.0.0.1:1/none", "mysql://nobody:none@127.0.0.1:1/none")
    print(json.dumps([asyncio.run(statements(url)) for url in urls]))
