"""An application of this process: found by its name, and asked in the way of its kind."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from timetracer_otel.errors import ApplicationError
from timetracer_otel.replayers.clients import AppResponse, AsgiClient, WsgiClient
from timetracer_otel.replayers.rpcs import GrpcClient, is_grpc_server
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.tasks import CeleryClient, is_celery
from timetracer_otel.replayers.topics import ConsumerClient, is_consumer


def import_app(spec: str, *, factory: bool) -> Any:
    """The application that ``module:attribute`` names, or that the settings of a Django project make.

    Raises:
        ApplicationError: there is no such module or attribute, or importing it fails.
    """
    module_name, _, attribute = spec.partition(":")
    cwd = str(Path.cwd())
    if cwd not in sys.path:
        sys.path.insert(0, cwd)
    try:
        if not attribute and _are_settings(module_name):
            return _django_application(module_name)
    except Exception as error:
        raise ApplicationError(f"--app {spec}: {type(error).__name__}: {error}") from error
    if not module_name or not attribute:
        raise ApplicationError(
            f"--app {spec!r}: give it as MODULE:ATTRIBUTE, as for uvicorn, or the settings module of a Django"
            " project"
        )
    try:
        found: Any = importlib.import_module(module_name)
        for name in attribute.split("."):
            found = getattr(found, name)
        return found() if factory else found
    except Exception as error:
        raise ApplicationError(f"--app {spec}: {type(error).__name__}: {error}") from error


def _are_settings(module_name: str) -> bool:
    """True for a module that has what every Django project sets."""
    try:
        return hasattr(importlib.import_module(module_name), "ROOT_URLCONF")
    except ModuleNotFoundError as error:
        if error.name == module_name:
            return False
        raise
    except ValueError:  # no name of a module at all
        return False


def _django_application(settings_module: str) -> Any:
    """The project's WSGI application, which serves asynchronous views as well."""
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


class Client(Protocol):
    """Gives an application what was recorded, one after the other; a context manager around all of it."""

    family: str
    """The family of messages that the application takes."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def send(self, message: Any, session: Session) -> AppResponse:
        """What the application makes of it, while the session answers its calls."""
        ...


def make_client(app: Any) -> Client:
    """A client for the application's kind.

    Raises:
        ApplicationError: it is of none that is known.
    """
    if is_celery(app):
        return CeleryClient(app)
    if is_grpc_server(app):
        return GrpcClient(app)
    if is_consumer(app):
        return ConsumerClient(app)
    call = app if inspect.isfunction(app) else getattr(app, "__call__", None)  # noqa: B004  # the method itself is looked at
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(inspect.unwrap(call or app)):
        return AsgiClient(app)
    if not callable(app):
        raise ApplicationError(
            f"{type(app).__name__} is no ASGI or WSGI application; is it a factory (--factory)?"
        )
    return WsgiClient(app)
