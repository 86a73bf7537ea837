"""The shop behind Django: settings, URLs and WSGI application in one module."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

SECRET_KEY = "of a test"  # no secret
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
shop: Any = importlib.import_module(f"tests.regressions.apps.{os.environ['SHOP']}")


def answer(request: HttpRequest, name: str) -> JsonResponse:
    status, body, headers = asyncio.run(shop.gathered()) if name == "gathered" else shop.SYNCHRONOUS[name]()
    return JsonResponse(body, status=status, headers=headers)


urlpatterns = [path("<str:name>", answer)]


def __getattr__(name: str) -> Any:
    if name == "application":
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", __name__)
        return get_wsgi_application()
    raise AttributeError(name)
