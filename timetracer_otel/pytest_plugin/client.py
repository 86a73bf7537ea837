"""Sending requests to an application in this process, its calls answered from a cassette."""

from __future__ import annotations

import contextlib
import json as json_codec
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import pytest

from timetracer_otel import config, integrations, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison import recorded_exception
from timetracer_otel.config import Settings
from timetracer_otel.errors import ApplicationError, CodecError, MissError, TimetracerError
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.pytest_plugin.calls import Calls, titles
from timetracer_otel.redaction import MASK, Redactor, holds_mask
from timetracer_otel.replayers import guard
from timetracer_otel.replayers.applications import Client, import_app, make_client
from timetracer_otel.replayers.clients import AppResponse
from timetracer_otel.replayers.drawing import importing
from timetracer_otel.replayers.elsewhere import Elsewhere
from timetracer_otel.replayers.options import with_headers
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.verdict import Ended, Verdict, judge

_REFUSALS: Final = frozenset({401, 403})


class AppClients:
    """The applications of a run, each started when it is first asked, and stopped at the end."""

    def __init__(self, run: pytest.Config) -> None:
        self._run = run
        self._apps: dict[tuple[str, bool, tuple[Path, ...]], StartedApp | TimetracerError] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def get(
        self, spec: str | None, startup: Iterable[Path] = (), *, factory: bool | None = None
    ) -> StartedApp:
        """The application that ``module:attribute`` names, started; the configured one by default.

        Args:
            spec: as for ``timetracer-otel replay --app``.
            startup: cassettes of calls that were made outside requests.
            factory: the attribute is a function that makes the application.

        Raises:
            ApplicationError: there is no such application, or it does not start.
        """
        __tracebackhide__ = True  # what fails is the app, not what is here
        option = self._run.getoption("timetracer_app")
        spec = spec or option or self._run.getini("timetracer_app")
        if not spec:
            raise ApplicationError(
                "which application? give --timetracer-app MODULE:APP, or set timetracer_app in pytest's"
                " configuration"
            )
        if factory is None:
            factory = bool(self._run.getini("timetracer_app_factory"))
        key = (str(spec), factory, tuple(startup))
        if key not in self._apps:
            try:
                self._apps[key] = self._stack.enter_context(
                    StartedApp(self._run, key[0], key[2], factory=factory)
                )
            except TimetracerError as error:
                self._apps[key] = error
        found = self._apps[key]
        if isinstance(found, TimetracerError):
            raise found.with_traceback(None)
        return found


