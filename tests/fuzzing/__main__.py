"""Fuzzes every target, guided by coverage where atheris is installed.

python -m tests.fuzzing --seconds 60             each target, one after the other
python -m tests.fuzzing --seconds 60 values      one
python -m tests.fuzzing values crash-1f2e...     what was found, again
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzzing.seeds import seeds
from tests.fuzzing.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--plain", action="store_true", help="not guided, as where atheris is missing")
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("found", nargs="?", type=Path)
    options = parser.parse_args()
    if options.found is not None:
        TARGETS[options.target](options.found.read_bytes())
        return 0
    plain = options.plain or importlib.util.find_spec("atheris") is None
    if plain:
        print(
            "coverage-guided fuzzing: not run (atheris is not installed here); inputs are mutated at random"
        )
    status = 0
    for name in [options.target] if options.target else TARGETS:
        if plain:
            print(f"{name}: {mutate(name, options.seconds)} inputs", flush=True)
            continue
        seconds = str(max(1, round(options.seconds)))
        command = [sys.executable, "-m", "tests.fuzzing.guided", name, seconds]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        last = done.stdout.strip().splitlines()[-1]
        print(f"{name}: {last}" if done.returncode == 0 else f"{name}: FAILED\n{done.stdout}", flush=True)
        status |= done.returncode
    return 1 if status else 0


def mutate(name: str, seconds: float) -> int:
    """Fuzz one target with random changes; how many inputs there were.

    Raises:
        AssertionError: one made it raise what it must not; the input is in the text.
    """
    chance = random.Random(0)  # noqa: S311  # the same changes each time are what is wanted
    begun = time.monotonic()
    corpus, target, count = seeds(name), TARGETS[name], 0
    while time.monotonic() - begun < seconds:
        data = bytearray(chance.choice(corpus))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(data) + 1)
            piece = chance.choice(
                (chance.randbytes(chance.randint(0, 4)), chance.choice(corpus)[at : at + 20])
            )
            data[at : at + chance.randint(0, 8)] = piece
        try:
            target(bytes(data))
        except Exception as error:
            raise AssertionError(f"{name} raised {type(error).__name__} on {bytes(data)!r}") from error
        count += 1
    return count


if __name__ == "__main__":
    sys.exit(main())
