"""Starting under ``opentelemetry-instrument``, with no change to the app.

The launcher (opentelemetry.instrumentation.auto_instrumentation) calls, in this order: the
distribution, the configurator, which makes the exporter named by ``OTEL_TRACES_EXPORTER``, then
:func:`before_instrumentors`, the instrumentors, :func:`after_instrumentors`.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from timetracer_otel.errors import TimetracerError
from timetracer_otel.launcher.environment import FLAG_PREFIX

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from timetracer_otel.config import Settings

EXPORTER = "timetracer"


def before_instrumentors() -> None:
    """Entry point ``opentelemetry_pre_instrument``: record or replay, as the environment says."""
    start()
    if _started:
        from timetracer_otel.launcher.conflicts import say_them_softly
        from timetracer_otel.launcher.django_later import load_django_later

        load_django_later()
        say_them_softly()
    _watch_sigterm()


def _watch_sigterm() -> None:
    """Only here: a process that is started by us has nobody else yet who could want the signal."""
    if _started and wanted_mode() == "record":
        from timetracer_otel.exporters.ending import watch_sigterm

        watch_sigterm()


def after_instrumentors() -> None:
    """Entry point ``opentelemetry_post_instrument``: tap a provider that only came since."""
    start()


_started = False


def start() -> None:
    """Begin recording or replaying, once; what goes wrong is said in one line.

    A recording that cannot start leaves the app running as it is. A replay that cannot start ends
    the process: the app would go live.
    """
    global _started  # once a process
    if _started:
        return
    take_flags()
    mode = wanted_mode()
    if mode == "off":
        return
    _started = True
    from timetracer_otel import config, ports

    try:
        settings = config.load()
        if mode == "record":
            _record(settings)
        else:
            _replay(settings)
    except TimetracerError as error:
        print(f"timetracer-otel: {error}", file=sys.stderr)  # noqa: T201  # logging is not set up yet
        if mode == "replay":
            os._exit(2)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report("starting", error)
        if mode == "replay":
            os._exit(2)


def started() -> bool:
    """True once :func:`start` was asked to record or to replay."""
    return _started


def take_flags() -> None:
    """Rename settings given as launcher flags: ``--timetracer_dir`` sets ``OTEL_TIMETRACER_DIR``."""
    for name, value in list(os.environ.items()):
        if name.startswith(FLAG_PREFIX):
            os.environ[name.removeprefix("OTEL_")] = value


def wanted_mode() -> str:
    """``record``, ``replay`` or ``off``: the mode set, or recording when the exporter is selected."""
    mode = os.environ.get("TIMETRACER_MODE", "").strip().lower()
    if mode:
        return mode if mode in ("off", "replay") else "record"
    on_spans = os.environ.get("TIMETRACER_PAYLOADS", "").strip().lower() == "span"
    return "record" if _cassettes_wanted() or on_spans else "off"


def _cassettes_wanted() -> bool:
    """Cassettes are written when our exporter is selected, or the mode is ``record``."""
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "").split(",")
    mode = os.environ.get("TIMETRACER_MODE", "").strip().lower()
    return mode == "record" or EXPORTER in [name.strip() for name in exporters]


def _record(settings: Settings) -> None:
    from timetracer_otel import integrations
    from timetracer_otel.exporters.build import git_revision
    from timetracer_otel.exporters.imports import RecordedImport
    from timetracer_otel.exporters.processor import make_current, tap
    from timetracer_otel.exporters.recorder import Recorder
    from timetracer_otel.launcher.shortcuts import shorten
    from timetracer_otel.launcher.spared import spare
    from timetracer_otel.opening import store_for
    from timetracer_otel.sampling import record_only

    provider = _provider()
    writes = settings.payloads == "cassette" or _cassettes_wanted()
    recorder = Recorder(store_for(settings) if writes else None, settings, provider)
    tap(provider).recorder = recorder
    if settings.record_unsampled:
        record_only(provider, everything=False)
    make_current(recorder)
    if writes:
        RecordedImport(recorder)
    integrations.install()
    spare(provider)
    shorten()
    if find_spec("gevent") is not None:
        # once it has put its own in the place of subprocess, the writer's thread cannot ask git
        git_revision()


def _replay(settings: Settings) -> None:
    from timetracer_otel.replayers.process import start_replaying

    start_replaying(settings, _provider())


def _provider() -> TracerProvider:
    """The process's provider; configured here when no distribution did."""
    from opentelemetry import trace as otel_trace
    from opentelemetry.sdk.trace import TracerProvider

    provider = otel_trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        # what a distribution would do, with the environment's settings
        from opentelemetry.instrumentation.version import __version__ as launcher_version
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator

        _OTelSDKConfigurator().configure(auto_instrumentation_version=launcher_version)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        provider = otel_trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        raise TimetracerError(
            "OpenTelemetry's SDK is not active (is OTEL_SDK_DISABLED set?), so nothing is recorded"
        )
    return provider
