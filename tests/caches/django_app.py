"""A Django project that asks for a content type: once a process."""

from __future__ import annotations

import os
from typing import Any

import django
import httpx
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

SECRET_KEY = "of a test"  # no secret
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SHOP_DB"]}}


def kind(request: HttpRequest) -> JsonResponse:
    from django.contrib.auth.models import Group
    from django.contrib.contenttypes.models import ContentType

    return JsonResponse({"kind": ContentType.objects.get_for_model(Group).pk})


def held(request: HttpRequest) -> JsonResponse:
    """The same, after a while."""
    httpx.get(f"{os.environ['UPSTREAM']}/held")
    return kind(request)


urlpatterns = [path("kind", kind), path("held", held)]


def __getattr__(name: str) -> Any:
    if name == "application":
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", __name__)
        django.setup()
        return get_wsgi_application()
    raise AttributeError(name)
