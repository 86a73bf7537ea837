"""Putting a whole process into replay, before its app is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import wrapt
from opentelemetry import trace as otel_trace

from timetracer_otel import config, integrations, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import CassetteFormatError, CassetteNotFound, CodecError
from timetracer_otel.nondeterminism import Importing
from timetracer_otel.opening import open_store
from timetracer_otel.replayers import guard, livetree
from timetracer_otel.replayers.drawing import imported_values
from timetracer_otel.replayers.elsewhere import Elsewhere
from timetracer_otel.replayers.inbound import CassetteLibrary, ReplayEntries
from timetracer_otel.replayers.outside import recorded_beside
from timetracer_otel.replayers.reporting import CallReports


def load_all(*specs: str | Path) -> list[tuple[Path, Cassette]]:
    """Every cassette of files and folders, and where it is.

    Raises:
        CassetteError: there is none, or one cannot be read or holds a request that cannot be sent.
    """
    return list(each(*specs))


def each(*specs: str | Path) -> Iterator[tuple[Path, Cassette]]:
    """As :func:`load_all`, one after the other. With files that were named alone comes what was recorded
    outside requests beside them.

    Raises:
        CassetteError: as above.
    """
    none = True
    alone: list[Path] = []
    for spec in specs:
        store = open_store(spec)
        for path in store.paths():
            if path == store.path:
                alone.append(path)
            cassette = store.load(path)
            try:
                _ = cassette.inbound_message
            except CodecError as error:
                raise CassetteFormatError(f"{path}: {error}") from error
            none = False
            yield path, cassette
    if len(alone) == len(specs):  # else a folder is there, with all that is in it
        yield from recorded_beside(alone)
    if none:
        raise CassetteNotFound(
            f"{', '.join(map(str, specs))}: there are no cassettes in it; record some first"
        )


def start_replaying(settings: Settings, provider: otel_trace.TracerProvider) -> CassetteLibrary:
    """Serve every inbound request from its cassette, and refuse all other connections.

    Args:
        settings: see :mod:`timetracer_otel.config`.
        provider: the process's; where it is none of the SDK, the first one that is set from here on.

    Raises:
        CassetteError: the cassettes cannot be loaded.
    """
    settings = config.beside(settings, settings.cassette or settings.dir)
    place = open_store(settings.cassette or settings.dir).path
    loaded = load_all(place)
    library = CassetteLibrary([cassette for _, cassette in loaded], settings, Elsewhere([place]))
    if not _follow(provider, settings):
        _follow_later(settings)
    integrations.install()
    guard.install()
    entries = ReplayEntries(library, reports=CallReports.asked_for())
    ports.set_process_ports(library.process_session, entries)
    drawn = imported_values(library.process_session.cassettes)
    if drawn is not None:
        ports.UntilFirst.stand(entries, Importing(drawn).over)
    return library


def _follow(provider: object, settings: Settings) -> bool:
    """Take the spans of that provider as the live tree, if it is one of the SDK."""
    from opentelemetry.sdk.trace import TracerProvider

    if not isinstance(provider, TracerProvider):
        return False
    if not settings.export_replay:
        from timetracer_otel.sampling import record_only

        record_only(provider, everything=True)
    livetree.watch(provider)
    return True


def _follow_later(settings: Settings) -> None:
    """Follow the provider that the app is going to set."""

    def placed(wrapped: Callable[..., None], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        wrapped(*args, **kwargs)
        try:
            _follow(otel_trace.get_tracer_provider(), settings)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("following a tracer provider", error)

    # beneath the public function, which many import by its name
    wrapt.wrap_function_wrapper("opentelemetry.trace", "_set_tracer_provider", placed)
