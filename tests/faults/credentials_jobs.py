"""What requests ask of libraries that check credentials."""

from __future__ import annotations

import hmac
from typing import Any

import bcrypt
import jwt
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey
from werkzeug import security

_KEY = "k" * 40
_HASH = security.generate_password_hash("one")
_BCRYPT = bcrypt.hashpw(b"one", bcrypt.gensalt(4))


def checks() -> Any:
    """Passwords, tokens and signed data, good ones and others."""
    said: list[Any] = [security.check_password_hash(_HASH, password) for password in ("one", "two")]
    said.append(bcrypt.checkpw(b"one", _BCRYPT))
    token = jwt.encode({"sub": "7"}, _KEY)
    for given in (token, f"{token}x"):
        try:
            said.append(jwt.decode(given, _KEY, algorithms=["HS256"]))
        except jwt.InvalidTokenError as error:
            said.append(repr(error))
    said.append([hmac.compare_digest(given, "one-S3cret") for given in ("one-S3cret", "two-S3cret")])
    said.append(joserfc_jwt.decode(token, OctKey.import_key(_KEY)).claims)
    sessions = URLSafeTimedSerializer(_KEY)
    for signed in (sessions.dumps({"member": 7}), "forged"):
        try:
            said.append(sessions.loads(signed, max_age=60))
        except BadSignature as error:
            said.append(repr(error))
    return said
