"""The value codec: what is written comes back as it was, and nothing that is read can do harm."""

from __future__ import annotations

import contextlib
import enum
import math
import re
import struct
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.values import Unsupported, copying, registry, writing

BERLIN = ZoneInfo("Europe/Berlin")


def fingerprint(value: Any) -> Any:
    """A value as something that is equal only for the same value of the same type."""
    kind = type(value)
    if kind is float:
        return kind, "nan" if math.isnan(value) else struct.pack("d", value)
    if kind is complex:
        return kind, fingerprint(value.real), fingerprint(value.imag)
    if kind is int:
        return kind, hex(value)
    if kind in (list, tuple):
        return kind, [fingerprint(item) for item in value]
    if kind in (set, frozenset):
        return kind, sorted(repr(fingerprint(item)) for item in value)
    if kind is dict:
        return kind, {repr(fingerprint(key)): fingerprint(item) for key, item in value.items()}
    if kind in (datetime, time):
        return kind, value.isoformat(), value.fold, repr(value.tzinfo)
    if kind is memoryview:
        return kind, bytes(value)
    return kind, repr(value)


zones = st.none() | st.just(UTC) | st.just(BERLIN) | st.just(timezone(timedelta(hours=-3, seconds=7), "X"))
numbers = (
    st.integers()
    | st.floats()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.complex_numbers()
    | st.booleans()
)
hashable = (
    st.none()
    | numbers
    | st.text(st.characters(exclude_categories=()))  # lone surrogates included
    | st.text(alphabet="$ab")
    | st.binary()
    | st.datetimes(timezones=zones, allow_imaginary=True)
    | st.dates()
    | st.times(timezones=st.none() | st.just(UTC) | st.just(BERLIN))
    | st.timedeltas()
    | st.uuids()
    | st.ip_addresses()
    | st.ip_addresses().map(ip_network)
    | st.ip_addresses().map(lambda address: ip_interface(f"{address}/7"))
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1))
    | st.sampled_from(
        [Path("a/b"), PurePosixPath("/c"), PureWindowsPath("C:\\d"), BERLIN, 10**4000, -(2**64)]
    )
)
immutable = st.recursive(
    hashable,
    lambda inner: st.lists(inner).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=5,
)
anything = st.recursive(
    immutable
    | st.builds(slice, hashable, hashable)
    | st.binary().map(bytearray)
    | st.binary().map(lambda data: memoryview(data)),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(immutable, inner)
        | st.dictionaries(st.text(alphabet="ab"), inner)
        | st.sets(immutable, max_size=4)
    ),
    max_leaves=12,
)


