"""What recording costs a FastAPI service: requests per second, bare and instrumented, in one run.

Four processes of one service run side by side on one core, each recording in its own way; this
process asks them in turn from another core, round after round, so that what else the machine does
meets all of them. Ratios are of the two numbers of one round; the table shows their median and
their range. ``python -m benchmarks.recording [rounds] [seconds]`` runs this alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Upstream, requests_per_second
from timetracer_otel.formats import decode
from timetracer_otel.span import SpanKind

ROUNDS = 5
SECONDS = 1.5
WARM_UP_SECONDS = 0.5
ROUTES = {"trivial": "/trivial", "one httpx call": "/upstream", "SQL and two httpx calls": "/order/2"}
OTHER = "timetracer==1.6.0"
_READY = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
_LAUNCHER = str(Path(sysconfig.get_path("scripts"), "opentelemetry-instrument"))
_ROOT = str(Path(__file__).resolve().parents[1])
_COMMAND = [sys.executable, "-m", "uvicorn", "benchmarks.recorded_app:app", "--port", "0", "--no-access-log"]
_TICKS = os.sysconf("SC_CLK_TCK")


class Service:
    """A uvicorn process of the service.

    Args:
        core: the one it runs on.
        launcher: what is put before its command.
        environment: added to this process's own.
        folder: where it runs; made here.
    """

    def __init__(
        self, core: int, launcher: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        folder.mkdir()
        self.asked = 0
        self._log = folder / "log"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TIMETRACER_"))
        }
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})  # inherited by the process
        try:
            with self._log.open("w") as log:
                self._process = subprocess.Popen(
                    [*launcher, *_COMMAND],
                    cwd=folder,
                    env={**inherited, "PYTHONPATH": _ROOT, "DATABASE": "goods.db", **environment},
                    stderr=log,
                )
        finally:
            os.sched_setaffinity(0, mine)

    async def port(self) -> int:
        """Its port, as soon as it listens."""
        while (ready := _READY.search(self._log.read_text())) is None:
            if self._process.poll() is not None:
                raise RuntimeError(f"the service did not start:\n{self._log.read_text()}")
            await asyncio.sleep(0.05)
        return int(ready[1])

    def cpu(self) -> float:
        """Seconds of CPU its threads have used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    async def idle(self) -> float:
        """Wait until it has nothing left to do (to write, say); the CPU it has used by then."""
        before = -1.0
        while (now := self.cpu()) - before > 1 / _TICKS:
            before = now
            await asyncio.sleep(0.1)
        return now

    def stop(self) -> None:
        """Ask it to stop, as a supervisor would, and wait until it did."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


@dataclass
class Measured:
    """Requests per second and CPU of one variant on one route, round by round."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """Microseconds of CPU a request, what was written after its answer included."""


async def measure(
    services: Mapping[str, Service], rounds: int, seconds: float
) -> dict[str, dict[str, Measured]]:
    """By route and variant; the variants take turns within a round, each first in its turn."""
    ports = {name: await service.port() for name, service in services.items()}
    results = {route: {name: Measured() for name in services} for route in ROUTES}
    for route, path in ROUTES.items():
        for name, service in services.items():
            service.asked += (await requests_per_second(ports[name], path, WARM_UP_SECONDS))[1]
        for turn in range(rounds):
            order = list(services)
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                service = services[name]
                before = await service.idle()
                rate, answered = await requests_per_second(ports[name], path, seconds)
                used = await service.idle() - before
                service.asked += answered
                results[route][name].per_second.append(rate)
                results[route][name].cpu_us.append(used / answered * 1e6)
    return results


def configurator(folder: Path) -> Path:
    """A folder for the path that makes the launcher configure the SDK, as opentelemetry-distro would."""
    info = folder / "configurator" / "stock-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stock\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_configurator]\nstock = opentelemetry.sdk._configuration:_OTelSDKConfigurator\n"
    )
    return info.parent


def other_package(folder: Path) -> bool:
    """Install the older package into a folder of its own; false when that is not possible."""
    arguments = ["install", "--quiet", "--no-deps", "--target", str(folder), OTHER]
    for command in ([sys.executable, "-m", "pip"], ["uv", "pip"]):
        if shutil.which(command[0]) is None:
            continue
        if subprocess.run([*command, *arguments], capture_output=True, check=False).returncode == 0:
            return True
    return False


async def run(core: int, rounds: int, seconds: float, folder: Path) -> None:
    """Start the variants on a core, measure them, print the tables."""
    sent: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(sent), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    quiet = {"UPSTREAM_URL": url, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    stock = {
        **quiet,
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_PYTHON_CONFIGURATOR": "stock",
        "PYTHONPATH": os.pathsep.join((_ROOT, str(configurator(folder)))),
    }
    services = {
        "bare": Service(core, (), quiet, folder / "bare"),
        "stock": Service(core, (_LAUNCHER, "--traces_exporter", "otlp_proto_http"), stock, folder / "stock"),
        "ours": Service(core, (_LAUNCHER, "--traces_exporter", "timetracer"), quiet, folder / "ours"),
    }
    if other_package(folder / "packages"):
        path = os.pathsep.join((_ROOT, str(folder / "packages")))
        chosen = {"TIMETRACER_MODE": "record", "WITH_TIMETRACER": "1", "PYTHONPATH": path}
        services["timetracer"] = Service(core, (), {**quiet, **chosen}, folder / "timetracer")
    else:
        print(f"{OTHER} cannot be installed here: not compared")
    try:
        results = await measure(services, rounds, seconds)
    finally:
        # the sink must answer the last export while they stop
        await asyncio.gather(*(asyncio.to_thread(service.stop) for service in services.values()))
        server.close()
    for route, measured in results.items():
        table(route, measured)
    kept = {
        "stock": sum(span.kind is SpanKind.SERVER for body in sent for span in decode(body)),
        **{name: sum(1 for _ in (folder / name).rglob("*.json")) for name in ("ours", "timetracer")},
    }
    for name, service in services.items():
        if name in kept:
            print(f"{name + ' kept, of the requests answered':<42}{kept[name] / service.asked:>10.3f}")


def table(route: str, measured: Mapping[str, Measured]) -> None:
    """Print one route: medians of the variants, then ours against each other one."""
    ours, bare = measured["ours"], measured["bare"]
    print(f"\nGET {ROUTES[route]}: {route}")
    for name, one in measured.items():
        added = statistics.median(one.cpu_us) - statistics.median(bare.cpu_us)
        print(
            f"  {name:<16}{statistics.median(one.per_second):>8.0f} requests/s{added:>+8.0f} µs CPU a request"
        )
    budgets = {"stock": 1.0, "timetracer": 1.5 if route == "trivial" else 1.0}
    for name, budget in budgets.items():
        if name in measured:
            other = measured[name]
            speed = ratios(ours.per_second, other.per_second)
            work = ratios(other.cpu_us, ours.cpu_us)
            print(f"  ours / {name:<11}{speed} requests/s   {work} CPU   budget {budget}")


def ratios(mine: Sequence[float], others: Sequence[float]) -> str:
    """The median and the range of the ratios of each round."""
    found = sorted(one / other for one, other in zip(mine, others, strict=True))
    return f"{statistics.median(found):>6.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def main(rounds: int = ROUNDS, seconds: float = SECONDS) -> None:
    """Print what recording costs."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        print("recording: not run, it needs a core for the service and one for its clients")
        return
    core = min(cores)
    os.sched_setaffinity(0, cores - {core})
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run(core, rounds, seconds, Path(folder)))
    finally:
        os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else ROUNDS, float(given[1]) if given[1:] else SECONDS)
