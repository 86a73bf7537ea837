from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel.span import Resource
from timetracer_otel.store import FolderStore


def test_it_draws_the_tree_with_requests_and_answers(run: Run, checkout: Path) -> None:
    done = run("show", checkout)
    assert done.exit_code == 0
    assert done.stdout == (
        """\
POST /checkout  201  12.5 ms
│ 2026-11-18 11:06:40 UTC · trace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa · service shop · revision 4c1d2e0
│ → POST http://shop/checkout?dry=1
│ → {"product_id": 1, "quantity": 2}
│ ← {"id":7}
│ values drawn: 2 clock, 1 uuid4
├─ sqlalchemy  SELECT id, price, since FROM product WHERE id > $1  2.5 ms
│    → [0]
│    ← 7 rows: id, price, since
│      [1, 1.25, 2026-11-01]
│      [2, 1.25, 2026-11-02]
│      [3, 1.25, 2026-11-03]
│      [4, 1.25, 2026-11-04]
│      [5, 1.25, 2026-11-05]
│      … 2 more rows
├─ pay  6.0 ms
│  └─ httpx  POST http://payments/charges  402  4.0 ms
│       → {"amount":"2.50"}
│       ← {"declined":true}
└─ redis  SET cart:1 b'\\xff'; EXPIRE cart:1 60  250 µs
     ← [true, null]
1 gap
  masked: header authorization  (POST)
"""
    )


def test_an_exception_is_drawn_where_it_was_raised(run: Run, checkout: Path) -> None:
    assert run("show", "b" * 32).stdout == (
        """\
PUT /products/{id}  500  3.0 ms  ERROR IntegrityError: duplicate key
│ 2026-11-18 12:06:40 UTC · trace bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb · service shop · revision 4c1d2e0
│ → PUT http://shop/products/1
│ ← Internal Server Error
│ ✗ sqlalchemy.exc.IntegrityError: duplicate key
└─ sqlalchemy  INSERT INTO product (id) VALUES ($1)  1.0 ms  ERROR IntegrityError: duplicate key
     → [1]
     ✗ sqlalchemy.exc.IntegrityError("duplicate key")
       ✗ asyncpg.UniqueViolationError("id")
"""
    )


def test_full_leaves_nothing_out(run: Run, checkout: Path) -> None:
    rows = [row.strip("│├└─ ") for row in run("show", "--full", checkout, "bbbb").stdout.splitlines()]
    for shown in (
        "[7, 1.25, 2026-11-07]",
        "→ SELECT id, price,",
        '→ {"product_id": 1,  "quantity": 2}',
        "X-Try: 1",
        '• uuid4 gave "f00d"',
        'File "app.py", line 3',
    ):
        assert rows.count(shown) == 1


@pytest.mark.parametrize("name", ["aaaa", "A" * 16, "a" * 20, "a" * 32])
def test_a_cassette_is_found_by_the_beginning_of_its_id(run: Run, checkout: Path, name: str) -> None:
    assert run("show", name).stdout == run("show", checkout).stdout


def test_an_id_is_found_whatever_the_file_is_called(run: Run, checkout: Path) -> None:
    shown = run("show", checkout).stdout
    checkout.rename(checkout.with_name("renamed"))
    checkout.with_name("damaged.json").write_text("{")
    assert run("show", "aaaa").stdout == shown


def test_an_id_is_looked_for_in_the_store_that_is_named(run: Run, checkout: Path) -> None:
    FolderStore("others").write(samples.checkout(trace="d"))
    assert run("show", "--dir", "others", "dddd").exit_code == 0
    assert run("show", "--dir", "others", "aaaa").stderr == (
        "error: aaaa: there is no such file, and no cassette of that id in others\n"
    )


def test_an_id_of_several_is_not_guessed(run: Run, checkout: Path) -> None:
    other = checkout.with_name("copy.json")
    other.write_bytes(checkout.read_bytes())
    checkout.rename(checkout.with_name("first.json"))
    done = run("show", "aaaa")
    assert done.exit_code == 2
    assert done.stderr == (
        f"error: aaaa begins the id of 2 cassettes; name one: {other}, {checkout.with_name('first.json')}\n"
    )


def test_a_payload_that_cannot_be_read_hides_no_other(run: Run, directory: Path) -> None:
    cassette = samples.checkout()
    cassette.spans[1].attributes["timetracer.db.parameters"] = '{"$decimal": "no number"}'
    path = FolderStore(directory).write(cassette)
    done = run("show", path)
    assert done.exit_code == 0
    assert done.stdout.count("payload cannot be read") == 1
    assert '← {"declined":true}' in done.stdout


def test_json_is_the_cassette_as_plain_data(run: Run, checkout: Path) -> None:
    (shown,) = samples.objects(run("show", "--json", checkout).stdout)
    spans = shown.pop("spans")
    assert shown == {
        "path": str(checkout),
        "title": "POST /checkout",
        "trace_id": "a" * 32,
        "span_id": f"{1:016x}",
        "started_unix_nano": samples.BEGAN,
        "duration_ms": 12.5,
        "status": 201,
        "error": False,
        "resource": {
            "service.name": "shop",
            "timetracer.cassette.version": "1",
            "vcs.ref.head.revision": "4c1d2e0",
        },
        "request": {
            "method": "POST",
            "url": "http://shop/checkout?dry=1",
            "headers": [["Content-Type", "application/json"]],
            "body": '{"product_id": 1,  "quantity": 2}',
            "complete": True,
            "headers_recorded": True,
        },
        "answer": {
            "status": 201,
            "headers": [["Content-Type", "application/json"]],
            "body": '{"id":7}',
            "chunks": None,
            "reason": None,
            "http_version": None,
            "complete": True,
            "failure": None,
        },
        "gaps": [{"kind": "masked", "detail": "header authorization", "span_id": f"{4:016x}"}],
    }
    assert isinstance(spans, list)
    assert [(one["name"], one["parent_span_id"], one["offset_ms"], one["duration_ms"]) for one in spans] == [
        ("POST /checkout", None, 0.0, 12.5),
        ("SELECT shop", f"{1:016x}", 1.0, 2.5),
        ("pay", f"{1:016x}", 4.0, 6.0),
        ("POST", f"{3:016x}", 5.0, 4.0),
        ("PIPELINE", f"{1:016x}", 11.0, 0.25),
    ]
    assert spans[4]["call"] == {
        "integration": "redis",
        "family": "redis",
        "index": 2,
        "lane": 1,
        "request": {
            "arguments": [["SET", "cart:1", {"$bytes": "/w=="}], ["EXPIRE", "cart:1", 60]],
            "pipeline": True,
            "transaction": False,
        },
        "answer": {"value": [True, None], "extra": {}},
    }


def test_a_service_that_nobody_named_has_no_name(run: Run, directory: Path) -> None:
    cassette = samples.checkout()
    unnamed = {**cassette.resource.attributes, "service.name": "unknown_service:python"}
    for span in cassette.spans:
        span.resource = Resource(unnamed)
    heading = run("show", FolderStore(directory).write(cassette)).stdout.splitlines()[1]
    assert heading == f"│ 2026-11-18 11:06:40 UTC · trace {'a' * 32} · revision 4c1d2e0"


def test_a_folder_is_not_a_cassette(run: Run, checkout: Path) -> None:
    assert run("show", "cassettes").stderr == "error: cassettes: that is a folder; name one cassette in it\n"
