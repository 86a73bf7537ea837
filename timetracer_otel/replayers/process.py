"""Putting a whole process into replay, before its app is imported."""

from __future__ import annotations

from pathlib import Path

from opentelemetry import trace as otel_trace

from timetracer_otel import integrations, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.config import Settings
from timetracer_otel.errors import CassetteNotFound
from timetracer_otel.replayers import guard, livetree
from timetracer_otel.replayers.inbound import CassetteLibrary, ReplayEntries
from timetracer_otel.store import open_store


def load_all(spec: str | Path) -> list[Cassette]:
    """Every cassette of a file or folder.

    Raises:
        CassetteError: there is none, or one cannot be read.
    """
    store = open_store(spec)
    cassettes = [store.load(path) for path in store.paths()]
    if not cassettes:
        raise CassetteNotFound(f"{spec}: there are no cassettes in it; record some first")
    return cassettes


def start_replaying(settings: Settings, provider: otel_trace.TracerProvider) -> CassetteLibrary:
    """Serve every inbound request from its cassette, and refuse all other connections.

    Raises:
        CassetteError: the cassettes cannot be loaded.
    """
    from opentelemetry.sdk.trace import TracerProvider

    library = CassetteLibrary(load_all(settings.cassette or settings.dir), settings)
    if isinstance(provider, TracerProvider):
        if not settings.export_replay:
            from timetracer_otel.sampling import record_only

            record_only(provider, everything=True)
        livetree.watch(provider)
    integrations.install()
    guard.install()
    ports.set_process_ports(library.process_session, ReplayEntries(library))
    return library