class TestRoundTrip:
    @given(anything)
    @example({"$decimal": "not a tag but data"})
    @example([{"": 1}, (), set(), {}, [], frozenset()])
    def test_what_is_written_is_read_back_the_same(self, value: Any) -> None:
        text, problems = values.dumps_checked(value)
        assert problems == []
        assert fingerprint(values.loads(text)) == fingerprint(value)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "null"),
            ({"name": "Ada", "n": [1, 2.5, True]}, '{"name":"Ada","n":[1,2.5,true]}'),
            (2**70, "1180591620717411303424"),
            (-0.0, "-0.0"),
            (math.inf, '{"$float":"inf"}'),
            (Decimal("1.250"), '{"$decimal":"1.250"}'),
            (b"\x00\xff", '{"$bytes":"AP8="}'),
            (bytearray(b"a"), '{"$bytearray":"YQ=="}'),
            (memoryview(b"a"), '{"$memoryview":"YQ=="}'),
            ((1, ("a",)), '{"$tuple":[1,{"$tuple":["a"]}]}'),
            ({"b", "a"}, '{"$set":["a","b"]}'),
            (frozenset({1}), '{"$frozenset":[1]}'),
            ({1: "a", "$b": 2}, '{"$dict":[[1,"a"],["$b",2]]}'),
            (datetime(2026, 11, 20, 9, 30), '{"$datetime":"2026-11-20T09:30:00"}'),
            (datetime(2026, 11, 20, tzinfo=UTC), '{"$datetime":"2026-11-20T00:00:00+00:00"}'),
            (
                datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
                '{"$datetime":{"text":"2026-10-25T02:30:00","zone":"Europe/Berlin","fold":1}}',
            ),
            (
                datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
                '{"$datetime":{"text":"2026-01-01T00:00:00+01:00","name":"CET"}}',
            ),
            (date(2026, 11, 20), '{"$date":"2026-11-20"}'),
            (time(9, 30), '{"$time":"09:30:00"}'),
            (timedelta(days=-1, microseconds=5), '{"$timedelta":[-1,0,5]}'),
            (uuid.UUID(int=1), '{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
            (Fraction(1, 3), '{"$fraction":[1,3]}'),
            (complex(1, -0.0), '{"$complex":[1.0,-0.0]}'),
            (range(0, 9, 2), '{"$range":[0,9,2]}'),
            (slice(1, None), '{"$slice":[1,null,null]}'),
            (ip_address("::1"), '{"$ipv6":"::1"}'),
            (ip_network("10.0.0.0/8"), '{"$ipv4_network":"10.0.0.0/8"}'),
            (ip_interface("10.1.2.3/8"), '{"$ipv4_interface":"10.1.2.3/8"}'),
            (PurePosixPath("/a"), '{"$posix_path":"/a"}'),
            ("\ud800", '{"$str":"7aCA"}'),
            pytest.param(-1 << 20_000, '{"$int":"-0x1' + "0" * 5_000 + '"}', id="-1 << 20000"),
        ],
    )
    def test_the_text_is_the_format(self, value: Any, text: str) -> None:
        assert values.dumps(value) == text
        assert fingerprint(values.loads(text)) == fingerprint(value)

    def test_rows_keep_their_types(self) -> None:
        rows = [(1, "a", Decimal("2.50"), None), (2, "b", Decimal("0"), 1.5)]
        assert fingerprint(values.loads(values.dumps(rows))) == fingerprint(rows)

    @pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}, lambda x: {0: x}])
    def test_two_hundred_levels_are_kept(self, wrap: Callable[[Any], Any]) -> None:
        value: Any = 1
        for _ in range(200):
            value = wrap(value)
        text, problems = values.dumps_checked(value)
        assert problems == []
        assert values.loads(text) == value


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Shout(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("code of a subclass must not run")


class Offset(tzinfo):
    def utcoffset(self, _when: datetime | None) -> timedelta:
        return timedelta(hours=2)

    def dst(self, _when: datetime | None) -> None:
        return None

    def tzname(self, _when: datetime | None) -> str:
        return "offset"


Point = namedtuple("Point", "x y")


class TestSimplifications:
    @pytest.mark.parametrize(
        ("value", "simple"),
        [
            (Colour.RED, "red"),
            (Level.HIGH, 3),
            (Shout("hey"), "hey"),
            ({Shout("key"): Shout("value")}, {"key": "value"}),
            (Point(1, 2), (1, 2)),
            (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
            (type("Money", (Decimal,), {})("1.5"), Decimal("1.5")),
            (
                datetime(2026, 1, 1, tzinfo=Offset()),
                datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            ),
        ],
    )
    def test_an_enum_member_is_its_value_and_a_subclass_its_base(self, value: Any, simple: Any) -> None:
        text, problems = values.dumps_checked(value)
        assert problems == []
        assert fingerprint(values.loads(text)) == fingerprint(simple)
        assert values.canonical(value) == values.canonical(simple)

    def test_an_ordered_dict_keeps_its_own_order(self) -> None:
        value = OrderedDict(a=1, b=2)
        value.move_to_end("a")
        assert values.dumps(value) == '{"b":2,"a":1}'


class Opaque:
    pass


class Silent:
    def __repr__(self) -> str:
        raise KeyError("no")


class Long:
    def __repr__(self) -> str:
        return "x" * 10_000


class TestUnsupported:
    def test_an_unknown_object_leaves_its_name_and_repr(self) -> None:
        name = f"{__name__}.Opaque"
        text, problems = values.dumps_checked({"a": [Opaque(), 1], "b": (Opaque,)})
        assert problems == [name, "type"]
        assert values.loads(text) == {
            "a": [Unsupported(name, f"<{name} object>"), 1],
            "b": (Unsupported("type", f"<class '{name}'>"),),
        }

    def test_it_is_found_again_in_the_text(self) -> None:
        decoy = '"$unsupported":"decoy"'
        text = values.dumps([Opaque(), decoy, {decoy: 1}])
        assert values.unsupported_in(text) == [f"{__name__}.Opaque"]
        assert values.unsupported([1, Opaque()]) == [f"{__name__}.Opaque"]
        assert values.unsupported_in(values.dumps(["plain"])) == []

    def test_what_was_unsupported_stays_so_and_is_named_again(self) -> None:
        read = values.loads(values.dumps(Opaque()))
        assert values.dumps_checked(read) == (values.dumps(Opaque()), [f"{__name__}.Opaque"])

    def test_a_repr_that_raises_or_never_ends_is_bounded(self) -> None:
        assert values.loads(values.dumps(Silent())).text == "<repr() raised KeyError>"
        assert values.loads(values.dumps(Long())).text == "x" * 197 + "..."

    def test_a_value_that_contains_itself_is_cut_there(self) -> None:
        value: list[Any] = [1]
        value.append({"self": value})
        assert values.loads(values.dumps(value)) == [1, {"self": Unsupported("list", "<contains itself>")}]

    def test_the_same_value_twice_is_no_cycle(self) -> None:
        shared = [Decimal(1)]
        assert values.loads(values.dumps([shared, shared])) == [[Decimal(1)], [Decimal(1)]]

    def test_a_value_nested_too_deep_is_cut(self) -> None:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        assert values.dumps(value) == (
            "[" * 201 + '{"$unsupported":"list","repr":"<nested deeper than 200>"}' + "]" * 201
        )

    def test_a_value_that_multiplies_without_bound_is_cut_as_a_whole(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "MAX_CONTAINERS", 2_000)
        monkeypatch.setattr(copying, "MAX_CONTAINERS", 2_000)
        value: list[Any] = [Decimal(1)]
        for _ in range(60):
            value = [value, value]
        assert values.loads(values.dumps(value)) == Unsupported("list", "<more than 2,000 containers>")
        assert values.snapshot(value) == Unsupported("list", "<more than 2,000 containers>")

    def test_an_integer_too_large_to_read_safely_is_cut(self) -> None:
        assert values.dumps_checked([1 << 300_000]) == (
            '[{"$unsupported":"int","repr":"<300001 bits>"}]',
            ["int"],
        )


class Degrees:
    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.fixture(scope="module")
def degrees() -> None:
    values.register(
        "test.degrees",
        Degrees,
        lambda angle: {"value": angle.value},
        lambda data: Degrees(data["value"]),
        copy=lambda angle: Degrees(angle.value),
    )


@pytest.mark.usefixtures("degrees")
class TestRegister:
    def test_a_registered_class_is_written_with_its_tag(self) -> None:
        text = values.dumps([Degrees(Decimal("1.5"))])
        assert text == '[{"$test.degrees":{"value":{"$decimal":"1.5"}}}]'
        [read] = values.loads(text)
        assert (type(read), read.value) == (Degrees, Decimal("1.5"))

    def test_a_payload_with_a_hole_makes_the_whole_unsupported(self) -> None:
        assert values.loads(values.dumps(Degrees(Opaque()))) == Unsupported(
            f"{__name__}.Degrees", f"<{__name__}.Degrees object>"
        )

    def test_an_encoder_that_raises_makes_the_value_unsupported(self) -> None:
        broken = Degrees(1)
        del broken.value
        assert values.unsupported(broken) == [f"{__name__}.Degrees"]

    def test_a_decoder_that_raises_is_a_codec_error(self) -> None:
        with pytest.raises(
            CodecError, match=r"payload of '\$test.degrees' is malformed \(KeyError: 'value'\)"
        ):
            values.loads('{"$test.degrees":{}}')

    def test_its_copies_are_made_by_its_own_function(self) -> None:
        original = Degrees(1)
        copy = values.snapshot([original])
        original.value = 2
        assert copy[0].value == 1

    @pytest.mark.parametrize("tag", ["decimal", "tuple", "unsupported"])
    def test_a_tag_has_one_owner(self, tag: str) -> None:
        with pytest.raises(ValueError, match=f"the tag '{tag}' is taken"):
            values.register(tag, Opaque, repr, lambda _: Opaque())

    def test_registering_again_replaces(self) -> None:
        values.register("test.opaque", Opaque, lambda _: 1, lambda _: Opaque())
        values.register("test.opaque", Opaque, lambda _: 2, lambda _: Opaque())
        try:
            assert values.dumps(Opaque()) == '{"$test.opaque":2}'
        finally:
            del registry.by_type[Opaque], registry.by_tag["test.opaque"]


class TestCanonical:
    @given(anything, anything)
    def test_equal_exactly_when_the_values_are(self, one: Any, other: Any) -> None:
        assert (values.canonical(one) == values.canonical(other)) == (fingerprint(one) == fingerprint(other))

    @given(st.dictionaries(hashable, anything, max_size=4))
    def test_the_order_of_a_dict_is_set_aside(self, value: dict[Any, Any]) -> None:
        backwards = dict(reversed(value.items()))
        assert values.canonical([value]) == values.canonical([backwards])

    @given(anything)
    def test_reading_changes_nothing(self, value: Any) -> None:
        assert values.canonical(values.loads(values.dumps(value))) == values.canonical(value)

    def test_numbers_that_python_calls_equal_differ(self) -> None:
        ones = [1, 1.0, True, Decimal(1), Fraction(1), complex(1)]
        assert len({values.canonical(one) for one in ones}) == len(ones)


TAGS = [f"${tag}" for tag in sorted({*registry.by_tag, *registry.RESERVED})]

# nothing but JSON's own characters gets far into the reader; these get further
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["$dict", "$unsupported", "repr"]), inner)
        | st.builds(
            lambda tag, payload: {tag: payload},
            st.sampled_from(TAGS),
            inner
            | st.fixed_dictionaries({"text": inner}, optional={"zone": inner, "name": inner, "fold": inner}),
        )
    ),
    max_leaves=10,
)


