"""Tokens that Authlib and joserfc decode: claims of their own classes, and their own exceptions."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.integrations.credentials.serving import UVICORN, record, replay

FASTAPI = """
import time
import warnings

warnings.simplefilter("ignore")

from authlib.jose import JoseError, JWTClaims, jwt as authlib_jwt
from fastapi import FastAPI, Header, HTTPException
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError as JoserfcError
from joserfc.jwk import OctKey

KEY = OctKey.import_key("k" * 40)
app = FastAPI()


class ShopClaims(JWTClaims):
    REGISTERED_CLAIMS = [*JWTClaims.REGISTERED_CLAIMS, "shop"]


@app.post("/token")
def token(name: str, seconds: int):
    claims = {"sub": name, "shop": 7, "exp": int(time.time()) + seconds}
    return {"token": jwt.encode({"alg": "HS256"}, claims, KEY)}


@app.get("/joserfc")
def by_joserfc(authorization: str = Header()):
    try:
        token = jwt.decode(authorization.removeprefix("Bearer "), KEY)
        jwt.JWTClaimsRegistry(sub={"essential": True}).validate(token.claims)
    except BadSignatureError as error:
        raise HTTPException(403, f"{error} {error.error} {error.description}")
    except JoserfcError as error:
        raise HTTPException(401, f"{type(error).__name__} {error}")
    return {"kind": type(token).__name__, "header": token.header, "name": token.claims["sub"]}


@app.get("/authlib")
def by_authlib(authorization: str = Header()):
    try:
        claims = authlib_jwt.decode(
            authorization.removeprefix("Bearer "), "k" * 40, ShopClaims, claims_options={"shop": {"value": 7}}
        )
        claims.validate()
    except JoseError as error:
        raise HTTPException(403, f"{type(error).__name__} {error} {error.error!r} {error!r}")
    return {"kind": type(claims).__name__, "header": claims.header, "claims": claims, "shop": claims.shop}
"""


def test_tokens_come_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "members.py").write_text(FASTAPI)
    tokens = []

    def use(client: httpx.Client) -> None:
        for seconds, expected in ((600, (200, 200)), (-600, (401, 403))):
            token = client.post("/token", params={"name": "ann", "seconds": seconds}).json()["token"]
            tokens.append(token)
            for given, statuses in (
                (token, expected),
                (token + "x", (403, 403)),
                ("f0rged-t0ken", (401, 403)),
            ):
                for path, status in zip(("/joserfc", "/authlib"), statuses, strict=True):
                    answer = client.get(path, headers={"Authorization": f"Bearer {given}"})
                    assert answer.status_code == status, answer.text

    written = record(tmp_path, UVICORN, use)

    assert [token for token in tokens if token in written] == []
    printed = replay(tmp_path)
    assert "14 replayed: 14 same" in printed, printed
