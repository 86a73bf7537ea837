"""Values that no two runs have in common: the clock and random sources."""

# ruff: noqa: S311  # the pseudo-random generator is what is tested here
from __future__ import annotations

import datetime as dt
import os
import random
import secrets
import time
import uuid
from typing import Any

import httpx

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.httpx_told import url

CASES = Cases("Clock and random sources", "unrepeatable")


@CASES("datetime.now, datetime.today, date.today, time.time, time_ns, localtime", repeats=False)
def clock() -> Any:
    return [
        dt.datetime.now(dt.UTC).isoformat(),
        dt.datetime.now().isoformat(),
        dt.datetime.today().isoformat(),
        dt.date.today().isoformat(),
        time.time(),
        time.time_ns(),
        list(time.localtime()),
        time.strftime("%Y-%m-%dT%H:%M:%S"),
    ]


@CASES("uuid1, uuid4", repeats=False)
def uuids() -> Any:
    return [str(uuid.uuid1()), str(uuid.uuid4()), str(uuid.uuid4())]


@CASES("random: random, randint, choice, shuffle, sample, gauss", repeats=False)
def random_numbers() -> Any:
    cards = list(range(20))
    random.shuffle(cards)
    return [
        random.random(),
        random.randint(1, 10**9),
        random.choice("abcdefghijklmnopqrstuvwxyz"),
        random.sample(range(1000), 5),
        random.gauss(0, 1),
        cards,
    ]


@CASES("secrets and os.urandom", repeats=False)
def secret_values() -> Any:
    return [
        secrets.token_hex(8),
        secrets.token_urlsafe(8),
        secrets.randbelow(10**12),
        secrets.choice("abcdefghijklmnopqrstuvwxyz"),
        os.urandom(8).hex(),
    ]


@CASES("a new id and the time are sent to a dependency and stored", repeats=False)
def sent() -> Any:
    order = {"id": str(uuid.uuid4()), "at": dt.datetime.now(dt.UTC).isoformat()}
    answer = httpx.post(url("/echo"), json=order, headers={"X-Custom": secrets.token_hex(4)})
    return [order, answer.json()]


@CASES("asynchronous endpoint: clock, uuid, random, secrets", repeats=False)
async def in_async_endpoint() -> Any:
    return [time.time(), str(uuid.uuid4()), random.random(), secrets.token_hex(8)]
