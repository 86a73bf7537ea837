"""Literals: what they are worth, and how they are laid out."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from timetracer_otel.generating import layout

TEXTS = st.text() | st.text(alphabet="\"'\\\n\r\t{}#;()\u202e\u2028\ud800\x00x")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)


@given(VALUES, st.integers(0, 80))
def test_a_literal_is_worth_its_value(value: Any, before: int) -> None:
    source = layout.literal(value, 4, before)
    assert ast.literal_eval(source) == value
    assert repr(ast.literal_eval(source)) == repr(value)


@given(st.binary() | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_so_are_bytes(value: bytes) -> None:
    assert ast.literal_eval(layout.one_line(value)) == value


@given(st.lists(st.tuples(st.sampled_from(["", "json", "headers"]), VALUES), max_size=4))
def test_a_call_is_one_call_of_literals(arguments: list[tuple[str, Any]]) -> None:
    positional = [("", value) for name, value in arguments if not name]
    named = list({name: value for name, value in arguments if name}.items())
    (statement,) = ast.parse(layout.call("send", [*positional, *named], 0)).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert [ast.literal_eval(one) for one in statement.value.args] == [value for _, value in positional]
    assert [(one.arg, ast.literal_eval(one.value)) for one in statement.value.keywords] == named


WORDS = st.text(alphabet="abcdefghij \"'éß", max_size=30)
SHOWN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | WORDS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=30,
)


def test_ruff_leaves_it_as_it_is() -> None:
    written: list[str] = []

    @given(SHOWN, SHOWN)
    def write(one: Any, other: Any) -> None:
        written.append(
            f"def test_{len(written)}(app):\n"
            + "    "
            + layout.call("response = replay.request", [("", "POST"), ("json", one)], 4)
            + "\n"
            + "    assert response.json() == "
            + layout.literal(other, 4, 26)
            + "\n"
        )

    write()
    source = "\n\n".join(written)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"],
        input=source, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("", 0), done.stderr
