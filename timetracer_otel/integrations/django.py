"""Django, over WSGI and over ASGI.

The standard instrumentation is a middleware, and works on the settings. So a request is seen above
it, where a handler is called, and it is put off until there are settings: it would set empty ones
where there are none yet, and the app's own would be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from timetracer_otel import ports
from timetracer_otel.integrations import django_auth
from timetracer_otel.integrations.asgi import AsgiIntegration
from timetracer_otel.integrations.base import Point, Wrappable
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.integrations.sqlite3.telling import telling
from timetracer_otel.integrations.wsgi import WsgiIntegration

_THEIRS = "opentelemetry.instrumentation.django"


class DjangoIntegration(Wrappable):
    """Sees requests where a handler is called, and what Django learns of them on the way."""

    name = "django"
    oldest = ("django>=4.2",)

    def __init__(self) -> None:
        self._put_off: Callable[[], Any] | None = None

    def points(self) -> Sequence[Point]:
        """Both handlers; who is signed in; routes, exceptions, late answers; settings and instrumentation."""
        handlers = "django.core.handlers"
        return (
            *_WsgiHandler().points(),
            *_AsgiHandler().points(),
            *_Channels().points(),
            *django_auth.points(),
            Point(f"{handlers}.asgi", "ASGIHandler.send_response", wrapper=_answer, optional=True),
            Point(f"{handlers}.base", "BaseHandler.resolve_request", wrapper=_resolve, optional=True),
            Point(f"{handlers}.exception", "handle_uncaught_exception", wrapper=_failed, optional=True),
            Point(f"{handlers}.base", "BaseHandler.load_middleware", wrapper=self._load, optional=True),
            Point(
                "django.db.backends.postgresql.base",
                "DatabaseWrapper.init_connection_state",
                wrapper=_set_up,
                optional=True,
            ),
            Point(
                "django.db.backends.postgresql.base",
                "DatabaseWrapper.is_usable",
                wrapper=_usable,
                optional=True,
            ),
            Point(
                "django.db.backends.sqlite3.base",
                "DatabaseWrapper.get_new_connection",
                wrapper=_connect_to_file,
                optional=True,
            ),
            Point(_THEIRS, "DjangoInstrumentor._instrument", wrapper=self._instrument, optional=True),
            Point(_THEIRS, "DjangoInstrumentor._uninstrument", wrapper=self._uninstrument, optional=True),
        )

    def _instrument(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Change the settings now if there are any, else when a handler reads them."""
        from django.conf import settings

        if settings.configured:
            wrapped(*args, **kwargs)
        else:
            self._put_off = partial(wrapped, *args, **kwargs)

    def _uninstrument(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        put_off, self._put_off = self._put_off, None
        if put_off is None:
            wrapped(*args, **kwargs)

    def _load(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        put_off, self._put_off = self._put_off, None
        if put_off is not None:
            safely(put_off)
        return wrapped(*args, **kwargs)


class _WsgiHandler(WsgiIntegration):
    name = "django"
    module = "django.core.handlers.wsgi"
    class_name = "WSGIHandler"

    def traced(self, app: Any) -> bool:
        return _has_tracing(app)


class _AsgiHandler(AsgiIntegration):
    name = "django"
    module = "django.core.handlers.asgi"
    class_name = "ASGIHandler"
    serves = frozenset({"http"})  # a lifespan Django does not know, and refuses

    def traced(self, app: Any) -> bool:
        return _has_tracing(app)


class _Channels(AsgiIntegration):
    """Websockets of Channels, which come to no handler of Django's."""

    name = "django"
    module = "channels.routing"
    class_name = "ProtocolTypeRouter"
    serves = frozenset({"websocket"})  # requests go on to Django's handler

    def points(self) -> Sequence[Point]:
        """The router, and the routers of paths that it asks."""
        paths = Point(self.module, "URLRouter.__call__", wrapper=_route, optional=True)
        return (Point(self.module, f"{self.class_name}.__call__", wrapper=self.serve, optional=True), paths)

    def traced(self, app: Any) -> bool:
        """No instrumentation knows them."""
        return False


def _route(wrapped: Callable[..., Any], router: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    routed = getattr(ports.current_entry(), "routed", None)
    scope = args[0] if args else {}
    if routed is not None and "path_remaining" not in scope:  # which a router above has left there
        safely(_tell_route, routed, router, scope)
    return wrapped(*args, **kwargs)


def _tell_route(routed: Callable[[str], None], router: Any, scope: Any) -> None:
    path, template = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/"), ""
    while path and hasattr(router, "routes"):
        found = next(((one, match) for one in router.routes if (match := one.pattern.match(path))), None)
        if found is None:
            return
        route, (path, *_) = found
        router, template = route.callback, template + str(route.pattern)
    routed(_template(template))


def _template(pattern: str) -> str:
    r"""The path that a pattern is of: ``/rooms/<room>`` of ``^rooms/(?P<room>\w+)$``."""
    if not set(pattern).isdisjoint("(^$"):  # a regular expression
        from django.contrib.admindocs import utils

        pattern = utils.replace_unnamed_groups(utils.replace_named_groups(pattern))
        pattern = utils.replace_metacharacters(pattern)
    return f"/{pattern.lstrip('/')}"


def _set_up(wrapped: Callable[..., Any], database: Any, args: Any, kwargs: Any) -> Any:
    """What Django tells a new connection is nobody's call: the request that is replayed may have found one
    that was open, where ``CONN_MAX_AGE`` keeps them. On MySQL it asks as well: its drivers see to that.
    """
    port = ports.current()
    if port is None:
        return wrapped(*args, **kwargs)
    if port.replaying and not port.live(_driver(str(getattr(database.Database, "__name__", "")))):
        return None
    with ports.inside():
        return wrapped(*args, **kwargs)


def _usable(wrapped: Callable[..., Any], database: Any, args: Any, kwargs: Any) -> Any:
    """As :func:`_set_up`: whether a connection that is kept still works, under ``CONN_HEALTH_CHECKS``."""
    port = ports.current()
    if port is None:
        return wrapped(*args, **kwargs)
    if port.replaying and not port.live(_driver(str(getattr(database.Database, "__name__", "")))):
        return database.connection is not None
    with ports.inside():
        return wrapped(*args, **kwargs)


def _connect_to_file(wrapped: Callable[..., Any], _database: Any, args: Any, kwargs: Any) -> Any:
    """As :func:`_set_up`, where Django connects and tells in one; that it could not connect is a call."""
    if ports.current() is None:
        return wrapped(*args, **kwargs)
    with telling():
        return wrapped(*args, **kwargs)


def _driver(name: str) -> Any:
    """Whose connections they are, as settings name it."""
    return type("Driver", (), {"name": name, "family": "db", "scopes": ()})


def _has_tracing(handler: Any) -> bool:
    return any(type(link).__module__.startswith(_THEIRS) for link in _middleware(handler))


def _middleware(handler: Any) -> Iterator[Any]:
    """What a handler passes a request through, as far as each names the next. Outermost first."""
    link = handler._middleware_chain
    while link is not None:
        yield link
        link = next((found for name in _NEXT if (found := getattr(link, name, None)) is not None), None)


_NEXT = ("__wrapped__", "get_response", "func", "awaitable")
"""Where Django's wrappers, a middleware, and asgiref's adapters keep what they call."""


async def _reactivated(entry: Any, wrapped: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    with activated(entry):
        return await wrapped(*args, **kwargs)


def _answer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The SERVER span ended in a middleware; what a streamed answer calls belongs to it all the same."""
    entry = ports.current_entry()
    if entry is None:
        return wrapped(*args, **kwargs)
    return _reactivated(entry, wrapped, args, kwargs)


def _resolve(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    match = wrapped(*args, **kwargs)
    routed = getattr(ports.current_entry(), "routed", None)
    route = getattr(match, "route", None)
    if routed is not None and isinstance(route, str):
        safely(lambda: routed(_template(route)))
    return match


def _failed(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    failed = getattr(ports.current_entry(), "failed", None)
    error = args[2][1] if len(args) > 2 else None
    if failed is not None and isinstance(error, BaseException):
        safely(failed, error)
    return wrapped(*args, **kwargs)
