"""The demonstration: record the example shop, stop everything it talks to, and replay it."""

from timetracer_otel.demo.story import run

__all__ = ["run"]
