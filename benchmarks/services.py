"""The processes that the recording benchmark compares: one service, recorded in several ways."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import others

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
        """Seconds of CPU its threads have used, in the app and in the system."""
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


VARIANTS = ("bare", "launched", "off", "stock", "stock-whole", "ours", "timetracer")
"""``launched``: under the launcher, as if this package were not installed; ``off``: it is, and its
mode is off. ``stock``: the stock exporter, as it comes: it drops spans when it cannot keep up.
``stock-whole``: with a queue that has room for all. ``ours``, ``timetracer``: recording."""


class Services:
    """The variants, each a process.

    Args:
        chosen: of :data:`VARIANTS`. The older package is left out where it cannot be installed.
        core: where they all run.
        environment: of each.
        endpoint: where the stock exporter sends.
        folder: where they run and write.
    """

    def __init__(
        self, chosen: Sequence[str], core: int, environment: Mapping[str, str], endpoint: str, folder: Path
    ) -> None:
        self.by_name: dict[str, Service] = {}
        packages = others.folder() if "timetracer" in chosen else None
        quiet = {**environment, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}

        def stock(name: str, **added: str) -> tuple[Sequence[str], Mapping[str, str]]:
            exporting = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": name, **added}
            path = _path(_configurator(folder, name))
            launcher = (_LAUNCHER, "--traces_exporter", "otlp_proto_http")
            return launcher, {**quiet, **exporting, "OTEL_PYTHON_CONFIGURATOR": "stock", **path}

        started: dict[str, Callable[[], tuple[Sequence[str], Mapping[str, str]]]] = {
            "bare": lambda: ((), quiet),
            "launched": lambda: ((_LAUNCHER,), {**quiet, **_path(_unplugged(folder))}),
            "off": lambda: ((_LAUNCHER,), {**quiet, "TIMETRACER_MODE": "off"}),
            "stock": lambda: stock("stock"),
            "stock-whole": lambda: stock("stock-whole", OTEL_BSP_MAX_QUEUE_SIZE="1000000"),
            "ours": lambda: ((_LAUNCHER, "--traces_exporter", "timetracer"), quiet),
            "timetracer": lambda: (
                (),
                {
                    **quiet,
                    "TIMETRACER_MODE": "record",
                    "WITH_TIMETRACER": "1",
                    **_path(packages or folder),
                },
            ),
        }
        for name in chosen:
            if name == "timetracer" and packages is None:
                continue
            launcher, variables = started[name]()
            self.by_name[name] = Service(core, launcher, variables, folder / name)

    async def stop(self) -> None:
        """Stop all; each writes what it still holds."""
        await asyncio.gather(*(asyncio.to_thread(service.stop) for service in self.by_name.values()))


def _path(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join((_ROOT, str(folder)))}


def _distribution(folder: Path, name: str, entry_points: str) -> Path:
    """A folder for the path with the data of a distribution, which hides one of the same name."""
    info = folder / f"path-{name}" / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return info.parent


def _configurator(folder: Path, variant: str) -> Path:
    """Makes the launcher configure the SDK, as opentelemetry-distro would."""
    return _distribution(
        folder / f"configurator-{variant}",
        "stock",
        "[opentelemetry_configurator]\nstock = opentelemetry.sdk._configuration:_OTelSDKConfigurator\n",
    )


def _unplugged(folder: Path) -> Path:
    """Makes the launcher find nothing of this package."""
    return _distribution(folder, "timetracer_otel", "")
