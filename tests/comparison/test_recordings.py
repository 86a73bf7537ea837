"""Two recordings, or two folders of them, against each other."""

from __future__ import annotations

from pathlib import Path

from tests.replaying.recorded import JSON, Made, cassette, get, redis, sql
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison.folders import Compared, compare_folders
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.volatile import Rules

NO_RULES = Rules()
ONE, OTHER = "0b54c3ab-7d5f-4b40-9e0a-2f7f5f6d3c11", "c0ffee00-1234-4abc-8def-0123456789ab"


def asked(path: str, body: bytes = b"") -> HttpRequest:
    return HttpRequest("POST", f"http://shop.local{path}", [JSON], body)


def answered(body: str) -> HttpResponse:
    return HttpResponse(200, [JSON], body.encode())


def compared(
    folder: Path, first: list[Cassette], second: list[Cassette], rules: Rules = NO_RULES
) -> list[Compared]:
    """What is said of two folders with those cassettes."""
    files = []
    for name, cassettes in (("a", first), ("b", second)):
        (folder / name).mkdir()
        made = [folder / name / f"{number}.json" for number in range(len(cassettes))]
        for path, one in zip(made, cassettes, strict=True):
            path.write_bytes(one.dump())
        files.append(made)
    return list(compare_folders(files[0], files[1], rules=rules))


def of_order(order: str, *more: Made, total: int = 5) -> Cassette:
    """A request that makes an order of that id, tells three others of it, and answers it."""
    told = HttpRequest("POST", "http://mail/send", [JSON], f'{{"order": "{order}"}}'.encode())
    return cassette(
        Made(told, answered("{}")),
        redis("SET", f"order:{order}", "open", reply=True),
        sql("INSERT INTO orders VALUES (?, ?)", [order, total]),
        *more,
        asked=asked("/orders"),
        answered=answered(f'{{"order": "{order}", "total": {total}}}'),
    )


def test_an_id_that_flows_is_the_same_and_is_said_to(tmp_path: Path) -> None:
    (one,) = compared(tmp_path, [of_order(ONE)], [of_order(OTHER)])
    assert (one.outcome, one.differences, one.notes) == (
        "same",
        [],
        ["values that no two runs share (ids, times, tokens) are others in B, wherever they flow"],
    )


def test_what_else_is_different_is_one_line_each(tmp_path: Path) -> None:
    (one,) = compared(tmp_path, [of_order(ONE, get("/EUR"))], [of_order(OTHER, total=6)])
    assert (one.outcome, one.differences) == (
        "different",
        [
            "changed write: SQL parameter [1]: A 5, B 6 in INSERT INTO orders VALUES (?, ?)",
            "missing in B: GET http://rates/EUR",
            "response body $.total: A 5, B 6",
        ],
    )


def test_what_the_world_answered_otherwise_is_said_once(tmp_path: Path) -> None:
    first, second = (
        cassette(get("/EUR", rate), asked=asked("/price"), answered=answered('{"ok": true}'))
        for rate in (b"1.5", b"1.6")
    )
    (one,) = compared(tmp_path, [first], [second])
    assert one.differences == ["answer of GET http://rates/EUR: response body $: A 1.5, B 1.6"]


def test_those_belong_together_that_were_asked_the_same(tmp_path: Path) -> None:
    first = [cassette(asked=asked(f"/{name}"), trace=f"{at:032x}") for at, name in enumerate("abc", 1)]
    second = [cassette(asked=asked(f"/{name}"), trace=f"{at:032x}") for at, name in enumerate("dcb", 7)]
    told = [(one.title, one.outcome, one.differences) for one in compared(tmp_path, first, second)]
    assert told == [
        ("POST /a", "different", ["only in A"]),
        ("POST /b", "same", []),
        ("POST /c", "same", []),
        ("POST /d", "different", ["only in B"]),
    ]


def test_allowed_methods_are_a_set(tmp_path: Path) -> None:
    """Django REST framework and Werkzeug write them in another order in each process."""

    def allowing(methods: str) -> Cassette:
        return cassette(asked=asked("/orders"), answered=HttpResponse(405, [JSON, ("Allow", methods)], b"{}"))

    found = compared(
        tmp_path,
        [allowing("GET, HEAD,OPTIONS"), allowing("GET, HEAD")],
        [allowing("OPTIONS, GET, HEAD"), allowing("GET, POST")],
    )
    assert [one.differences for one in found] == [
        [],
        ["response header allow: A 'GET, HEAD', B 'GET, POST'"],
    ]
