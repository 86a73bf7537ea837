"""Replaying cassettes against an application in this process."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from opentelemetry import trace as otel_trace
from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts
from opentelemetry.sdk.trace import TracerProvider

from timetracer_otel import integrations, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import ApplicationError, CassetteNotFound, CodecError
from timetracer_otel.messages import HttpRequest
from timetracer_otel.redaction import Redactor
from timetracer_otel.replayers import guard, livetree
from timetracer_otel.replayers.clients import AsgiClient, WsgiClient
from timetracer_otel.replayers.inbound import CassetteLibrary
from timetracer_otel.replayers.process import load_all
from timetracer_otel.replayers.verdict import Ended, Verdict, judge
from timetracer_otel.sampling import RecordOnly


def replay_in_process(
    app: str,
    paths: Sequence[Path],
    settings: Settings,
    *,
    factory: bool = False,
    headers: Sequence[tuple[str, str]] = (),
    select: Callable[[Cassette], bool] | None = None,
) -> Generator[Verdict, None, None]:
    """Send each recorded request to the app and judge what it does; one verdict as each is done.

    Args:
        app: ``module:attribute`` of an ASGI or WSGI application, or the module of a Django project's
            settings; imported after the shims are in place.
        paths: cassette files and folders.
        settings: see :mod:`timetracer_otel.config`.
        factory: the attribute is a function that makes the application.
        headers: sent in place of the recorded ones of that name (credentials that were masked).
        select: which cassettes; all by default.

    Raises:
        CassetteError: there are no cassettes, or one cannot be read.
        ApplicationError: the app cannot be imported or started.
    """
    loaded = load_all(*paths)
    chosen = [
        (path, cassette)
        for path, cassette in loaded
        if cassette.inbound_request is not None and (select is None or select(cassette))
    ]
    if not chosen:
        raise CassetteNotFound("none of the cassettes holds an inbound request to replay")
    library = CassetteLibrary([cassette for _, cassette in loaded], settings)
    prepare_process()
    before = ports.set_process_ports(library.process_session, None)
    try:
        client = make_client(import_app(app, factory=factory))
        redactor = Redactor.from_settings(settings)
        with client:
            for path, cassette in sorted(chosen, key=lambda pair: pair[1].started):
                yield _replay_one(client, library, cassette, str(path), redactor, headers)
    finally:
        ports.set_process_ports(*before)


def prepare_process() -> None:
    """Shims, guard and standard instrumentations, in place before the app is imported."""
    provider = otel_trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        provider = TracerProvider(sampler=RecordOnly(ALWAYS_ON, everything=True), shutdown_on_exit=False)
        otel_trace.set_tracer_provider(provider)
    livetree.watch(provider)
    integrations.install()
    guard.install()
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if entry_point.dist is not None and get_dist_dependency_conflicts(entry_point.dist):
            continue
        # an instrumentation that does not work here draws no spans: the calls are answered all the same
        with suppress(Exception):
            entry_point.load()().instrument(skip_dep_check=True)


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


def make_client(app: Any) -> AsgiClient | WsgiClient:
    """A client for the application's kind."""
    call = app if inspect.isfunction(app) else getattr(app, "__call__", None)  # noqa: B004  # the method itself is looked at
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(inspect.unwrap(call or app)):
        return AsgiClient(app)
    if not callable(app):
        raise ApplicationError(
            f"{type(app).__name__} is no ASGI or WSGI application; is it a factory (--factory)?"
        )
    return WsgiClient(app)


def _replay_one(
    client: AsgiClient | WsgiClient,
    library: CassetteLibrary,
    cassette: Cassette,
    path: str,
    redactor: Redactor,
    headers: Sequence[tuple[str, str]],
) -> Verdict:
    recorded = cassette.inbound_request
    assert recorded is not None
    try:
        session = library.session(cassette)
        cassette.read_messages()
    except CodecError as error:
        return Verdict(
            title=cassette.title, path=path, outcome="error", differences=[f"it cannot be replayed: {error}"]
        )
    request = with_headers(recorded, headers)
    session.received(request)
    began = time.perf_counter()
    response = client.send(request, session)
    seconds = time.perf_counter() - began
    session.close()
    return judge(session, path, Ended(response.response, response.raised, seconds), redactor)


def with_headers(request: HttpRequest, headers: Sequence[tuple[str, str]]) -> HttpRequest:
    """The request with those headers in place of its own of that name."""
    given = {name.lower() for name, _ in headers}
    kept = [(name, value) for name, value in request.headers if name.lower() not in given]
    return HttpRequest(request.method, request.url, [*kept, *headers], request.body)
