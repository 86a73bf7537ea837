"""``python -m timetracer_otel``: the command line."""

from timetracer_otel.cli import main

main()
