"""One library in every order, each in a process of its own.

``python -m timetracer_otel.testing module:Subject`` prints what was seen. The processes
are forked from one that has loaded OpenTelemetry and us, and none of the libraries.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import importlib
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import wrapt
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import timetracer_otel
from timetracer_otel import attributes as names
from timetracer_otel import config
from timetracer_otel.cassette import Cassette
from timetracer_otel.integrations import load
from timetracer_otel.messages import HttpRequest, Request
from timetracer_otel.store import FolderStore
from timetracer_otel.testing.orders import OURS, STEPS, Facts, Seen
from timetracer_otel.testing.subjects import Results, Subject

_BENEATH = (
    *("anyio", "asyncio", "httpcore", "pydantic", "jinja2", "werkzeug", "greenlet", "sqlite3", "http.client"),
    *("anyio._backends._asyncio", "click", "rich.progress", "opentelemetry.instrumentation.instrumentor"),
)
Original = dict[tuple[str, str], Any]


class Case:
    """A library, the steps of an order, and what is seen of them."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self._subject = subject
        self._client: Any = None
        self._replays = False
        self._store = FolderStore(folder / "cassettes")
        self._owners: Original = {}
        self._originals: Original = {}
        self._spans = InMemorySpanExporter()
        self._provider = TracerProvider()
        self._provider.add_span_processor(timetracer_otel.CassetteSpanProcessor(self._store.path))
        self._provider.add_span_processor(SimpleSpanProcessor(self._spans))
        trace.set_tracer_provider(self._provider)

    def step(self, name: str) -> None:
        """Do one step of an order."""
        match name:
            case "import":
                self._subject.load()
                if not self._originals and not set(self._loaded()) - self._untouched():
                    self._originals = self._loaded()
            case "client":
                self._client = self._subject.client()
            case "ours":
                timetracer_otel.install()
            case "ours undone":
                timetracer_otel.uninstall()
            case "theirs":
                for instrumentor in self._subject.instrumentors():
                    instrumentor.instrument()
            case "theirs undone":
                for instrumentor in self._subject.instrumentors():
                    instrumentor.uninstrument()
            case "replay":
                self._replays = True
            case _:
                raise ValueError(name)

    def facts(self, problems: list[str]) -> Facts:
        """Use the library, then look at everything."""
        results = self._subject.use(self._client)
        self._provider.force_flush()
        replayed: Results = {}
        if self._replays:
            with timetracer_otel.replay(self._store.path):
                replayed = self._subject.use(self._subject.client())
        cassettes = [cassette for _, cassette in self._store.iter()] if self._store.path.exists() else []
        cassettes.sort(key=lambda cassette: cassette.started)
        scopes = collections.Counter(
            span.instrumentation_scope.name
            for span in self._spans.get_finished_spans()
            if span.instrumentation_scope is not None and "asgi.event.type" not in (span.attributes or {})
        )
        now = self._loaded()
        return Facts(
            results,
            [seen(cassette) for cassette in cassettes],
            sorted({gap.kind for cassette in cassettes for gap in cassette.gaps}),
            dict(scopes),
            sorted(".".join(point) for point in set(now) - self._untouched()),
            sorted(
                ".".join(point)
                for point, original in self._originals.items()
                if not stands_on(now[point], original)
            ),
            problems,
            replayed,
        )

    def _loaded(self) -> Original:
        """What stands at each of our points whose module is loaded; ``None`` where it is inherited."""
        found: Original = {}
        integration = load(self._subject.integration)
        for point in () if integration is None else integration.points():
            *parents, name = point.path.split(".")
            key = point.module, point.path
            if key not in self._owners and point.module in sys.modules:
                owner: Any = importlib.import_module(point.module)
                for parent in parents:
                    owner = getattr(owner, parent)
                self._owners[key] = owner
            if key in self._owners:
                found[key] = vars(self._owners[key]).get(name)
        return found

    def _untouched(self) -> set[tuple[str, str]]:
        return {point for point, present in self._loaded().items() if not has_ours(present)}


