"""Which values may stand for which: examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from timetracer_otel.volatile import Links, Origins, followed, reconciled, shape

A, B, C, D = (f"{one * 8}-0000-4000-8000-000000000000" for one in "abcd")
RECORDED, NOW = 1_795_730_000.0, 1_795_990_000.0
"""Three days apart."""


def links(
    *happened: tuple[str, Any],
    inbound_seen: bool = True,
    by_chance: tuple[str, ...] = (),
    clock: Callable[[], float] | None = None,
) -> Links:
    """Of a recording in which that happened: ``("asked", ...)``, ``("answered", ...)``."""
    origins = Origins()
    for index, (what, data) in enumerate(happened):
        if what == "asked":
            origins.asked(index, data)
        else:
            getattr(origins, what)(data)
    return Links(
        lambda: origins,
        recorded=RECORDED,
        now=NOW,
        inbound_seen=inbound_seen,
        by_chance=lambda: frozenset(by_chance),
        clock=clock,
    )


def matches(
    links: Links,
    recorded: Any,
    live: Any,
    used: tuple[int, ...] = (),
    *,
    asked_at: float | None = None,
    again: bool = False,
) -> bool:
    """Whether the live data is the recorded; what that binds is bound."""
    (was_shape, was), (now_shape, now) = shape(recorded, links.linked), shape(live, links.linked)
    alike = was_shape == now_shape
    trial = links.judge(was, now, used, asked_at=asked_at, again=again) if alike else None
    if trial is not None:
        links.commit(trial)
    return trial is not None


def test_what_the_app_makes_itself_is_bound_by_its_first_appearance() -> None:
    found = links(("asked", {"id": A}), ("asked", {"id": A}), ("asked", {"id": B}))
    assert matches(found, {"id": A}, {"id": C})
    assert matches(found, f"/orders/{A}", f"/orders/{C}")
    assert not matches(found, {"id": A}, {"id": D})
    assert not matches(found, {"id": A}, {"id": A})
    assert not matches(found, {"id": B}, {"id": C})
    assert matches(found, {"id": B}, {"id": D})
    assert list(found.replaced()) == [(A, C), (B, D)]


def test_one_request_is_consistent_in_itself() -> None:
    assert not matches(links(), [A, A], [C, D])
    assert not matches(links(), [A, B], [C, C])
    assert not matches(links(), [A, A], [A, C])
    assert matches(links(), [A, B, A], [C, D, C])


def test_what_the_app_was_given_it_gives_back() -> None:
    found = links(("answered", [{"id": A, "customer": B}]), ("asked", {"id": A}))
    assert not matches(found, {"id": A}, {"id": B})
    assert not matches(found, {"id": A}, {"id": C})
    assert matches(found, {"id": A}, {"id": A})


def test_what_the_app_was_given_is_not_what_it_makes() -> None:
    found = links(("answered", {"customer": B}), ("asked", {"id": A}))
    assert not matches(found, {"id": A}, {"id": B})


def test_what_was_asked_and_matched_is_what_it_was() -> None:
    found = links(("asked", {"id": A}), ("asked", {"id": A}))
    assert not matches(found, {"id": A}, {"id": C}, used=(0,))


def test_a_value_follows_its_source() -> None:
    found = links(("inbound", {"id": A}), ("asked", {"order": A}))
    found.learn({"id": A}, {"id": C})
    assert matches(found, {"order": A}, {"order": C})
    assert not matches(found, {"order": A}, {"order": D})
    assert not matches(found, {"order": A}, {"order": A})


def test_a_test_may_send_what_it_likes() -> None:
    found = links(("inbound", {"id": A}), ("asked", {"order": A}), inbound_seen=False)
    assert matches(found, {"order": A}, {"order": C})
    assert not matches(found, {"order": A}, {"order": D})


def test_a_row_of_another_number_is_followed() -> None:
    found = links(("answered", {"rows": [{"id": 12}]}))
    found.learn({"rows": [{"id": 12, "name": "tea"}]}, {"rows": [{"id": 17, "name": "tea"}]})
    assert matches(
        found,
        {"statement": "WHERE id = ?", "parameters": [12]},
        {"statement": "WHERE id = ?", "parameters": [17]},
    )
    assert matches(found, "GET /orders/12", "GET /orders/17")
    assert matches(found, [12], [12])
    assert not matches(found, [12], [18])
    assert not matches(found, [17], [12])
    assert not matches(found, [1], [2])


def test_a_number_of_two_meanings_is_followed_as_what_it_is_a_name_of() -> None:
    found = links()
    found.learn({"id": 1, "quantity": 1}, {"id": 2, "quantity": 3})
    assert matches(found, [1], [2])
    assert not matches(found, [1], [3])


def test_a_number_with_two_names_is_not_followed() -> None:
    found = links()
    found.learn([{"id": 12, "customer_id": 12}], [{"id": 17, "customer_id": 18}])
    assert not matches(found, [12], [17])
    assert not matches(found, [12], [18])


@pytest.mark.parametrize(
    ("recorded", "live", "same"),
    [
        (RECORDED + 1, NOW + 2, True),
        (int(RECORDED * 1000), int(NOW * 1000) + 3000, True),
        ("2026-11-26T21:53:21+00:00", "2026-11-29T22:06:41+00:00", True),
        ("2026-11-26T21:53:21+00:00", "2026-11-26T21:53:25+00:00", True),  # the clock of the session
        ("2026-12-26T21:53:21Z", "2026-12-29T22:06:41Z", True),  # in thirty days
        ("2026-11-26", "2026-11-29", True),
        ("2026-11-26T21:53:21+00:00", "2026-11-27T22:06:41+00:00", False),
        ("2020-01-01T00:00:00", "2021-01-01T00:00:00", False),
        (1234567890, 1234567899, False),  # no moment of that recording
    ],
)
def test_moments_may_differ_by_the_time_that_passed(recorded: Any, live: Any, same: bool) -> None:
    assert matches(links(), [recorded], [live]) is same


def test_a_moment_that_was_answered_is_given_back() -> None:
    before, after = "2026-11-26T21:53:21+00:00", "2026-11-29T22:06:41+00:00"
    assert not matches(links(("answered", {"at": before})), {"since": before}, {"since": after})


def test_a_digest_is_free_only_when_it_was_drawn() -> None:
    digest, other = "d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661"
    assert not matches(links(), [f"cache:{digest}"], [f"cache:{other}"])
    assert matches(links(by_chance=(digest,)), [f"cache:{digest}"], [f"cache:{other}"])


def test_an_answer_is_given_with_the_values_of_this_run() -> None:
    found = links()
    found.learn({"id": A, "number": 12, "name": "ann"}, {"id": C, "number": 17, "name": "bob"})
    answer = {
        "order": A,
        "of": [A.replace("-", ""), B],
        "number": 12,
        "amount": 12,
        "name": "ann",
        "x": "ann",
    }
    assert followed(answer, found) == {
        "order": C,
        "of": [C.replace("-", ""), B],
        "number": 17,
        "amount": 12,
        "name": "bob",
        "x": "ann",
    }
    text = f'{{"order": "{A}", "number": 12, "amount": 12, "order_id": 12, "f": 12.5}}'
    assert (
        followed(text, found) == f'{{"order": "{C}", "number": 17, "amount": 12, "order_id": 17, "f": 12.5}}'
    )


def test_what_stands_for_the_recorded_is_no_difference() -> None:
    found = links(("inbound", {"id": A}))
    found.learn({"id": A}, {"id": C})
    recorded = {"id": A, "made": B, "n": 1, "items": [{"id": A}, {"id": B}], "text": f"a\n{A}\nb"}
    live = {"id": C, "made": D, "n": 2, "items": [{"id": C}, {"id": A}], "text": f"a\n{C}\nc"}
    assert reconciled(recorded, live, found) == {
        "id": C,
        "made": D,
        "n": 1,
        "items": [{"id": C}, {"id": B}],
        "text": f"a\n{C}\nb",
    }


def test_what_happens_time_and_again_has_other_values_in_each_round() -> None:
    found = links(("asked", {"id": A}), ("asked", {"of": A}), ("asked", {"id": B}), clock=lambda: NOW)
    assert matches(found, {"id": A}, {"id": C})
    assert not matches(found, {"of": A}, {"of": D})  # the first round: it is C there
    assert matches(found, {"of": A}, {"of": C})
    assert matches(found, {"id": A}, {"id": D}, again=True)
    assert matches(found, {"of": A}, {"of": D}, again=True)
    assert matches(found, {"of": A}, {"of": C})  # a round before that goes on beside this one
    assert matches(found, {"id": B}, {"id": B})
    assert not matches(found, {"id": B}, {"id": D}, again=True)
    # without a clock there is one round
    once = links(("asked", {"id": A}))
    assert matches(once, {"id": A}, {"id": C})
    assert not matches(once, {"id": A}, {"id": D}, again=True)


def test_a_free_value_comes_before_one_of_a_round_before() -> None:
    found = links(("asked", {"id": A}), ("asked", {"id": B}), clock=lambda: NOW)
    assert matches(found, {"id": A}, {"id": C})
    (_, was), (_, other), (_, now) = shape({"id": A}), shape({"id": B}), shape({"id": D})
    again, anew = found.judge(was, now, again=True), found.judge(other, now)
    assert again is not None
    assert anew is not None
    assert (again.new, anew.new) == (2, 1)


def test_a_round_s_moments_are_those_of_its_calls() -> None:
    hour = 3600.0
    later = links(("asked", RECORDED + hour), clock=lambda: NOW + 5 * hour)
    assert matches(later, RECORDED + hour, NOW + 5 * hour, asked_at=RECORDED + hour)
    assert matches(later, RECORDED + hour, NOW + hour, asked_at=RECORDED + hour)  # as long after the start
    assert not matches(later, RECORDED + hour, NOW + 3 * hour, asked_at=RECORDED + hour)
    assert not matches(later, RECORDED + hour, NOW + 5 * hour)
    assert not matches(
        links(("asked", RECORDED + hour)), RECORDED + hour, NOW + 5 * hour, asked_at=RECORDED + hour
    )
