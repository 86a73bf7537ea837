"""Which changes of the code a replay reports, and what it does not."""

from __future__ import annotations

from tests.regressions.conftest import PATHS, Recorded

CAUGHT = {
    "field": "response body $.order.total: recorded 3.0, live 4.5",
    "query": "missing: SELECT count(*) FROM product",
    "extra": "extra: GET {upstream}/flags",
    "writes": (
        "re-ordered write: UPDATE product SET stock = stock - 1 WHERE id = 1: live before"
        " INSERT INTO journal (word) VALUES ('reserved')"
    ),
    "parameter": (
        "changed: SQL parameter [1]: recorded 2, live 3 in"
        " SELECT name FROM product WHERE stock > ? AND id < ?"
    ),
    "key": "changed: Redis key: recorded 'cart:1', live 'basket:1' in GET cart:1",
}
"""The one line that each change of the code is."""


def test_each_change_of_the_code_is_named_in_one_line(recorded: Recorded) -> None:
    verdicts = recorded.verdicts("--slower-than", "250ms", shop="shop_changed")
    upstream = recorded.environment["UPSTREAM_URL"]
    told = {path: verdicts[path]["differences"] for path in verdicts if verdicts[path]["outcome"] != "same"}
    slow, swallowed = told.pop("slow"), told.pop("swallowed")
    assert told == {path: [line.replace("{upstream}", upstream)] for path, line in CAUGHT.items()}
    assert [line.partition(": recorded")[0] for line in slow] == ["slower: between GET before and GET after"]
    assert [line.partition(" for url")[0] for line in swallowed] == [
        "exception swallowed: recorded HTTPStatusError: Server error '503 Service Unavailable'"
    ]


def test_what_no_two_runs_share_is_not_reported(recorded: Recorded) -> None:
    verdicts = recorded.verdicts(shop="shop_restless")
    assert {path: (one["outcome"], one["differences"], one["notes"]) for path, one in verdicts.items()} == {
        path: ("same", [], []) for path in PATHS
    }
