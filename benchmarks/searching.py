"""What a search of many cassettes takes, beside what starting the command takes."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

from benchmarks.figures import line, ratio
from benchmarks.starting import cpu
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import HttpRequest, HttpResponse
from timetracer_otel.span import Span, SpanKind
from timetracer_otel.store import FolderStore

CASSETTES = 100_000
ROUNDS = 11
BEGAN = 1_795_000_000 * 10**9


def record(folder: Path, number: int) -> None:
    """So many cassettes of a request each, one a second, of words that some have and of one that one has."""
    store = FolderStore(folder)
    chance = random.Random(1)  # no secret
    for second in range(number):
        said = " ".join(f"word{chance.randrange(5000)}" for _ in range(40))
        request = HttpRequest("POST", "http://shop/orders", [], said.encode())
        response = HttpResponse(201, [], f'{{"order": "ord_{second}"}}'.encode())
        entry = Span(
            trace_id=f"{chance.getrandbits(128):032x}",
            span_id=f"{second + 1:016x}",
            name="POST /orders",
            kind=SpanKind.SERVER,
            start_time_unix_nano=BEGAN + second * 10**9,
            end_time_unix_nano=BEGAN + second * 10**9 + 5_000_000,
            attributes={names.HTTP_ROUTE: "/orders", **request.attributes(), **response.attributes()},
        )
        store.add(Cassette.from_spans([entry]))


def report(number: int = CASSETTES, rounds: int = ROUNDS) -> list[str]:
    """A search for a word that one cassette has, against ``--help``, as lines."""
    starts: list[float] = []
    searches: list[float] = []
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = temporary
        folder = Path(temporary, "cassettes")
        search = ("-m", "timetracer_otel", "search", "ord_1711", "--in", str(folder))
        try:
            record(folder, number)
            first = cpu(*search)
            for _ in range(rounds):
                starts.append(cpu("-m", "timetracer_otel", "--help"))
                searches.append(cpu(*search))
        finally:
            del os.environ["XDG_CACHE_HOME"]
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before
    return [
        "",
        f"searching {number:,} cassettes",
        line("search, against timetracer-otel --help", ratio(searches, starts), "budget 2"),
        f"the first search, which reads them all: {first:.1f} s",
    ]
