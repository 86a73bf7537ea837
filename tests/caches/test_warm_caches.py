"""What a process holds in a cache is asked in one request and in no other: which one that is depends on the
order of requests, and a replay has another.
"""

from __future__ import annotations

from tests.caches.conftest import DJANGO, FASTAPI, Recorded
from tests.services.ports import free_port

TITLE = "SELECT value FROM settings WHERE name = ?"


def test_all_of_a_process_in_the_order_it_was_recorded_in_is_the_same(fastapi: Recorded) -> None:
    replayed = fastapi.replay(fastapi.folder, "--app", FASTAPI)

    assert (replayed.status, replayed.outcomes, replayed.notes) == (0, ["same"] * 5, [[]] * 5)


def test_one_alone_names_the_recording_that_asked_and_what_to_do(fastapi: Recorded) -> None:
    first, second = fastapi.paths[:2]

    replayed = fastapi.replay(second, "--app", FASTAPI)

    (verdict,) = replayed.verdicts
    assert replayed.status == 1
    assert verdict["differences"] == [
        f"extra: {TITLE} (asked in GET /prices/{{number}} ({first.name}); a cache may have been warm while"
        " recording: TIMETRACER_ON_MISS=elsewhere answers from there)"
    ]
    assert verdict["missed"] == [
        f"{TITLE}: not asked in GET /prices/{{number}}, but before in GET /prices/{{number}} ({first.name});"
        " once it was answered, a cache of that process most likely held it. Replay both in one process, in"
        " that order, or answer it from there: TIMETRACER_ON_MISS=elsewhere. If the code asks this anew,"
        " record again"
    ]


def test_one_alone_is_answered_from_there_where_that_is_asked_for(fastapi: Recorded) -> None:
    first, second = fastapi.paths[:2]
    rate = f"GET {fastapi.environment['UPSTREAM']}/rates/EUR"

    replayed = fastapi.replay(second, "--app", FASTAPI, "--on-miss", "elsewhere")

    (verdict,) = replayed.verdicts
    assert (verdict["outcome"], verdict["elsewhere"], verdict["calls"]) == ("same", 2, 3)
    assert verdict["notes"] == [
        f"answered from GET /prices/{{number}} ({first.name}): {title} (asked there, not here; a cache was"
        " warm while recording)"
        for title in (TITLE, rate)
    ]
    assert [(row["mark"], row["grade"]) for row in verdict["rows"]] == [
        ("elsewhere", "elsewhere"), ("same", "exact"), ("elsewhere", "elsewhere"),
    ]  # fmt: skip


def test_a_service_of_its_own_is_answered_from_there(fastapi: Recorded) -> None:
    port = free_port()

    replayed = fastapi.replay(
        fastapi.paths[2], "--on-miss", "elsewhere", "--url", f"http://127.0.0.1:{port}",
        "--", "uvicorn", FASTAPI, "--port", str(port), "--lifespan", "off",
    )  # fmt: skip

    assert (replayed.outcomes, replayed.verdicts[0]["elsewhere"]) == (["same"], 1), replayed.log


def test_what_is_no_read_is_never_answered_from_elsewhere(fastapi: Recorded) -> None:
    fourth, fifth = fastapi.paths[3:]
    login = f"POST {fastapi.environment['UPSTREAM']}/login"

    replayed = fastapi.replay(fifth, "--app", FASTAPI, "--on-miss", "elsewhere")

    (verdict,) = replayed.verdicts
    assert verdict["differences"] == [
        f"extra write: {login} (asked in GET /orders ({fourth.name}); a cache may have been warm while"
        " recording)"
    ]
    assert verdict["missed"] == [
        f"{login}: not asked in GET /orders, but before in GET /orders ({fourth.name}); once it was answered,"
        " a cache of that process most likely held it. It is no plain read, so it is answered only where it"
        " was recorded: have the app ask this as it starts (what is recorded then answers every request), or"
        " record again in a process that has just started. If the code asks this anew, record again"
    ]


def test_what_a_process_asked_each_time_is_missed_by_who_asks_it_no_more(fastapi: Recorded) -> None:
    """The third request had asked it before, and is the one that asks it now: it was in no cache."""
    replayed = fastapi.replay(fastapi.folder, "--app", FASTAPI, CHANGED="uncounted")

    assert replayed.outcomes == ["same", "same", "same", "different", "different"]
    assert [verdict["missing"] for verdict in replayed.verdicts[3:]] == [
        ["SELECT count(*) FROM products"]
    ] * 2


def test_who_asks_first_and_asks_no_more_is_different(fastapi: Recorded) -> None:
    replayed = fastapi.replay(fastapi.folder, "--app", FASTAPI, CHANGED="untitled")

    assert (replayed.verdicts[0]["outcome"], replayed.verdicts[0]["missing"]) == ("different", [TITLE])


def test_each_process_asked_and_one_replays(django: Recorded) -> None:
    """The second to ask in the recording was another process; in the replay it is the same."""
    replayed = django.replay(django.folder, "--app", DJANGO)

    assert replayed.outcomes == ["same"] * 3, replayed.verdicts
    held, cold, warm = replayed.verdicts
    assert (held["calls"], cold["calls"], cold["held"], warm["calls"]) == (2, 0, 1, 0)
    assert [note.rpartition(" (")[2] for note in cold["notes"]] == [
        "GET /held asked it before in this process, which most likely holds the answer in a cache)"
    ]
    assert (held["notes"], warm["notes"]) == ([], [])


def test_one_process_asked_and_each_replays(django: Recorded) -> None:
    port = free_port()

    replayed = django.replay(
        django.folder, "--on-miss", "elsewhere", "--url", f"http://127.0.0.1:{port}",
        "--", "gunicorn", f"{DJANGO}:application", "--bind", f"127.0.0.1:{port}", "-w", "2",
        "--no-control-socket",
    )  # fmt: skip

    assert (replayed.status, replayed.outcomes) == (0, ["same"] * 3), replayed.log


def test_a_warm_one_alone_asks_for_its_content_type(django: Recorded) -> None:
    warm = django.paths[-1]

    missed = django.replay(warm, "--app", DJANGO)
    answered = django.replay(warm, "--app", DJANGO, "--on-miss", "elsewhere")

    assert (missed.outcomes, answered.outcomes) == (["different"], ["same"])
    assert answered.verdicts[0]["elsewhere"] == 1