class StartedApp:
    """An application in this process."""

    def __init__(self, run: pytest.Config, spec: str, startup: Sequence[Path], *, factory: bool) -> None:
        self.settings: Settings = config.load()
        self._headers = _headers(run.getini("timetracer_headers"))
        self._root = run.rootpath
        self._spec = spec
        self._factory = factory
        self._redactor = Redactor.from_settings(self.settings)
        recorded = sorted((Cassette.load(path) for path in startup), key=lambda cassette: cassette.started)
        self._process = Session(recorded, self.settings, reuse=True)
        self._client: Client | None = None
        self._elsewhere: dict[Path, Elsewhere] = {}

    def __enter__(self) -> Self:
        integrations.install()
        guard.install()
        if str(self._root) not in sys.path:
            sys.path.insert(0, str(self._root))
        with self._alone():
            with importing(self._process.cassettes):
                app = import_app(self._spec, factory=self._factory)
            client = make_client(app)
            if client.family != HttpRequest.family:
                raise ApplicationError(
                    f"{self._spec} takes no HTTP requests; if it is a function that makes the application,"
                    " set timetracer_app_factory = true in pytest's configuration"
                )
            client.__enter__()
            self._client = client
        return self

    def __exit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            with self._alone():
                client.__exit__(None, None, None)

    def session(self, cassette: Cassette, path: Path) -> Session:
        """A session that answers from that cassette, which is there, and from the start-up."""
        folder = path.resolve().parent
        elsewhere = self._elsewhere.setdefault(folder, Elsewhere([path]))
        return Session([cassette], self.settings, fallback=self._process, elsewhere=elsewhere)

    def send(self, request: HttpRequest, session: Session) -> AppResponse:
        """Send a request, its calls answered by the session."""
        assert self._client is not None, "it was stopped"
        session.received(request)
        with self._alone():
            try:
                return self._client.send(request, session)
            finally:
                session.close()

    def given(self, request: HttpRequest) -> HttpRequest:
        """The request with the headers that are configured, in place of its own."""
        return with_headers(request, self._headers)

    def unmasked(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers, those that are masked as they are configured."""
        configured = {name.lower(): value for name, value in self._headers}
        return [
            (name, configured.get(name.lower(), value) if holds_mask(value) else value)
            for name, value in headers
        ]

    def judge(self, path: Path) -> Verdict:
        """Replay the request of a cassette.

        Raises:
            CassetteError: it cannot be read.
        """
        cassette = Cassette.load(path)
        try:
            request = cassette.inbound_request
            cassette.read_messages()
            session = self.session(cassette, path)
        except CodecError as error:
            text = f"it cannot be replayed: {error}"
            return Verdict(title=cassette.title, path=str(path), outcome="error", differences=[text])
        assert request is not None, "only such are collected"
        began = time.perf_counter()
        ended = self.send(self.given(request), session)
        seconds = time.perf_counter() - began
        return judge(session, str(path), Ended(ended.response, ended.raised, seconds), self._redactor)

    def masked(self, response: HttpResponse, recorded: HttpResponse) -> HttpResponse:
        """The response, its secrets masked where those of the recorded one were."""
        return self._redactor.message(response, []) if MASK.encode() in (recorded.body or b"") else response

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        before = ports.set_process_ports(self._process, None)
        try:
            yield
        finally:
            ports.set_process_ports(*before)


class AppFixture:
    """What the fixture ``timetracer_app`` is.

    Args:
        clients: of the run.
        folder: what paths are relative to: the folder of the test.
    """

    def __init__(self, clients: AppClients, folder: Path) -> None:
        self._clients = clients
        self._folder = folder

    def __call__(
        self, app: str | None = None, *, factory: bool | None = None, startup: Sequence[str | Path] = ()
    ) -> RecordedApp:
        """The application to send requests to.

        Args:
            app: ``module:attribute``, or the settings of a Django project; ``timetracer_app`` of pytest's
                configuration by default.
            factory: the attribute is a function that makes the application.
            startup: cassettes of what it says when it starts, relative to the test's folder.

        Raises:
            ApplicationError: there is no such application, or it does not start.
            CassetteError: a cassette cannot be read.
        """
        __tracebackhide__ = True
        paths = [(self._folder / path).resolve() for path in startup]
        return RecordedApp(self._clients.get(app, paths, factory=factory), self._folder)


class RecordedApp:
    """An application whose calls are answered from cassettes."""

    def __init__(self, app: StartedApp, folder: Path) -> None:
        self._app = app
        self._folder = folder

    def replay(self, cassette: str | Path) -> RequestReplay:
        """A replay of that cassette: a path, relative to the test's folder.

        Raises:
            CassetteError: it cannot be read.
        """
        path = self._folder / cassette
        return RequestReplay(self._app, Cassette.load(path), path)


class RequestReplay:
    """One request to an application, its calls answered from a cassette."""

    def __init__(self, app: StartedApp, cassette: Cassette, path: Path) -> None:
        self._app = app
        self.cassette = cassette
        self.session = app.session(cassette, path)

    @property
    def calls(self) -> Calls:
        """What the application called, in the order it was recorded in, writes of a task as they were made;
        calls that were not recorded last.
        """
        return titles(self.session.calls)

    @cached_property
    def recorded(self) -> ReplayedResponse:
        """The recorded response."""
        response = self.cassette.inbound_response
        return ReplayedResponse(response if isinstance(response, HttpResponse) else HttpResponse(0, []), None)

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        json: Any = None,
        content: str | bytes | None = None,
    ) -> ReplayedResponse:
        """Send a request.

        Args:
            method: ``GET``, ...
            target: path and query, as they go over the wire.
            headers: those that matter; host, length and, of JSON, type need not be given.
            json: the body, as data.
            content: the body as it is.

        A header that is masked is sent as ``timetracer_headers`` in pytest's configuration says.

        Raises:
            MissError: the application called what was not recorded.
            Exception: what the application raised, where the recorded one did not.
        """
        __tracebackhide__ = True
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        body = content.encode() if isinstance(content, str) else content
        if json is not None:
            body = json_codec.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            _default(pairs, "content-type", "application/json")
        recorded = self.cassette.inbound_request
        pairs = self._app.unmasked(pairs)
        base = urlsplit("http://testserver" if recorded is None else recorded.url)
        _default(pairs, "host", base.netloc)
        if body:
            _default(pairs, "content-length", str(len(body)))
        return self._send(HttpRequest(method, f"{base.scheme}://{base.netloc}{target}", pairs, body))

    def resend(self) -> ReplayedResponse:
        """Send the recorded request.

        Raises:
            MissError: the application called what was not recorded.
            Exception: what the application raised, where the recorded one did not.
        """
        request = self.cassette.inbound_request
        assert request is not None, "the cassette holds no request"
        return self._send(self._app.given(request))

    def _send(self, request: HttpRequest) -> ReplayedResponse:
        __tracebackhide__ = True  # what fails is the line of the test
        ended = self._app.send(request, self.session)
        missed = [call.explanation for call in self.session.misses]
        if missed:
            raise MissError("\n".join(missed))
        if ended.raised is not None and not recorded_exception(self.cassette):
            raise ended.raised
        response = ended.response if isinstance(ended.response, HttpResponse) else None
        recorded = self.cassette.inbound_response
        if response is not None and isinstance(recorded, HttpResponse):
            masked = [(name, value) for name, value in request.headers if holds_mask(value)]
            if response.status in _REFUSALS and recorded.status not in _REFUSALS and masked:
                pytest.fail(_refused(response.status, recorded.status, masked))
            response = self._app.masked(response, recorded)
        return ReplayedResponse(response or HttpResponse(0, []), ended.raised)


class ReplayedResponse:
    """What the application answered."""

    def __init__(self, response: HttpResponse, raised: BaseException | None) -> None:
        self.status = response.status
        """The HTTP status; 0 when it raised instead."""
        self.headers = {name.lower(): value for name, value in response.headers}
        self.body = response.body or b""
        self.raised = None if raised is None else type(raised).__name__
        """The class of the exception that it raised, where the recorded one raised as well."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as data.

        Raises:
            ValueError: it is no JSON.
        """
        return json_codec.loads(self.body)


def _refused(status: int, recorded: object, masked: Sequence[tuple[str, str]]) -> str:
    names = " and ".join(dict.fromkeys(name for name, _ in masked))
    name, value = masked[0]
    given = value.replace(MASK, "$TOKEN") if MASK in value else f"{value.partition(' ')[0]} $TOKEN"
    return (
        f"the app answered {status}, recorded was {recorded}: it refused the header {names}, a credential"
        " that was masked when it was recorded. Give one that it accepts: in the test, or for all in pytest's"
        f" configuration: timetracer_headers = {name}: {given},"
        " with TOKEN in the environment"
    )


def _default(pairs: list[tuple[str, str]], name: str, value: str) -> None:
    if all(given.lower() != name for given, _ in pairs):
        pairs.append((name, value))


def _headers(lines: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise pytest.UsageError(f"timetracer_headers: {line!r} is no header; give it as 'Name: value'")
        found.append((name.strip(), os.path.expandvars(value.strip())))
    return found
