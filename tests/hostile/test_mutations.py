"""Real cassettes with something else at a place anywhere in them: read, or refused, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli import samples
from tests.fuzzing.targets import TARGETS

DOCUMENTS = [json.loads(cassette.dump()) for cassette in (samples.checkout(), samples.failing())]
Path = tuple[str | int, ...]


def paths(document: Any, here: Path = ()) -> Iterator[Path]:
    """Every place in a document."""
    if here:
        yield here
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for key, item in items:
            yield from paths(item, (*here, key))


PLACES = [(number, path) for number, document in enumerate(DOCUMENTS) for path in paths(document)]
OTHER = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["[]", "{}", "[[]]", '{"$tuple":[]}', '{"$dict":[[1,2]]}', "NaN", "1" * 16, "\x1b[2J", "a\r\nb"]
    )
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(), st.integers(), max_size=2)
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(PLACES), OTHER), min_size=1, max_size=3))
def test_another_type_at_any_place(changes: list[tuple[tuple[int, Path], Any]]) -> None:
    number = changes[0][0][0]
    document = json.loads(json.dumps(DOCUMENTS[number]))
    for (_, path), other in changes:
        _put(document, path, other)
    TARGETS["cassette"](json.dumps(document).encode())


def _put(document: Any, path: Path, other: Any) -> None:
    """Put it there, where the place is still there."""
    for key in path[:-1]:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(document, dict) or (isinstance(document, list) and path[-1] in range(len(document))):
        place: Any = path[-1]
        document[place] = other
