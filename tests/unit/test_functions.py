"""Calls of functions as messages: for libraries whose protocol is no family of its own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetracer_otel import attributes as names
from timetracer_otel.errors import CodecError
from timetracer_otel.messages import FunctionCall, FunctionResult, read_answer, read_request
from timetracer_otel.redaction import MASK, Redactor
from timetracer_otel.views.messages import message_lines

FORECAST = FunctionCall("weather.Client.forecast", ["Rome", date(2026, 11, 21)], {"days": 3}, reads=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.decimals(allow_nan=False),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)


def test_what_a_call_says() -> None:
    assert FORECAST.title() == "weather.Client.forecast('Rome', datetime.date(2026, 11, 21), days=3)"
    assert FORECAST.writes is False
    assert FORECAST.span_attributes() == {"code.function.name": "weather.Client.forecast"}
    assert FORECAST.attributes() == {
        "timetracer.function.name": "weather.Client.forecast",
        "timetracer.function.arguments": '[["Rome",{"$date":"2026-11-21"}],{"days":3}]',
        "timetracer.function.reads": True,
    }


def test_a_call_that_says_nothing_else_changes_the_world() -> None:
    assert FunctionCall("mail.send").writes


@given(st.text(min_size=1), st.lists(values), st.dictionaries(st.text(), values), st.booleans())
def test_a_call_is_read_back(
    name: str, arguments: list[object], keywords: dict[str, object], reads: bool
) -> None:
    call = FunctionCall(name, arguments, keywords, reads)
    again = read_request("function", call.attributes())
    assert again == call
    assert isinstance(again, FunctionCall)
    assert again.key() == call.key()


@given(values)
def test_a_result_is_read_back(value: object) -> None:
    assert read_answer("function", FunctionResult(value).attributes()) == FunctionResult(value)


def test_the_order_of_keywords_does_not_matter_and_types_do() -> None:
    one = FunctionCall("f", [1], {"a": 1, "b": 2})
    assert one.key() == FunctionCall("f", [1], {"b": 2, "a": 1}).key()
    assert one.key() != FunctionCall("f", [Decimal(1)], {"a": 1, "b": 2}).key()
    assert one.key() != FunctionCall("g", [1], {"a": 1, "b": 2}).key()


@pytest.mark.parametrize("text", ["[]", "[[], []]", "[{}, {}]", "7"])
def test_arguments_of_another_shape_are_refused(text: str) -> None:
    with pytest.raises(CodecError, match=r"timetracer\.function\.arguments"):
        read_request("function", {names.FUNCTION_NAME: "f", names.FUNCTION_ARGUMENTS: text})


def test_secrets_are_masked_in_keywords_and_fields() -> None:
    masked: list[str] = []
    redactor = Redactor()
    call = redactor.message(
        FunctionCall("login", [{"password": "p4ss"}], {"api_key": "k3y", "user": "ann"}), masked
    )
    assert call == FunctionCall("login", [{"password": MASK}], {"api_key": MASK, "user": "ann"})
    result = redactor.message(FunctionResult({"token": "t0ken", "name": "Ann"}), masked)
    assert result == FunctionResult({"token": MASK, "name": "Ann"})
    assert masked == ["argument field password", "argument field api_key", "result field token"]


def test_how_a_call_is_shown() -> None:
    said = [str(line) for line in message_lines(FunctionResult([1, 2]), full=False)]
    assert len(said) == 1
    assert "[1, 2]" in said[0]
    assert len(list(message_lines(FORECAST, full=True))) == 3
