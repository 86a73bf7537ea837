"""A check that is given a mask comes to what it came to; one that is given a credential is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bcrypt
import jwt
import pytest
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug import security

import timetracer_otel
from timetracer_otel import values
from timetracer_otel.redaction import MASK

KEY = "k" * 40
SESSIONS = URLSafeTimedSerializer(KEY)
TOKEN = jwt.encode({"sub": "7", "password": "S3same-one"}, KEY)
HASH = security.generate_password_hash("S3same-one")


def decoded(token: str) -> Any:
    try:
        return jwt.decode(token, KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        return type(error), str(error)


def loaded(cookie: str) -> Any:
    try:
        return SESSIONS.loads(cookie, max_age=60)
    except BadSignature as error:
        return type(error), str(error)


@pytest.fixture
def cassettes(tmp_path: Path) -> str:
    """A recording of three tokens, two passwords and a session."""
    with timetracer_otel.record(tmp_path):
        assert decoded(TOKEN) == {"sub": "7", "password": "S3same-one"}
        assert decoded(TOKEN + "x")[0] is jwt.InvalidSignatureError
        assert decoded(jwt.encode({"sub": "8"}, KEY)) == {"sub": "8"}
        assert security.check_password_hash(HASH, "S3same-one")
        assert not security.check_password_hash(HASH, "S3same-two")
        assert loaded(SESSIONS.dumps({"member": 7, "secret": "S3same-one"}))["member"] == 7
        assert loaded("forged-S3ssion")[0] is BadSignature
    return str(tmp_path)


def test_a_mask_comes_to_what_was_recorded(cassettes: str) -> None:
    with timetracer_otel.replay(cassettes):
        assert decoded(MASK) == {"sub": "7", "password": MASK}
        assert decoded(MASK) == (jwt.InvalidSignatureError, "Signature verification failed")
        assert decoded(MASK) == {"sub": "8"}
        assert decoded(MASK)[0] is jwt.DecodeError, "nothing more was recorded: it is refused as ever"
        assert security.check_password_hash(MASK, "S3same-two")
        assert not security.check_password_hash(HASH, MASK)
        assert loaded(MASK) == {"member": 7, "secret": MASK}
        assert loaded(MASK) == (BadSignature, "No b'.' found in value")


def test_a_credential_is_checked_and_the_next_mask_has_its_own_outcome(cassettes: str) -> None:
    with timetracer_otel.replay(cassettes):
        assert decoded(jwt.encode({"sub": "9"}, KEY)) == {"sub": "9"}
        assert decoded(MASK)[0] is jwt.InvalidSignatureError
        assert not security.check_password_hash(HASH, "S3same-three")
        assert not security.check_password_hash(MASK, MASK), "the second one, which was wrong"


def test_nothing_is_noted_or_given_outside(cassettes: str) -> None:
    assert decoded(MASK)[0] is jwt.DecodeError
    assert not security.check_password_hash(MASK, "S3same-one")
    assert bcrypt.checkpw(b"one", bcrypt.hashpw(b"one", bcrypt.gensalt(4)))


def test_a_value_that_could_not_be_recorded_before_does_not_matter(tmp_path: Path) -> None:
    assert "$unsupported" in values.dumps(object())
    with timetracer_otel.record(tmp_path):
        assert decoded(TOKEN)["sub"] == "7"
    with timetracer_otel.replay(str(tmp_path)):
        assert decoded(MASK) == {"sub": "7", "password": MASK}
