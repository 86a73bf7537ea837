"""The shop with what may be otherwise in each run, and says nothing of what it does."""

from __future__ import annotations

from tests.regressions.apps.shop import SYNCHRONOUS as AS_IT_WAS
from tests.regressions.apps.shop import Answer, gathered, ok, rate

__all__ = ["SYNCHRONOUS", "gathered"]


def headers() -> Answer:
    return ok({"rate": rate("EUR", B="2", A="1")}, X_Two="2", X_One="1")


SYNCHRONOUS = {**AS_IT_WAS, "headers": headers}
