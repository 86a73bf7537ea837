"""Secrets: the application has its true data while recording; a cassette never has them."""

from __future__ import annotations

import json

import pytest

from tests.fidelity.conftest import Stage
from tests.fidelity.wire import Request, send
from tests.slow import FIRST_FASTAPI

SECRETS = ("s3cret-password", "s3cret-bearer", "oat-milk", "extra-large", "t0ken-of-ada", "k-1234567")
REQUEST = Request(
    "POST",
    "/in/secrets",
    (
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer s3cret-bearer"),
        ("Cookie", "session=s3cret-bearer"),
    ),
    json.dumps({"user": "ada", "password": "s3cret-password"}).encode(),
)
TRUE = {
    "cookies are true": True,
    "token is true": True,
    "told beside the token": {"expires_in": 3600, "user": "ada"},
    "basket": "basket",
}
MASKED = {**TRUE, "cookies are true": False, "token is true": False}


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_masked_in_the_cassette_and_still_replayed(framework: str, stage: Stage) -> None:
    with stage.recording(framework) as server:
        recorded = send(server.port, REQUEST)
    on_disk = {secret for path in stage.recorded() for secret in SECRETS if secret in path.read_text()}
    with stage.no_services(), stage.replaying(framework) as server:
        replayed = send(server.port, REQUEST)

    assert json.loads(recorded.body) == TRUE
    assert on_disk == set()
    assert (replayed.status, json.loads(replayed.body)) == (200, MASKED)


@pytest.mark.parametrize("framework", FIRST_FASTAPI)
def test_without_masking_the_answer_is_the_same(framework: str, stage: Stage) -> None:
    with stage.recording(framework, TIMETRACER_REDACT="false") as server:
        recorded = send(server.port, REQUEST)
    with stage.no_services(), stage.replaying(framework, TIMETRACER_REDACT="false") as server:
        replayed = send(server.port, REQUEST)

    assert json.loads(recorded.body) == TRUE
    assert replayed == recorded