class TestHostileText:
    @given(st.text() | json_values.map(lambda value: msgspec.json.encode(value).decode()))
    @example('{"$time":{"text":"00:00","name":"x"}}')
    @example('{"$fraction":[1,0]}')
    @example('{"$range":[0,1,0]}')
    @example('{"$zone":"../../../etc/passwd"}')
    @example('{"$zone":"tzdata"}')
    @example('{"$path":"\\u0000"}')
    def test_reading_gives_a_value_or_a_codec_error_and_nothing_else(self, text: str) -> None:
        with contextlib.suppress(CodecError):
            values.dumps(values.loads(text))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"$pickle":"gASVAA=="}', "unknown tag '$pickle': install the library"),
            ("[1", "the value is not JSON: Input data was truncated"),
            ("1" * 1_000_000, "the value is not JSON"),
            ("[" * 100_000, "nested deeper than 200"),
            ("[" * 202 + "]" * 202, "nested deeper than 200"),
            ('{"a":' * 202 + "1" + "}" * 202, "nested deeper than 200"),
            ('{"$dict":[[1,' * 202 + "1" + "]]}" * 202, "nested deeper than 200"),
            ('{"$decimal":' * 300 + "1" + "}" * 300, "nested deeper than 200"),
            ('{"$int":"' + "1" * 1_000_000 + '"}', "payload of '$int' is malformed"),
            ('{"$int":"0x' + "f" * 1_000_000 + '"}', "payload of '$int' is malformed"),
            ('{"$decimal":1}', "payload of '$decimal' is malformed (TypeError: str expected, not int)"),
            ('{"$set":[[]]}', "payload of '$set' is malformed (TypeError: unhashable type: 'list')"),
            ('{"$dict":["ab"]}', "payload of '$dict' is malformed (TypeError: not a list of pairs)"),
            ('{"$tuple":"ab"}', "payload of '$tuple' is malformed (TypeError: not a list)"),
            ('{"$fraction":["1e999999999",1]}', "payload of '$fraction' is malformed"),
            ('{"$decimal":"1","x":2}', "not a tagged value: it has more than one key"),
            ('{"$unsupported":"a"}', "payload of '$unsupported' is malformed"),
            (
                '{"$datetime":{"text":"2026-01-01T00:00","zone":"No/Where"}}',
                "no time zone No/Where on this machine",
            ),
            ('{"$datetime":{"text":"2026-01-01T00:00","zone":"../x"}}', "not the name of a time zone"),
        ],
    )
    def test_the_error_says_what_is_wrong(self, text: str, message: str) -> None:
        with pytest.raises(CodecError, match=re.escape(message)):
            values.loads(text)