def has_ours(present: Any) -> bool:
    """True when a wrapper of ours is in the chain, or a class of ours in the place of the library's."""
    if isinstance(present, type):
        return any("timetracer_seen" in vars(kind) for kind in present.__mro__)
    while isinstance(present, wrapt.FunctionWrapper | wrapt.BoundFunctionWrapper):
        wrapper = present._self_wrapper
        if str(getattr(wrapper, "__module__", "")).startswith(OURS):
            return True
        present = present.__wrapped__
    return False


def stands_on(present: Any, original: Any) -> bool:
    """True when that is beneath all wrappers, or the class that another in its place is made of."""
    while isinstance(present, wrapt.FunctionWrapper | wrapt.BoundFunctionWrapper):
        present = present.__wrapped__
    return present is original or (isinstance(present, type) and original in present.__mro__)


def seen(cassette: Cassette) -> list[Seen]:
    """The inbound request, or another message that began it, then the calls."""
    found = [
        Seen(call.integration, short(call.request), call.span.scope.name, type(call.answer).__name__)
        for call in cassette.calls()
    ]
    request = cassette.inbound_message
    if request is not None and names.ENTRY_FRAMEWORK in cassette.entry.attributes:
        framework = str(cassette.entry.attributes[names.ENTRY_FRAMEWORK])
        body = f" {(request.body or b'').decode()}" if isinstance(request, HttpRequest) else ""
        answer = type(cassette.inbound_answer).__name__
        found.insert(0, Seen(framework, f"{short(request)}{body}", cassette.entry.scope.name, answer))
    return found + [
        Seen("app", span.name, span.scope.name, "")
        for span in cassette.spans
        if span.name.startswith("work ")
    ]


def short(request: Request | None) -> str:
    """The title, without scheme and host."""
    assert request is not None
    url = getattr(request, "url", None)
    if url is None:
        server = getattr(request, "server", None)
        title = request.title()
        return title.replace(server, "").rstrip() if isinstance(server, str) and server else title
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Problems(logging.Handler):
    """Keeps what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(f"{record.name}: {record.getMessage()}")


def run(subject: type[Subject], steps: tuple[str, ...], folder: Path) -> Facts:
    """One order, in this process."""
    problems = Problems()
    logging.getLogger("timetracer_otel").addHandler(problems)
    logging.getLogger("opentelemetry").addHandler(problems)
    case = Case(subject(folder), folder)
    for step in steps:
        case.step(step)
    return case.facts(problems.lines)


def forked(subject: type[Subject], steps: tuple[str, ...], folder: Path) -> Facts:
    """One order, in a process forked from this one."""
    result = folder / "facts.json"
    pid = os.fork()
    if pid == 0:
        try:
            result.write_bytes(msgspec.json.encode(run(subject, steps, folder)))
        except BaseException:  # noqa: BLE001  # said by the child, and by its exit status
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"{steps} ended with {status}")
    return msgspec.json.decode(result.read_bytes(), type=Facts)


def main() -> None:
    """Run every order, or those named, and print the facts by order as JSON."""
    subject, *orders = sys.argv[1:]
    module, _, name = subject.partition(":")
    config.load()
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"
    facts = {}
    # what libraries stand on: loaded once, it makes no difference to the order of things
    for beneath in _BENEATH:
        with contextlib.suppress(ImportError):
            importlib.import_module(beneath)
    gc.freeze()  # the children's collector need not look at all this again
    for order in orders or STEPS:
        with tempfile.TemporaryDirectory() as folder:
            kind = getattr(importlib.import_module(module), name)
            facts[order] = forked(kind, STEPS[order], Path(folder))
    print(msgspec.json.encode(facts).decode())  # noqa: T201  # the result of the process
