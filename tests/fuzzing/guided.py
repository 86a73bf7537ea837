"""Fuzzes one target, guided by the coverage of our own code: ``python -m tests.fuzzing.guided values 60``.

A process of its own: libFuzzer never returns, and code is watched by being imported here.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["timetracer_otel"]):
    from tests.fuzzing.seeds import seeds
    from tests.fuzzing.targets import TARGETS

MEMORY_MB = 2048
INPUT_SECONDS = 20
"""An input that takes longer is a finding."""


def main(name: str, seconds: str) -> None:
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            Path(corpus, str(number)).write_bytes(seed)
        options = [
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-timeout={INPUT_SECONDS}",
            f"-artifact_prefix={tempfile.gettempdir()}/",
        ]
        atheris.Setup([sys.argv[0], corpus, *options], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
