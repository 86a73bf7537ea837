"""What looks as if it were another one in each run, and what does not."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any
from uuid import UUID

import pytest

from timetracer_otel.volatile import shape
from timetracer_otel.volatile.tokens import Atom, parts

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def jwt(claims: dict[str, Any], signature: str = "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U") -> str:
    texts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in texts), signature])


def told(text: str) -> list[str]:
    """What is fixed as it is, what may differ in brackets."""
    return [f"<{one.kind}>" if isinstance(one, Atom) else one for one in parts(text) if one]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"/orders/{ID}/lines", ["/orders/", "<uuid>", "/lines"]),
        (ID.upper(), ["<uuid>"]),
        (f"cart_{ID.replace('-', '')}", ["cart_", "<uuid>"]),
        ("since 2026-11-26T22:00:01.123+00:00.", ["since ", "<time>", "."]),
        ("2026-11-26", ["<time>"]),
        ("Thu, 26 Nov 2026 22:36:30 GMT", ["<time>"]),
        ("cart:1795730000:1795730000.123", ["cart:", "<time>", ":", "<time>"]),
        ("1795730000123", ["<time>"]),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", ["<token>"]),
        ("req_8dJ2kLmN0pQrStUv", ["req_", "<token>"]),
        ("lock-8dJ2kLmN0pQrStUv", ["lock-", "<token>"]),
        ("507f1f77bcf86cd799439011", ["<token>"]),
        (
            "00-0af7651916cd33dd8448eb211c80319c-b7ad6b7169203331-01",
            ["00-", "<token>", "-", "<token>", "-01"],
        ),
        (f"Bearer {jwt({'sub': 'ann', 'iat': 1})}", ["Bearer ", "<token>"]),
    ],
)
def test_what_looks_volatile(text: str, found: list[str]) -> None:
    assert told(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "12345678901",
        "SELECT * FROM orders WHERE customer_id = :customer_id",
        "my-very-long-slug-name-of-2020",
        "getCustomerOrderHistoryV2Response",
        "application/vnd.example.order+json",
        "INTERNATIONALIZATION_SETTINGS_2",
        "10.0.0.1:8080",
        "99995555123456",
        "2026-99-99",
    ],
)
def test_words_and_numbers_do_not(text: str) -> None:
    assert told(text) == [text] * bool(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e", False),  # MD5
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", False),  # SHA-1
        ("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", False),  # SHA-256
        ("21f7f8de-8051-5b89-8680-0195ef798b6a", False),  # version 5: of a name
        ("507f1f77bcf86cd799439011", True),
        (ID, True),
    ],
)
def test_a_digest_is_not_free_to_differ(one: str, other: bool) -> None:
    (atom,) = [part for part in parts(one) if isinstance(part, Atom)]
    assert atom.free is other


def test_a_token_differs_freely_only_in_its_moment_number_and_signature() -> None:
    first = shape(jwt({"sub": "ann", "iat": 1, "jti": "a"}))[0]
    assert shape(jwt({"sub": "ann", "iat": 2, "jti": "b"}, "A" * 43))[0] == first
    assert shape(jwt({"sub": "bob", "iat": 1, "jti": "a"}))[0] != first


def test_the_shape_of_data_sets_aside_what_looks_volatile_and_nothing_else() -> None:
    moment = dt.datetime(2026, 11, 26, 22, tzinfo=dt.UTC)
    data = {"id": UUID(ID), "at": moment, "n": 1795730000, "note": ["x", None, True, 1, b"y"]}
    other = {"note": ["x", None, True, 1, b"y"], "n": 1795730009, "at": moment, "id": UUID(int=0, version=4)}
    key, atoms = shape(data)
    assert [(atom.name, atom.kind) for atom in atoms] == [("at", "time"), ("id", "uuid"), ("n", "time")]
    assert shape(other)[0] == key
    for note in (["x", None, 1, 1, b"y"], ["x", None, True, 1.0, b"y"], ["x", None, True, 1, "y"], []):
        assert shape({**data, "note": note})[0] != key


def test_a_key_may_be_volatile() -> None:
    other = "9b2f5c1e-0d5c-4b4e-9a53-0b8a7f1f2c3d"
    assert shape({ID: 1, "total": 2})[0] == shape({"total": 2, other: 1})[0]
    assert shape({ID: 1})[0] != shape({other: 2})[0]
