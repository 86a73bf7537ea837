"""The shop, which notes what its process holds each time one of its paths is asked for."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import threading
from pathlib import Path

from tests.regressions.apps import shop
from tests.regressions.apps.shop import Answer, gathered
from timetracer_otel.cassette import Cassette
from timetracer_otel.replayers.session import Session

__all__ = ["SYNCHRONOUS", "gathered"]

_KINDS = (asyncio.Task, socket.socket, Session, Cassette)


def key() -> Answer:
    gc.collect()
    counts = dict.fromkeys((kind.__name__ for kind in _KINDS), 0)
    for one in gc.get_objects():
        for kind in _KINDS:
            counts[kind.__name__] += issubclass(type(one), kind)  # a proxy may be asked for nothing
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    counts["threads"] = threading.active_count()
    counts["descriptors"] = len(os.listdir("/proc/self/fd"))
    counts["kilobytes"] = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    with Path(os.environ["COUNTS"]).open("a") as file:
        file.write(json.dumps([os.getpid(), counts]) + "\n")
    return shop.key()


SYNCHRONOUS = {**shop.SYNCHRONOUS, "key": key}
