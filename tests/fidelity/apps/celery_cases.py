"""Celery: tasks published to a real worker over Valkey, and their results read."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import Celery, chain, chord, group
from celery.result import AsyncResult, GroupResult
from kombu.exceptions import EncodeError, OperationalError

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.seen import kind, raised, seen
from tests.services.tasks import add, app, divide, echo, forgettable, refuse, told, total

CASES = Cases("Celery", "celery")
PATIENCE = 60
NOBODY = "nobody"
"""A queue that no worker serves."""

closed = Celery(
    "closed", broker="redis://127.0.0.1:1/0", backend="redis://127.0.0.1:1/0", set_as_current=False
)
closed.conf.broker_transport_options = {"max_retries": 0, "interval_start": 0, "interval_step": 0}


def got(result: AsyncResult) -> Any:
    """A result whose task is done, as far as it is the same every time."""
    return [result.state, result.ready(), result.successful(), result.failed(), seen(result.result)]


def of(name: str) -> dict[str, Any]:
    """Options that give a task an id of its own: the same every time."""
    return {"task_id": f"00000000-0000-4000-8000-{name:0>12}"}


@CASES("delay, the id that is drawn for it, get", repeats=False)
def delay() -> Any:
    result = add.delay(1, 2)
    return [kind(result), result.id, result.get(timeout=PATIENCE), str(result.date_done)]


@CASES("apply_async: an id, keywords, values of many types, headers")
def options() -> Any:
    arguments = ["ü", 1.5, None, True, [1, {"a": []}]]
    result = echo.apply_async(arguments, {"many": {"b": 1, "a": 2}}, **of("1"))
    other = told.apply_async(
        ("tenant", "priority"), headers={"tenant": "rome"}, priority=3, expires=600, **of("2")
    )
    return [result.id, seen(result.get(timeout=PATIENCE)), got(result), seen(other.get(timeout=PATIENCE))]


@CASES("dates, decimals and UUIDs as arguments and as results")
def values() -> Any:
    moment = dt.datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=dt.UTC)
    return seen(echo.apply_async((moment, moment.date()), **of("3")).get(timeout=PATIENCE))


@CASES("countdown, eta, a queue that nobody serves: pending, looked up again by id")
def pending() -> Any:
    later = add.apply_async((1, 2), countdown=3600, queue=NOBODY, **of("4"))
    eta = dt.datetime(2096, 1, 1, tzinfo=dt.UTC)
    much_later = add.apply_async((1, 2), eta=eta, queue=NOBODY, compression="zlib", **of("5"))
    return [got(later), got(much_later), got(AsyncResult(later.id, app=app))]


@CASES("send_task by name, the result by id")
def by_name() -> Any:
    sent = app.send_task("tests.services.tasks.add", args=[1], kwargs={"other": 2}, **of("6"))
    value = AsyncResult(sent.id, app=app).get(timeout=PATIENCE)
    unknown = app.send_task("shop.nobody_has_it", queue=NOBODY, **of("7"))
    return [value, got(AsyncResult(sent.id, app=app)), got(unknown)]


@CASES("a task that fails: raised in its own class, kept with propagate=False")
def failures() -> Any:
    results = [refuse.apply_async(("tea",), **of("8")), divide.apply_async((1, 0), **of("9"))]
    said: list[Any] = []
    for result in results:
        try:
            result.get(timeout=PATIENCE)
        except Exception as error:  # its class is what is asked
            said.append(raised(error))
        kept = result.get(timeout=PATIENCE, propagate=False)
        said += [kind(kept), str(kept), got(result)[:4], result.traceback.splitlines()[-1]]
    return said


@CASES("waiting in vain")
def timeout() -> Any:
    result = app.send_task("shop.nobody_has_it", queue=NOBODY, **of("10"))
    try:
        result.get(timeout=0.05)
    except Exception as error:  # its class is what is asked
        return [raised(error), got(result)]
    return None


@CASES("a group: join, iterate, counts, one that fails")
def groups() -> Any:
    result = group(add.s(n, n) for n in range(3))().get(timeout=PATIENCE)
    iterated = list(group(add.s(n, 1) for n in range(2))())
    pair = group(add.s(1, 1), divide.s(1, 0))()
    kept = pair.get(timeout=PATIENCE, propagate=False)
    try:
        pair.get(timeout=PATIENCE)
    except ZeroDivisionError as error:
        failed = raised(error)
    return [
        result,
        [one.get(timeout=PATIENCE) for one in iterated],
        seen(kept),
        [pair.completed_count(), pair.ready(), pair.successful(), pair.failed(), pair.waiting()],
        failed,
    ]


@CASES("a group that is saved and restored by id", repeats=False)
def saved_group() -> Any:
    result = group(add.s(n, n) for n in range(2))()
    result.save()
    restored = GroupResult.restore(result.id, app=app)
    value = restored.get(timeout=PATIENCE)
    restored.delete()
    return [result.id, [one.id for one in restored], value, GroupResult.restore(result.id, app=app)]


@CASES("a chain and the results on its way")
def chains() -> Any:
    result = chain(add.s(1, 2), add.s(3), add.s(4))()
    value = result.get(timeout=PATIENCE)
    return [value, result.parent.get(timeout=PATIENCE), result.parent.parent.get(timeout=PATIENCE)]


@CASES("a chain that breaks in the middle")
def broken_chain() -> Any:
    result = chain(add.s(1, -1), divide.s(0), add.s(4))()
    try:
        result.get(timeout=PATIENCE)
    except ZeroDivisionError as error:
        return [raised(error), result.parent.state, result.parent.parent.state]
    return None


@CASES("a chord, a group in a chain")
def chords() -> Any:
    return [
        chord([add.s(n, n) for n in range(3)], total.s())().get(timeout=PATIENCE),
        chain(add.s(1, 1), group(add.s(n) for n in range(2)), total.s())().get(timeout=PATIENCE),
    ]


@CASES("callbacks: link, link_error; a partial signature, an immutable one")
def callbacks() -> Any:
    result = add.apply_async((1, 2), link=add.s(10), link_error=echo.si("failed"), **of("11"))
    partial = add.s(2).apply_async((40,), **of("12")).get(timeout=PATIENCE)
    fixed = add.si(2, 2).clone().apply_async(**of("13")).get(timeout=PATIENCE)
    return [
        result.get(timeout=PATIENCE),
        [one.get(timeout=PATIENCE) for one in result.children],
        partial,
        fixed,
    ]


@CASES("forget; a task whose result is ignored")
def forgotten() -> Any:
    result = add.apply_async((1, 2), **of("14"))
    value = result.get(timeout=PATIENCE)
    result.forget()
    ignored = forgettable.apply_async(**of("15"))
    return [value, got(AsyncResult(result.id, app=app)), kind(ignored), ignored.id]


@CASES("words to workers: revoke, ping")
def control() -> Any:
    result = add.apply_async((1, 2), countdown=3600, queue=NOBODY, **of("16"))
    result.revoke()
    return [result.id, app.control.ping(timeout=10, limit=1)]


@CASES("what is refused before it is sent: wrong arguments, a value that is no JSON")
def refused() -> Any:
    said = []
    for arguments in ((1,), (1, object)):
        try:
            add.apply_async(arguments)
        except (TypeError, EncodeError) as error:
            said.append([kind(error), str(error).partition(" at 0x")[0]])
    return said


@CASES("a broker that is not there")
def no_broker() -> Any:
    try:
        closed.send_task("shop.any", retry=False, ignore_result=True, **of("17"))
    except OperationalError as error:
        return raised(error)
    return None


@CASES("called in place: no message")
def eager() -> Any:
    applied = add.apply((1, 2), **of("18"))
    return [add(1, 2), applied.get(), kind(applied), got(divide.apply((1, 0), **of("19")))]


@CASES("published by several threads of a request")
def threads() -> Any:
    def ask(number: int) -> Any:
        return add.apply_async((number, number), **of(f"2{number}")).get(timeout=PATIENCE)

    with ThreadPoolExecutor(4) as executor:
        return list(executor.map(ask, range(6)))
