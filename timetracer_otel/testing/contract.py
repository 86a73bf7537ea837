"""The checks of the contract."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache

import msgspec

from timetracer_otel.testing.orders import ORDERS, OURS, REPLAY, Facts, in_force
from timetracer_otel.testing.subjects import Dependency


def check_order(subject: type[Dependency], order: str) -> None:
    """Check a library in one of :data:`~timetracer_otel.testing.orders.ORDERS`.

    The app gets what it gets without us; each call is recorded once, answered and without a gap, on the
    standard instrumentation's span where there is one; and when undone nothing of us is left.

    Args:
        subject: the library, as an app uses it.
        order: in which the app, the standard instrumentor and ours come.

    Raises:
        AssertionError: something of it does not hold; says what.
        RuntimeError: the subject itself does not work; with its traceback.
    """
    facts, bare = _facts(subject)[order], _facts(subject)["nothing"]
    steps = ORDERS[order]
    _same(facts.results, bare.results, "what the app gets with us, and without")
    _same(facts.problems, [], "what is logged")
    _same(facts.gaps, [], "gaps in the recording")
    calls = [seen for cassette in facts.recorded for seen in cassette if seen.integration != "app"]
    carriers = [seen.scope for seen in calls]
    _same(facts.scopes.get(OURS, 0), carriers.count(OURS), "spans of our own, and calls that need one")
    if in_force(steps, "ours"):
        expected = [(subject.integration, True)] * len(facts.results)
        _same(
            [(seen.integration, seen.answer != "NoneType") for seen in calls],
            expected,
            "calls recorded, answered",
        )
    else:
        _same(calls, [], "calls recorded by nobody")
        _same(
            (facts.ours, facts.changed),
            ([], []),
            "wrappers of ours that are left, functions that are not the same",
        )


def check_replay(subject: type[Dependency]) -> None:
    """Check that an app which is answered from the recording gets what it got, in type and value.

    Args:
        subject: the library, as an app uses it; replayed in a process in which no connection can be opened.

    Raises:
        AssertionError: it gets something else; says what.
        RuntimeError: the subject itself does not work; with its traceback.
    """
    facts = _facts(subject)[REPLAY]
    _same(facts.problems, [], "what is logged")
    _same(facts.replayed, facts.results, "what the app gets in replay, and what it got")


@cache
def _facts(subject: type[Dependency]) -> dict[str, Facts]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603  # this Python, with a class of the caller's
            [sys.executable, "-m", "timetracer_otel.testing", f"{subject.__module__}:{subject.__qualname__}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=folder,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{subject.__qualname__} does not run:\n{done.stderr.decode()}")
    return msgspec.json.decode(done.stdout, type=dict[str, Facts])


def _same(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}:\n  found    {found!r}\n  expected {expected!r}")
