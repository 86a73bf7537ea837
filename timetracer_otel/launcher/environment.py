"""Our settings as flags of ``opentelemetry-instrument``, and its environment made fit to record.

The launcher imports this module before it reads its command line (entry point group
``opentelemetry_environment_variables``): each ``OTEL_X`` constant becomes a flag ``--x``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping, Sequence
from importlib.metadata import entry_points
from pathlib import PurePath

from timetracer_otel.settings_table import VARIABLES

FLAG_PREFIX = "OTEL_TIMETRACER_"

for _variable in VARIABLES:
    globals()[f"OTEL_{_variable.name}"] = f"OTEL_{_variable.name}"


def prepare(arguments: Sequence[str], environ: MutableMapping[str, str]) -> None:
    """Make one flag enough.

    opentelemetry-distro sets the ``otlp`` exporter for metrics and logs where nothing is set, and
    without the OTLP package that aborts all of OpenTelemetry. Where nobody asked for them and
    nobody can serve them, they become ``none``. In replay nothing is exported unless asked.

    Args:
        arguments: the launcher's command line.
        environ: the environment the app will get.
    """
    given = _flags(arguments)
    exporters = given.get("traces_exporter", environ.get("OTEL_TRACES_EXPORTER", ""))
    mode = given.get("timetracer_mode", environ.get("TIMETRACER_MODE", "")).strip().lower()
    if mode == "replay":
        if environ.get("TIMETRACER_EXPORT_REPLAY", "").strip().lower() not in ("1", "true", "yes", "on"):
            environ["OTEL_TRACES_EXPORTER"] = "none"
            environ["OTEL_METRICS_EXPORTER"] = "none"
            environ["OTEL_LOGS_EXPORTER"] = "none"
    elif mode == "record" and not exporters:
        environ["OTEL_TRACES_EXPORTER"] = "timetracer"
    elif "timetracer" not in exporters.split(","):
        return
    for signal in ("metrics", "logs"):
        name = f"OTEL_{signal.upper()}_EXPORTER"
        if f"{signal}_exporter" in given or environ.get(name):
            continue
        if not list(entry_points(group=f"opentelemetry_{signal}_exporter", name="otlp_proto_grpc")):
            environ[name] = "none"


def _flags(arguments: Sequence[str]) -> dict[str, str]:
    """The launcher's own flags: those before the command."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        name, equals, value = rest.pop(0)[2:].partition("=")
        if not equals:
            value = rest.pop(0) if rest else ""
        found[name] = value
    return found


if PurePath(sys.argv[0] if sys.argv else "").stem == "opentelemetry-instrument":
    prepare(sys.argv[1:], os.environ)
