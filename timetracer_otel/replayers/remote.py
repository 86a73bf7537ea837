"""Replaying against a service that runs as it always does, in processes of its own, over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from timetracer_otel.cassette import Cassette
from timetracer_otel.comparison import (
    Finding,
    Run,
    outcome_findings,
    recorded_run,
    with_outcome,
)
from timetracer_otel.comparison.timing import slower
from timetracer_otel.config import Settings
from timetracer_otel.errors import ApplicationError, CodecError, ConfigurationError
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.messages.http import split_url
from timetracer_otel.redaction import Redactor, masked_equal
from timetracer_otel.replayers.options import ReplayOptions, with_headers
from timetracer_otel.replayers.reporting import (
    FOLDER,
    OWN_PATHS,
    WRONGLY_ASKED,
    CallReport,
    CallReports,
    entry_name,
)
from timetracer_otel.replayers.runner import broken, of_another_kind
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.verdict import Verdict, verdict_of, with_rules
from timetracer_otel.volatile import stands_for

START_SECONDS: Final = 60.0
"""How long a service has to answer for the first time."""
ANSWER_SECONDS: Final = 60.0
"""How long it has for one request, beyond the recorded time."""
REPORT_SECONDS: Final = 30.0
"""How long it has to end a request that it has answered."""
_STOP_SECONDS: Final = 15.0
_READY: Final = f"{OWN_PATHS}ready"
_UNSENT: Final = frozenset({"content-length", "transfer-encoding", "connection", "expect", "keep-alive"})


class Service:
    """A service in replay: started, asked, stopped. Use it as a context manager.

    Args:
        command: a program and its arguments, under the launcher.
        environ: its whole environment, which puts it into replay.
        url: where it will answer.
        settings: as the service has them.
        options: how to send and to judge.

    Raises:
        ConfigurationError: it is no URL of HTTP.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        url: str,
        settings: Settings,
        options: ReplayOptions,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigurationError(f"--url {url!r}: give it as http://127.0.0.1:8000")
        self._host, self._port = parts.hostname, parts.port or 80
        self._url = url
        self._command = list(command)
        self._environ = dict(environ)
        self._options = options
        self._settings = settings
        self._redactor = Redactor.from_settings(settings)
        self._number = 0

    def __enter__(self) -> Self:
        if self._listens():
            raise ApplicationError(
                f"something listens at {self._url} already; stop it, or give another --url"
            )
        self._folder = TemporaryDirectory(prefix="timetracer-replay-")
        self._reports = CallReports(Path(self._folder.name))
        self._process = subprocess.Popen(  # noqa: S603  # what the user asked to run
            self._command,
            env={**self._environ, FOLDER: self._folder.name},
            stdout=sys.stderr.fileno(),  # what the service prints is not part of the result
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def replay(self, path: Path) -> Verdict:
        """Send the request of one cassette; the verdict on what came of it.

        Raises:
            CassetteError: the cassette cannot be read.
            ApplicationError: the service has ended.
            ConfigurationError: a fault is one that the service's libraries cannot come to.
        """
        cassette = Cassette.load(path)
        try:
            cassette.read_messages()
            recorded = cassette.inbound_request
        except CodecError as error:
            return broken(cassette, path, error)
        if recorded is None:
            return of_another_kind(cassette, path, f"--url {self._url}", "http")
        self._number += 1
        self._reports.expect(self._number, entry_name(cassette))
        request = with_headers(recorded, self._options.headers)
        patience = ANSWER_SECONDS + cassette.duration / 1e9
        began = time.perf_counter_ns()
        trace_id = "" if self._settings.export_replay else cassette.entry.trace_id
        response, failure = self._send(request, cassette.inbound_response, patience, trace_id)
        took = time.perf_counter_ns() - began
        if response is not None and response.status == 501 and _is_ours(response):
            text = (response.body or b"").decode("utf-8", "replace").strip().removeprefix("timetracer-otel: ")
            if WRONGLY_ASKED in response.headers:
                raise ConfigurationError(text)
            return broken(cassette, path, ApplicationError(text))
        report = self._report()
        if report is None:
            said = failure or f"the service did not end the request within {REPORT_SECONDS:.0f} seconds"
            return broken(cassette, path, ApplicationError(said))
        return self._judge(cassette, path, response, report, took)

    def _judge(
        self, cassette: Cassette, path: Path, response: HttpResponse | None, report: CallReport, took: int
    ) -> Verdict:
        recorded = recorded_run(cassette)
        live = Run(response, [], report.raised, took)
        session = Session([cassette], self._settings)
        links = session.links
        recorded.outcome = with_rules(session, response)

        def equal(was: Any, now: Any) -> bool:
            return masked_equal(was, now) or stands_for(was, now, links)

        found: list[Finding] = outcome_findings(recorded, live, equal, self._redactor)
        if self._options.threshold is not None:
            whole = Run(recorded.outcome, [], "", recorded.took)
            found += slower(whole, live, {}, self._options.threshold)
        verdict = verdict_of(
            with_outcome(report.comparison, found),
            cassette,
            str(path),
            calls=report.calls,
            missed=report.missed,
            status=None if response is None else response.status,
            seconds=took / 1e9,
        )
        verdict.note_faults(report.faults)
        return verdict

    def _report(self) -> CallReport | None:
        deadline = time.monotonic() + REPORT_SECONDS
        while time.monotonic() < deadline:
            report = self._reports.read(self._number)
            if report is not None:
                return report
            if self._process.poll() is not None:
                raise ApplicationError(f"{self._said()} ended with status {self._process.returncode}")
            time.sleep(0.005)
        return None

    def _send(
        self, request: HttpRequest, recorded: object, patience: float, trace_id: str = ""
    ) -> tuple[HttpResponse | None, str]:
        """The response; or what kept it from coming."""
        parts = split_url(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection(self._host, self._port, timeout=patience)
        try:
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            names = {name.lower() for name, _ in request.headers}
            if "host" not in names:
                connection.putheader("Host", parts.netloc or f"{self._host}:{self._port}")
            if trace_id and "traceparent" not in names:
                # the trace has the recorded id: an app may answer it, or send it on
                connection.putheader("traceparent", f"00-{trace_id}-{secrets.token_hex(8)}-01")
            for name, value in request.headers:
                if name.lower() not in _UNSENT:
                    connection.putheader(name, value.encode("latin-1", "replace"))
            body = request.body or b""
            if body or names & {"content-length", "transfer-encoding"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.putheader("Connection", "close")
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return _read(answer, recorded), ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            return None, f"sending the request failed: {type(error).__name__}: {error}"
        finally:
            connection.close()

    def _wait(self) -> None:
        """Until the service answers, and is known to replay."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._process.poll() is not None:
                raise ApplicationError(
                    f"{self._said()} ended with status {self._process.returncode} before it answered at"
                    f" {self._url}"
                )
            if self._listens():
                left = max(1.0, deadline - time.monotonic())
                response, failure = self._send(
                    HttpRequest("GET", f"{self._url.rstrip('/')}{_READY}"), None, left
                )
                if response is not None and _is_ours(response):
                    return
                if response is not None:
                    raise ApplicationError(
                        f"{self._said()} answers at {self._url}, and does not replay: is it a Python service"
                        " of a framework that timetracer-otel knows?"
                    )
                if time.monotonic() > deadline:
                    raise ApplicationError(f"{self._said()} does not answer at {self._url}: {failure}")
            if time.monotonic() > deadline:
                raise ApplicationError(
                    f"{self._said()} does not listen at {self._url} after {START_SECONDS:.0f} seconds"
                )
            time.sleep(0.05)

    def _listens(self) -> bool:
        try:
            socket.create_connection((self._host, self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def _said(self) -> str:
        return " ".join(self._command[1:])[:200]

    def _stop(self) -> None:
        """End the service as who runs it would, and at last by force."""
        process = self._process
        for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whoever outlived the first of them
        self._folder.cleanup()


def _read(answer: http.client.HTTPResponse, recorded: object) -> HttpResponse:
    response = HttpResponse(answer.status, list(answer.getheaders()), b"", reason=answer.reason)
    try:
        if isinstance(recorded, HttpResponse) and not recorded.complete and recorded.body is not None:
            response.body = answer.read(len(recorded.body))  # the recorded client had no more either
        else:
            response.body = answer.read()
    except http.client.IncompleteRead as error:
        response.body, response.complete = error.partial, False
    return response


def _is_ours(response: HttpResponse) -> bool:
    return response.status == 501 and (response.body or b"").startswith(b"timetracer-otel: ")
