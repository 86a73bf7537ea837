from __future__ import annotations

from pathlib import Path

from tests.cli import samples
from tests.cli.conftest import Run
from timetracer_otel.span import Resource
from timetracer_otel.store import FolderStore


def test_it_names_every_file_and_its_gaps(run: Run, checkout: Path) -> None:
    done = run("validate")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        f"""\
ok   {checkout}  3 calls  1 gap
     masked: header authorization
ok   {checkout.with_name("PUT__products_id__bbbbbbbbbbbbbbbb.json")}  1 call
2 files: 2 ok, 0 bad
"""
    )


def test_a_bad_file_is_a_failure_that_gives_its_reason(run: Run, checkout: Path) -> None:
    damaged = checkout.with_name("damaged.json")
    damaged.write_text('{"resourceSpans": []}')
    done = run("validate", damaged, checkout)
    assert done.exit_code == 1
    assert done.stdout == (
        f"""\
BAD  {damaged}
     there are no spans in it
ok   {checkout}  3 calls  1 gap
     masked: header authorization
2 files: 1 ok, 1 bad
"""
    )


def test_a_message_that_cannot_be_read_makes_a_file_bad(run: Run, directory: Path) -> None:
    cassette = samples.checkout()
    cassette.spans[1].attributes["timetracer.db.parameters"] = '{"$no_such_tag": 1}'
    FolderStore(directory / "cassettes").write(cassette)
    done = run("validate")
    assert done.exit_code == 1
    assert "no_such_tag" in done.stdout


def test_structure_without_payloads_is_valid_and_says_that_it_cannot_be_replayed(
    run: Run, directory: Path
) -> None:
    cassette = samples.checkout()
    for span in cassette.spans:
        span.attributes = {}
        span.resource = Resource()
    path = FolderStore(directory / "cassettes").write(cassette)
    done = run("validate", "--json", path)
    assert done.exit_code == 0
    assert samples.objects(done.stdout) == [
        {
            "path": str(path),
            "ok": True,
            "reason": "it holds structure only: no request and no answer was recorded with its spans",
            "replayable": False,
            "calls": 0,
            "gaps": [],
        }
    ]


def test_json_is_one_object_a_line(run: Run, checkout: Path) -> None:
    Path("damaged").write_text('{"resourceSpans": []}')
    done = run("validate", "--json", "damaged", checkout)
    assert done.exit_code == 1
    assert samples.objects(done.stdout) == [
        {
            "path": "damaged",
            "ok": False,
            "reason": "there are no spans in it",
            "replayable": False,
            "calls": 0,
            "gaps": [],
        },
        {
            "path": str(checkout),
            "ok": True,
            "reason": None,
            "replayable": True,
            "calls": 3,
            "gaps": [{"kind": "masked", "detail": "header authorization", "span_id": f"{4:016x}"}],
        },
    ]


def test_a_path_that_is_not_there_is_told_apart_from_a_bad_file(run: Run) -> None:
    done = run("validate", "nowhere")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: nowhere: there is no such folder or file; record some first\n"
