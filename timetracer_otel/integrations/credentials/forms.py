"""The tokens of forms against those of their sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.integrations.base import Point
from timetracer_otel.integrations.credentials.checks import Check, is_masked

_STAND_IN: Final = "a" * 32


def _django_masked(middleware: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the cookie, the header or the field is masked; the form is read where the check does, too."""
    from django.conf import settings

    (request,) = (*args, *kwargs.values())
    said = [request.COOKIES.get(settings.CSRF_COOKIE_NAME), request.META.get(settings.CSRF_HEADER_NAME)]
    if not any(map(is_masked, said)) and request.method == "POST":
        said.append(request.POST.get("csrfmiddlewaretoken"))
    return any(map(is_masked, said))


def _cookie_masked(instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the cookie with the secret is masked; kept in a session, it is not."""
    from django.conf import settings

    (request,) = (*args, *kwargs.values())
    return not settings.CSRF_USE_SESSIONS and is_masked(request.COOKIES.get(settings.CSRF_COOKIE_NAME))


def _secret(
    wrapped: Callable[..., Any], middleware: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The secret of a masked cookie: one of the form that Django expects, so that it makes no new one."""
    try:
        port = ports.current()
        if port is not None and port.replaying and _cookie_masked(middleware, args, kwargs):
            return _STAND_IN
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("reading the secret of a form", error)
    return wrapped(*args, **kwargs)


def _nothing(value: Any) -> Any:
    return {"good": True}


def _passed(noted: Any) -> None:
    if noted["good"] is not True:
        raise ValueError(f"not a check that was passed: {noted!r}")


def points() -> Sequence[Point]:
    """Of Django and Flask-WTF."""
    csrf = "django.middleware.csrf"
    return (
        Check("django.csrf", csrf, "RejectRequest", masked=_django_masked, note=_nothing, restore=_passed).at(
            csrf, "CsrfViewMiddleware._check_token"
        ),
        Point(csrf, "CsrfViewMiddleware._get_secret", wrapper=_secret, optional=True),
        # as it stands in the page that is answered; it also has the cookie sent
        Check("django.csrf_token", beside=True, masked=_cookie_masked).at(csrf, "get_token"),
        Check(
            "flask_wtf.validate_csrf",
            "wtforms.validators",
            "ValidationError",
            note=_nothing,
            restore=_passed,
        ).at("flask_wtf.csrf", "validate_csrf"),
    )
