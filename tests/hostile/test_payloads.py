"""A cassette that is whole and whose messages are not: shown with the reason, never replayed by halves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.payloads import MESSAGES
from tests.hostile.reader import Reader

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
"""


@pytest.fixture(scope="module", autouse=True)
def app(directory: Path) -> None:
    """An app that makes no call, and answers as recorded."""
    (directory / "hostile_app.py").write_text(APP)


@pytest.mark.parametrize("what", MESSAGES)
def test_a_message_that_cannot_be_is_named(reader: Reader, directory: Path, what: str) -> None:
    cassette, reason = MESSAGES[what]
    path = directory / "payload.json"
    path.write_bytes(cassette.dump())

    listed = reader.run("list", path.name)
    assert (listed.status, listed.stderr) == (0, "")
    assert "GET /" in listed.stdout

    for full in ([], ["--full"]):
        shown = reader.run("show", *full, path.name)
        assert (shown.status, shown.stderr) == (0, "")
        assert "payload cannot be read: " in shown.stdout
    assert reader.run("show", "--json", path.name).status == 0

    checked = reader.run("validate", path.name)
    assert (checked.status, checked.stderr) == (1, "")
    bad, said, total = checked.stdout.splitlines()
    assert (bad, total) == ("BAD  payload.json", "1 file: 0 ok, 1 bad")
    assert said.startswith("     span 0000000000000002 (call): ")
    assert reason in said.replace("\\\\", "\\")
    assert len(said) < 500

    replayed = reader.run("replay", path.name, "--app", "hostile_app:app")
    assert replayed.status == 2
    verdict, why, total = replayed.stdout.splitlines()
    assert verdict.split("  ")[0] == "ERROR"
    assert why.strip() == f"it cannot be replayed: {said.strip()}"
    assert total.startswith("1 replayed: 1 error")

    compared = reader.run("diff", path.name, path.name)
    assert (compared.status, compared.stderr) == (2, "")
    verdict, why, total = compared.stdout.splitlines()
    assert verdict.split("  ")[0] == "ERROR"
    assert why.strip() == f"it cannot be compared: {said.strip()}"
    assert total == "1 compared: 1 error"
    path.unlink()
