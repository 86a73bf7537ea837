"""The applications under test: ordinary services that know nothing of timetracer-otel."""
