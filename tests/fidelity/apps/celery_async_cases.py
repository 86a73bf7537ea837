"""Celery, called from coroutines."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.celery_cases import PATIENCE, of
from tests.services.tasks import add

CASES = Cases("Celery, from coroutines", "celery-async")


@CASES("published in a coroutine, waited for in a thread, several at once")
async def coroutine() -> Any:
    results = [add.apply_async((n, n), **of(f"3{n}")) for n in range(3)]
    return await asyncio.gather(*(asyncio.to_thread(one.get, timeout=PATIENCE) for one in results))
