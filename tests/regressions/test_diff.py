"""Two recordings of the same requests against each other."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.regressions.conftest import PATHS, Recorded
from tests.regressions.test_changes import CAUGHT


def test_two_recordings_differ_in_nothing_but_time_and_volatile_values(
    recorded_by: Callable[[str], Recorded],
) -> None:
    shop = recorded_by("fastapi")
    again = shop.record("again")
    done = shop.run("diff", str(shop.cassettes), str(again))
    assert done.stdout.splitlines()[-1] == (
        f"{len(PATHS)} compared: {len(PATHS)} same but for time and values that no two runs share"
    ), done.stdout
    assert done.returncode == 0


def test_a_recording_of_changed_code_is_different_where_the_code_is(
    recorded_by: Callable[[str], Recorded],
) -> None:
    shop = recorded_by("fastapi")
    changed = shop.record("changed", shop="shop_changed")
    done = shop.run(
        "diff", "--a", str(shop.cassettes), "--b", str(changed), "--json", "--slower-than", "250ms"
    )
    assert done.returncode == 1
    asked = {name.rpartition("/")[2]: path for name, path in shop.files().items()}
    compared = {asked[one["a"].rpartition("/")[2]]: one for one in map(json.loads, done.stdout.splitlines())}
    told = {path: one["differences"] for path, one in compared.items() if one["outcome"] != "same"}
    upstream = shop.environment["UPSTREAM_URL"]
    assert told.pop("slow")[0].startswith("slower: between GET before and GET after: A ")
    assert told.pop("swallowed")[0].startswith("exception swallowed: A HTTPStatusError: ")
    assert {path: lines[0] for path, lines in told.items()} == {
        path: as_diff(line.replace("{upstream}", upstream)) for path, line in CAUGHT.items()
    }


def as_diff(line: str) -> str:
    """What ``diff`` says of what a replay says so."""
    for word, side in (("recorded", "A"), ("live", "B")):
        line = line.replace(f": {word} ", f": {side} ").replace(f", {word} ", f", {side} ")
    return line.replace("missing: ", "missing in B: ").replace("extra: ", "extra in B: ")
