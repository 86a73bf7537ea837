"""``timetracer-otel demo``."""

from __future__ import annotations

import click


@click.command("demo")
def command() -> int:
    """Record and replay an example shop with its services stopped.

    It needs a few packages more: pip install 'timetracer-otel[demo]'
    """
    from timetracer_otel.demo import run

    return run(click.echo)