class TestSnapshot:
    @given(anything)
    def test_a_copy_is_the_same_value(self, value: Any) -> None:
        assert fingerprint(values.snapshot(value)) == fingerprint(value)

    def test_later_changes_do_not_reach_it(self) -> None:
        value: dict[str, Any] = {
            "list": [[1], {"a": {2}}],
            "tuple": ([3],),
            "bytes": bytearray(b"abc"),
            "view": memoryview(buffer := bytearray(b"xyz")),
        }
        copy = values.snapshot(value)
        value["list"][0].append("changed")
        value["list"][1]["a"].add("changed")
        value["tuple"][0].append("changed")
        value["bytes"][0] = 0
        buffer[0] = 0
        value["new"] = 1
        assert copy == {
            "list": [[1], {"a": {2}}],
            "tuple": ([3],),
            "bytes": bytearray(b"abc"),
            "view": memoryview(b"xyz"),
        }

    def test_what_cannot_change_is_not_copied(self) -> None:
        row = (1, "a", None)
        assert values.snapshot(row) is row

    def test_an_unknown_object_is_replaced(self) -> None:
        name = f"{__name__}.Opaque"
        assert values.snapshot([Opaque(), {"a": Silent()}]) == [
            Unsupported(name, f"<{name} object>"),
            {"a": Unsupported(f"{__name__}.Silent", "<repr() raised KeyError>")},
        ]

    def test_a_value_that_contains_itself_is_cut_there(self) -> None:
        value: dict[str, Any] = {}
        value["self"] = value
        assert values.snapshot(value) == {"self": Unsupported("dict", "<contains itself>")}
