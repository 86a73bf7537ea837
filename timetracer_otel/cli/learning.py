"""``timetracer-otel replay --learn``: rules for what no two runs share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from timetracer_otel.config import Settings
    from timetracer_otel.replayers.options import ReplayOptions
    from timetracer_otel.replayers.runner import Plan
    from timetracer_otel.replayers.verdict import Verdict


def learn(
    app: str,
    work: Plan,
    settings: Settings,
    options: ReplayOptions,
    *,
    factory: bool,
    times: int,
    write_to: Sequence[Path] | None,
) -> int:
    """Print the rules, or write them; the exit status.

    Args:
        app: the application.
        work: what to replay.
        settings: how.
        options: how to send and to judge.
        factory: the application is made by a function.
        times: how often.
        write_to: the cassettes' places, when the rules are to be written beside them.
    """
    from timetracer_otel.replayers.learning import learn as learned
    from timetracer_otel.replayers.learning import rule_lines
    from timetracer_otel.replayers.runner import InProcess
    from timetracer_otel.volatile_rules import FILE, rules_beside, write_rules

    with contextlib.ExitStack() as stack, contextlib.redirect_stdout(sys.stderr):
        replayer = stack.enter_context(
            InProcess(app, work.outside, settings, options, factory=factory, places=work.places)
        )

        def replay(current: Settings) -> Generator[Verdict, None, None]:
            replayer.settings = current
            for path in work.chosen:
                yield replayer.replay(path)

        lesson = learned(replay, settings, times)
    for line in lesson.left:
        click.echo(f"left: {line}", err=True)
    if not lesson.rules:
        click.echo("nothing that no two runs share was found", err=True)
    elif write_to is None:
        click.echo(rule_lines(lesson.rules, "tool.timetracer.volatile"))
    else:
        folder = next((place for place in write_to if place.is_dir()), write_to[0].parent)
        write_rules(folder / FILE, [*rules_beside(folder), *lesson.rules])
        click.echo(f"{len(lesson.rules)} new rules are in {folder / FILE}")
    return 1 if lesson.left else 0
