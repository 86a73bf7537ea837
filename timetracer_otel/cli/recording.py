"""``timetracer-otel record``."""

from __future__ import annotations

from typing import Any, Final

import click

from timetracer_otel.cli.launching import launch, quieten
from timetracer_otel.cli.options import environment, setting_options, settings_from

_EXPORTER: Final = "timetracer"


@click.command("record", context_settings={"allow_interspersed_args": False})
@setting_options(
    "dir",
    "sample_rate",
    "errors_only",
    "record_unsampled",
    "exclude_paths",
    "capture_bodies",
    "max_body_kb",
    "max_trace_kb",
    "max_pending_mb",
    "max_outside",
    "grace_seconds",
    "payloads",
    "encoding",
    "compression",
    "redact",
    "redact_keys",
    "redact_headers",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def command(command: tuple[str, ...], **options: Any) -> None:
    r"""Run a service and record its requests.

    COMMAND is run as it is, under opentelemetry-instrument. Each request becomes a file in the store.

    \b
    timetracer-otel record -- uvicorn app:app
    """
    environ = environment(options)
    environ["TIMETRACER_MODE"] = "record"
    settings_from(environ)  # what is malformed is said here, before anything starts
    given = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")]
    if _EXPORTER not in given:
        # whom the user exports to goes on being sent the spans
        environ["OTEL_TRACES_EXPORTER"] = ",".join(
            [*(name for name in given if name not in ("", "none")), _EXPORTER]
        )
    quieten(environ)
    launch(command, environ)
