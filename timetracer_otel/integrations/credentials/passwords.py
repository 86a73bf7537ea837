"""Passwords against hashes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.credentials.checks import Check, made
from timetracer_otel.redaction import MASK


def _flags(value: Any) -> Any:
    """Two flags, or a flag and a new hash, which is itself a credential."""
    good, second = value
    return {"good": good, "second": second if isinstance(second, bool) else second is not None}


def _verified(noted: Any) -> Any:
    return bool(noted["good"]), bool(noted["second"])


def _and_renewed(noted: Any) -> Any:
    return bool(noted["good"]), MASK if noted["second"] else None


def _flag(noted: Any) -> bool:
    if type(noted["value"]) is not bool:
        raise ValueError(f"not true or false: {noted!r}")
    return noted["value"]


def _always(user: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """The hash of a password is masked, or was made anew in the replay, of a masked one."""
    return True


_VERIFY: Final = Check("django.verify_password", note=_flags, restore=_verified)


def _check_password(
    wrapped: Callable[..., bool], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Django's before 5.1: the check, and the renewal of a hash, which newer releases have apart."""
    from django.contrib.auth import hashers

    if hasattr(hashers, "verify_password"):
        return wrapped(*args, **kwargs)
    return _checked_and_renewed(wrapped, *args, **kwargs)


def _checked_and_renewed(
    wrapped: Callable[..., bool],
    password: Any,
    encoded: Any,
    setter: Callable[[Any], object] | None = None,
    preferred: Any = "default",
) -> bool:
    def verify(password: Any, encoded: Any) -> tuple[bool, bool]:
        renewed: list[Any] = []
        good = wrapped(password, encoded, renewed.append, preferred)
        return good, bool(renewed)

    good, renew = made(_VERIFY, verify, None, (password, encoded), {})
    if setter is not None and good and renew:
        setter(password)
    return bool(good)


def points() -> Sequence[Point]:
    """Of Django, Werkzeug, pwdlib, passlib, argon2-cffi and bcrypt."""
    argon2 = "argon2.exceptions"
    hasher = "PasswordHasher"
    context = "CryptContext"
    return (
        _VERIFY.at("django.contrib.auth.hashers", "verify_password"),
        Point("django.contrib.auth.hashers", "check_password", wrapper=_check_password, optional=True),
        # what a session keeps of its user's password, and says in the row that is written of it
        Check("django.session_auth_hash", masked=_always).at(
            "django.contrib.auth.base_user", "AbstractBaseUser.get_session_auth_hash"
        ),
        Check("werkzeug.check_password_hash", restore=_flag).at("werkzeug.security", "check_password_hash"),
        Check("pwdlib.verify", restore=_flag).at("pwdlib._hash", "PasswordHash.verify"),
        Check("pwdlib.verify_and_update", note=_flags, restore=_and_renewed).at(
            "pwdlib._hash", "PasswordHash.verify_and_update"
        ),
        Check("passlib.verify", restore=_flag).at("passlib.context", f"{context}.verify"),
        Check("passlib.verify_and_update", note=_flags, restore=_and_renewed).at(
            "passlib.context", f"{context}.verify_and_update"
        ),
        Check("passlib.needs_update", restore=_flag).at("passlib.context", f"{context}.needs_update"),
        Check("argon2.verify", argon2, "Argon2Error", restore=_flag).at(
            "argon2._password_hasher", f"{hasher}.verify"
        ),
        Check("argon2.check_needs_rehash", restore=_flag).at(
            "argon2._password_hasher", f"{hasher}.check_needs_rehash"
        ),
        Check("bcrypt.checkpw", restore=_flag).at("bcrypt", "checkpw"),
    )
