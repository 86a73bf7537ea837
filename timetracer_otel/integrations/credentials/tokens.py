"""Tokens and signed cookies against the keys that signed them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.credentials.checks import Check


def _parts(value: Any) -> Any:
    """All but the signature, which makes a token of it."""
    return {"header": value["header"], "payload": value["payload"]}


def _decoded(noted: Any) -> Any:
    return {"header": dict(noted["header"]), "payload": noted["payload"], "signature": b""}


def _mapping(noted: Any) -> Any:
    return dict(noted["value"])


def _text(noted: Any) -> Any:
    if type(noted["value"]) is not str:
        raise ValueError(f"not a text: {noted!r}")
    return noted["value"]


def _loaded(value: Any) -> Any:
    """What was signed. The tokens of forms are apart: as they stand in the pages that are answered, they are
    no secret by their names here, and a page with another token would be another page.
    """
    if not isinstance(value, dict):
        return {"value": value}
    forms = [[name, value[name]] for name in value if isinstance(name, str) and "csrf" in name.lower()]
    return {
        "value": {name: value[name] for name in value if [name, value[name]] not in forms},
        "forms": forms,
    }


def _as_loaded(noted: Any) -> Any:
    return {**noted["value"], **dict(noted["forms"])} if "forms" in noted else noted["value"]


def _session(value: Any) -> Any:
    """A session as Starlette signs it; of anything else the signed bytes say nothing to those who mask."""
    try:
        return _loaded(json.loads(base64.b64decode(value, validate=True)))
    except (ValueError, TypeError):
        return None


def _unsigned(noted: Any) -> Any:
    return base64.b64encode(json.dumps(_as_loaded(noted)).encode())


def _of_token(token: Any) -> Any:
    return {"header": token.header, "claims": token.claims}


def _token(noted: Any) -> Any:
    from joserfc.jwt import Token

    return Token(dict(noted["header"]), dict(noted["claims"]))


def _of_claims(claims: Any) -> Any:
    return {"header": claims.header, "claims": dict(claims)}


def _parts_of_claims(noted: Any) -> Any:
    return dict(noted["claims"]), dict(noted["header"])


def _claims(parts: Any, call: partial[Any]) -> Any:
    """The claims, of the class and with the options that the app asks for."""
    from authlib.jose import JWTClaims  # type: ignore[import-untyped]  # it ships none

    named = dict(zip(("claims_cls", "claims_options", "claims_params"), call.args[2:], strict=False))
    given = {**named, **call.keywords}
    kind = given.get("claims_cls") or JWTClaims
    return kind(*parts, options=given.get("claims_options"), params=given.get("claims_params"))


def _described(kind: type[Exception], said: str) -> Exception:
    """An exception of Authlib's or joserfc's, whose text is its code and a description."""
    error = kind.__new__(kind, said)
    code, _, description = said.partition(": ")
    fields = {"description": description, "result": None}
    if getattr(kind, "error", None) != code:
        fields["error"] = code
    error.__dict__.update(fields)
    return error


def points() -> Sequence[Point]:
    """Of PyJWT, python-jose, joserfc, Authlib, itsdangerous, Flask-Login and Django."""
    jwt = "jwt.exceptions"
    jose = "jose.exceptions"
    dangerous = "itsdangerous.exc"
    decode = Check("jwt.decode", jwt, "PyJWTError", note=_parts, restore=_decoded)
    header = Check("jwt.get_unverified_header", jwt, "PyJWTError", restore=_mapping)
    loads = Check("itsdangerous.loads", dangerous, "BadData", note=_loaded, restore=_as_loaded)
    return (
        decode.at("jwt.api_jwt", "PyJWT.decode_complete"),
        # of a method that was bound before it was wrapped
        decode.at("jwt.api_jwt", "decode_complete"),
        header.at("jwt.api_jws", "PyJWS.get_unverified_header"),
        header.at("jwt", "get_unverified_header"),
        Check("jose.decode", jose, "JOSEError", restore=_mapping).at("jose.jwt", "decode"),
        Check("jose.get_unverified_header", jose, "JOSEError", restore=_mapping).at(
            "jose.jwt", "get_unverified_header"
        ),
        Check("jose.get_unverified_claims", jose, "JOSEError", restore=_mapping).at(
            "jose.jwt", "get_unverified_claims"
        ),
        Check(
            "joserfc.decode", "joserfc.errors", "JoseError", note=_of_token, restore=_token, refuse=_described
        ).at("joserfc.jwt", "decode"),
        Check(
            "authlib.decode",
            "authlib.jose.errors",
            "JoseError",
            note=_of_claims,
            restore=_parts_of_claims,
            fit=_claims,
            refuse=_described,
        ).at("authlib.jose.rfc7519.jwt", "JsonWebToken.decode"),
        loads.at("itsdangerous.serializer", "Serializer.loads"),
        loads.at("itsdangerous.timed", "TimedSerializer.loads"),
        Check("itsdangerous.unsign", dangerous, "BadData", note=_session, restore=_unsigned).at(
            "itsdangerous.timed", "TimestampSigner.unsign"
        ),
        Check("flask_login.decode_cookie").at("flask_login.utils", "decode_cookie"),
        Check("django.unsign", "django.core.signing", "BadSignature", restore=_text).at(
            "django.core.signing", "Signer.unsign"
        ),
        Check("django.unsign", "django.core.signing", "BadSignature", restore=_text).at(
            "django.core.signing", "TimestampSigner.unsign"
        ),
    )
