"""``python -m timetracer_otel.testing module:Subject [order ...]``, see :mod:`.cases`."""

from timetracer_otel.testing.cases import main

main()
