"""The settings of the site, as ``django-admin startproject`` leaves them, without a database."""

from __future__ import annotations

SECRET_KEY = "not-a-secret"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.fidelity.apps.django_site.urls"
WSGI_APPLICATION = "tests.fidelity.apps.django_site.wsgi.application"
INSTALLED_APPS = ["tests.fidelity.apps.django_site"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "tests.fidelity.apps.django_site.middleware.asking",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
DATABASES: dict[str, object] = {}
USE_TZ = True
