"""Conflicts of versions that cost nothing: what the standard instrumentation does not take, ours does.

It draws the spans itself then.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from timetracer_otel.integrations.loading import covers

logger = logging.getLogger("timetracer_otel.launcher")

_THEIRS: Final = "opentelemetry.instrumentation.auto_instrumentation._load"
_CONFLICT: Final = re.compile(r'([\w-]+) (?:only instruments|instruments any of) ".+ outside of that range')
_NAMES: Final = {
    "aiohttp-client": "aiohttp",
    "grpc_client": "grpc",
    "grpc_aio_client": "grpc",
    "grpc_aio_server": "grpc_server",
    "mysql": "mysqlconnector",
}
"""Names of standard instrumentations whose library has another name here."""


def say_them_softly() -> None:
    """The launcher logs such a conflict as an error; where it is none, it is information."""
    logging.getLogger(_THEIRS).addFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    found = _CONFLICT.match(record.getMessage())
    if found is None or not covers(_NAMES.get(found[1], found[1])):
        return True
    logger.info("%s; the spans of its calls are timetracer-otel's own", found[0])
    return False
